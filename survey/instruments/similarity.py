"""How much two short texts say the same: words by their stems, echoes of a sentence, scenarios told twice. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from survey.instruments.lexicon import STOP_WORDS
from survey.instruments.readability import words

# Two forms of a word share all but an ending of this length, and at least so many letters at the start.
ENDING = 3
SHORTEST_STEM = {"en": 3, "pt": 3, "hi": 2}


class Pair(NamedTuple):
    """Two items whose scenarios are alike; ``score`` runs from 0 (nothing shared) to 1 (the same)."""

    first: str
    second: str
    score: float


def content_words(text: str, language: str) -> list[str]:
    """List the words that carry the meaning, case folded: no articles, pronouns or auxiliaries, no numbers."""
    stop_words = STOP_WORDS.get(language, "").split()
    folded = (word.casefold() for word in words(text))
    return [word for word in folded if word not in stop_words and not word.isdigit()]


def is_same_word(one: str, other: str, language: str) -> bool:
    """Tell whether two words differ in their ending only (``neighbor``, ``neighbors``)."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    longer = max(len(one), len(other))
    return one == other or (shared >= max(longer - ENDING, longer / 2, SHORTEST_STEM.get(language, 3)))


def echo(option: str, statement: str, language: str) -> float:
    """Give the longest run of words that an option shares with its statement, as a share of the option's words.

    Endings may differ (``treat`` and ``treated``); a run of fewer than three words is no echo.
    """
    said = [word.casefold() for word in words(option)]
    heard = [word.casefold() for word in words(statement)]
    longest = 0
    runs = [0] * (len(heard) + 1)  # runs[at]: length of the shared run that ends before position `at`
    for word in said:
        runs = [0, *(runs[at] + 1 if is_same_word(word, other, language) else 0 for at, other in enumerate(heard))]
        longest = max(longest, *runs)
    return longest / len(said) if longest >= 3 else 0.0


def shared_words(text: str, other: str, language: str) -> float:
    """Give the share of a text's content words that another text has too, in any order, whatever the endings."""
    own, there = content_words(text, language), content_words(other, language)
    found = [word for word in own if any(is_same_word(word, heard, language) for heard in there)]
    return len(found) / len(own) if own else 0.0


def shingles(text: str, language: str, size: int = 2) -> frozenset[tuple[str, ...]]:
    """Cut a text into its content words and its runs of ``size`` of them, so that order counts but does not decide."""
    said = content_words(text, language)
    runs = {tuple(said[at : at + size]) for at in range(len(said) - size + 1)}
    return frozenset(runs | {(word,) for word in said})


def jaccard(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Give the share of what two sets have in common: ``|A ∩ B| / |A ∪ B|`` (P. Jaccard 1901)."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def near_duplicates(texts: Mapping[str, str], language: str, threshold: float) -> Iterator[Pair]:
    """Give the pairs of texts with a score of at least ``threshold``, the likest first.

    Only texts that share a word are compared: with a rare-word index this stays quick for thousands of items.
    """
    cut = {code: shingles(text, language) for code, text in texts.items()}
    where: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for code, parts in cut.items():
        for part in parts:
            where[part].append(code)
    order = {code: at for at, code in enumerate(texts)}
    common = {part for part, codes in where.items() if len(codes) > max(20, len(texts) // 5)}
    pairs = {
        (one, other)
        for part, codes in where.items()
        if part not in common
        for one in codes
        for other in codes
        if order[one] < order[other]
    }
    scored = (Pair(one, other, jaccard(cut[one], cut[other])) for one, other in pairs)
    found = [pair for pair in scored if pair.score >= threshold]
    yield from sorted(found, key=lambda pair: (-pair.score, order[pair.first], order[pair.second]))
