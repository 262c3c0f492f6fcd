"""What differs between two texts, word by word. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple


class Piece(NamedTuple):
    """A stretch of words: ``same`` in both, only in the old one (``del``) or only in the new one (``ins``)."""

    kind: str
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """Give the new text with what it lost and gained against the old one."""
    before, after = old.split(), new.split()
    pieces: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", " ".join(after[c:d])))
            continue
        pieces += [Piece("del", " ".join(before[a:b]))] if b > a else []
        pieces += [Piece("ins", " ".join(after[c:d]))] if d > c else []
    return pieces
