"""What a text is made of, letter by letter: hidden signs, foreign letters, words of a list. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from survey.instruments.lexicon import HINDI_ABBREVIATIONS, HINDI_LATIN
from survey.instruments.readability import words

DEVANAGARI = re.compile(r"[\u0900-\u097f]")
JOINERS = "\u200c\u200d"  # between Devanagari letters they choose the form of a conjunct
SPELLED = r"\w\u0900-\u0963\u0971-\u097f\u200c\u200d"  # what a word may hold
ASCII_STOP = re.compile(r"([\u0900-\u0963\u0971-\u097f\u200c\u200d]+)([.|])(?=[\"'”’)]*(?:\s|$))")
PLACEHOLDER = re.compile(r"\{\w*\}")


def is_nfc(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


def hidden(text: str) -> list[str]:
    """Name each kind of character that cannot be seen or told from a space; a line break may stay."""
    found: dict[str, None] = {}
    for at, character in enumerate(text):
        if character in " \n" or is_joining(text, at):
            continue
        if unicodedata.category(character) in {"Cc", "Cf", "Co", "Zs", "Zl", "Zp"} or character == "\ufffd":
            name = unicodedata.name(character, "control or private character").lower()
            found[f"{name} (U+{ord(character):04X})"] = None
    return list(found)


def is_joining(text: str, at: int) -> bool:
    neighbours = text[at - 1 : at] + text[at + 1 : at + 2]
    return text[at] in JOINERS and len(DEVANAGARI.findall(neighbours)) == 2


def foreign_words(text: str, language: str) -> list[str]:
    """List the words with letters of another script; in Hindi acronyms and a few known words may be Latin."""
    script = "DEVANAGARI" if language == "hi" else "LATIN"
    shown = PLACEHOLDER.sub(" ", text)
    found = [word for word in words(shown) if any(is_foreign(letter, script) for letter in word)]
    return [word for word in dict.fromkeys(found) if not (language == "hi" and is_known_latin(word))]


def is_foreign(character: str, script: str) -> bool:
    return unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lo"} and not unicodedata.name(character).startswith(
        (script, "FEMININE ORDINAL", "MASCULINE ORDINAL")
    )


def is_known_latin(word: str) -> bool:
    return word.casefold() in HINDI_LATIN or (word.isascii() and word.isupper() and len(word) <= 5)


def missing_dandas(text: str) -> list[str]:
    """List the Hindi words that an ASCII full stop or bar follows where a sentence ends."""
    return [word + stop for word, stop in ASCII_STOP.findall(text) if stop == "|" or word not in HINDI_ABBREVIATIONS]


def found_words(text: str, listed: tuple[str, ...]) -> list[str]:
    """List the words of a text that stand in a list of patterns (see `survey.instruments.lexicon`), as spelled."""
    if not listed:
        return []
    return list(dict.fromkeys(found.group() for found in compiled(listed).finditer(text)))


def without(text: str, listed: tuple[str, ...]) -> str:
    """Blank out what stands in a list of patterns."""
    return compiled(listed).sub(" ", text) if listed else text


@cache
def compiled(listed: tuple[str, ...]) -> re.Pattern[str]:
    """Turn a list of patterns into one expression, the longest first, bound to whole words."""
    ordered = sorted(listed, key=len, reverse=True)
    alternatives = "|".join(re.escape(entry).replace(r"\*", f"[{SPELLED}]*") for entry in ordered)
    return re.compile(f"(?<![{SPELLED}])(?:{alternatives})(?![{SPELLED}])", re.IGNORECASE)
