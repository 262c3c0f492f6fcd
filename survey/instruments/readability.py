"""How hard a short text is to read: words, sentences, syllables and one published measure per language. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

# A word may hold Devanagari vowel signs, which are no word characters to `re`, and joiners inside it.
WORD = re.compile(r"[^\W_](?:[\w\u0900-\u0963\u0971-\u097f\u200c\u200d]|['’.-](?=[^\W_]))*")
SENTENCE_END = re.compile(r"[.!?।॥…]+[\"'”’»)]*(?=\s|$)")
ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "sr", "sra", "srta", "dra", "डॉ", "श्री", "प्रो"})

FIRST_PERSON = frozenset({"I", "I'm", "I’m", "I'd", "I’d", "I'll", "I’ll", "I've", "I’ve"})
ENGLISH_VOWELS = re.compile(r"[aeiouyáàâäãéèêëíìîïóòôöõúùûü]+")
PORTUGUESE_STRONG = frozenset("aeoáàâãéêóôõ")
PORTUGUESE_WEAK = frozenset("iuü")
CLOSED = re.compile(r"nh|[lmnrz](?![aeiouáàâãéêíóôõúü])")
PORTUGUESE_ACCENTED = frozenset("áâãéêíóôõú")


class Reading(NamedTuple):
    """One measure of a text; ``hard`` says on which side of ``limit`` the trouble lies."""

    measure: str
    value: float
    limit: float
    is_hard: bool


def words(text: str) -> list[str]:
    return WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Split at full stops, question marks, dandas; a stop after ``Mrs`` and its like ends nothing."""
    found, start = [], 0
    for end in SENTENCE_END.finditer(text):
        before = words(text[start : end.start()])
        if before and not (end.group() == "." and before[-1].casefold() in ABBREVIATIONS):
            found.append(text[start : end.end()].strip())
            start = end.end()
    if words(text[start:]):
        found.append(text[start:].strip())
    return found


def common_words(text: str) -> list[str]:
    """List the words but the names: a capital letter inside a sentence marks one, save the English I.

    A name is as long as it is and nobody needs to know it; Dale and Chall (A formula for predicting readability,
    Educational Research Bulletin 27, 1948) count names as familiar for the same reason.
    """
    said = [words(sentence) for sentence in sentences(text)]
    return [
        word
        for sentence in said
        for at, word in enumerate(sentence)
        if at == 0 or not word[0].isupper() or word in FIRST_PERSON
    ]


def syllables_english(word: str) -> int:
    """Count groups of vowels, less a silent final e, es or ed; an estimate, as in every program that does this."""
    word = word.casefold()
    n = len(ENGLISH_VOWELS.findall(word))
    if re.search(r"[^aeiouyl]e$|[aeiouy]le$|[^aeiouytdl]ed$|(?:[aeiouy]|l)led$|[^aeiouyscxzhgl]es$|[aeiouy]les$", word):
        n -= 1
    return max(n, 1)


def syllables_portuguese(word: str) -> int:
    """Count vowels that are the core of a syllable: i and u beside another vowel glide, unless accented.

    In a rising pair the weak vowel counts (``di-a``), but not at the end of a word that is accented before it
    (``história``), nor after q and g (``quase``, ``água``). Before nh, or l, m, n, r, z that close the syllable,
    it does not glide (``sa-ir``, ``a-in-da``).
    """
    word = re.sub(r"(?<=[qg])[uü](?=[aeioáâãéêíóôõ])", "", word.casefold())
    n, glide = 0, False
    for at, letter in enumerate(word):
        before = word[at - 1] if at else ""
        after_vowel = before in PORTUGUESE_STRONG or before in PORTUGUESE_WEAK or before in {"í", "ú"}
        if letter in PORTUGUESE_STRONG:
            nasal = letter in "eo" and before in {"ã", "õ"}
            at_end = word[at + 1 :] in {"", "s", "m"} and any(x in PORTUGUESE_ACCENTED for x in word[: at - 1])
            rising = before in PORTUGUESE_WEAK and not glide and at_end
            n, glide = n + (not nasal and not rising), False
        elif letter in PORTUGUESE_WEAK:
            glide = after_vowel and not glide and not CLOSED.match(word, at + 1)
            n += not glide
        elif letter in {"í", "ú"}:
            n, glide = n + 1, False
        else:
            glide = False
    return max(n, 1)


def flesch_english(text: str) -> float:
    """Flesch reading ease: ``206.835 − 1.015·(words per sentence) − 84.6·(syllables per word)``; higher is easier.

    Names count in the length of the sentences only.
    Source: R. Flesch, A new readability yardstick, Journal of Applied Psychology 32 (1948) 221–233.
    """
    common = common_words(text)
    n_syllables = sum(syllables_english(word) for word in common)
    return 206.835 - 1.015 * len(words(text)) / len(sentences(text)) - 84.6 * n_syllables / len(common)


def flesch_portuguese(text: str) -> float:
    """Flesch reading ease with Portuguese's constant: ``248.835 − 1.015·words/sentence − 84.6·syllables/word``.

    Source: T. B. F. Martins, C. M. Ghiraldelo, M. G. V. Nunes, O. N. Oliveira Jr., Readability formulas applied
    to textbooks in Brazilian Portuguese, Notas do ICMSC-USP 28 (1996), who found Portuguese words to cost 42
    points that do not make them harder.
    """
    common = common_words(text)
    n_syllables = sum(syllables_portuguese(word) for word in common)
    return 248.835 - 1.015 * len(words(text)) / len(sentences(text)) - 84.6 * n_syllables / len(common)


def words_per_sentence(text: str) -> float:
    """Mean length of the sentences in words: the one part of the readability formulas that needs no calibration.

    Sinha, Sharma, Dasgupta and Basu (New readability measures for Bangla and Hindi texts, COLING 2012) show that
    English constants do not carry over to Hindi; the sentence's length is what may be used without them.
    """
    return len(words(text)) / len(sentences(text))


def read(text: str, language: str) -> Reading | None:
    """Measure a text by its language's formula; None where there is nothing to count or no formula.

    The limits: 60 is the lower end of "standard" on Flesch's scale, 50 that of "easy" on Martins and others';
    25 words are what GOV.UK's writing guidance lets a single sentence have, taken here for the mean.
    """
    if not words(text):
        return None
    if language == "en":
        value, limit = flesch_english(text), 60.0
        return Reading("Flesch reading ease", value, limit, value < limit)
    if language == "pt":
        value, limit = flesch_portuguese(text), 50.0
        return Reading("Flesch reading ease (Martins et al.)", value, limit, value < limit)
    if language == "hi":
        value, limit = words_per_sentence(text), 25.0
        return Reading("words per sentence", value, limit, value > limit)
    return None


def visible_length(text: str) -> int:
    """Count what takes up room: combining signs, such as Devanagari's vowel signs, do not count."""
    return sum(not unicodedata.category(character).startswith(("M", "C")) for character in text)
