"""How an answer is read: from its text by rules in a fixed order, from its first token by probability. Pure.

A raw reply is kept, so a better parser (another PARSER_VERSION) can read old replies again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from survey.enums import Choice
from survey.llm.enums import ParseStage
from survey.llm.prompts import LABELS
from survey.llm.wire import Reply, TokenLogprob

PARSER_VERSION = "1"

_LEAD = r"[\W_]*(?i:(?:my |the )?(?:answer|choice)(?: is)?[\W_]*|option[\W_]*)?"  # such as "The answer is **"
_ALONE = re.compile(_LEAD + r"([ABab])[\W_]*")
# What follows the label must be something that cannot follow the article "A".
_AT_START = re.compile(_LEAD + r"([AB])(?:[).:,;*\n\]\"']|\s+(?:because|since|is)\b|\s+[-–—])")
_BOTH = re.compile(r"\W*A\W+(?:or\W+|and\W+)?B\b|\W*B\W+(?:or\W+|and\W+)?A\b")
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:no|')t|cannot|won't|will not|must decline|decline)"
    r"|as an? (?:ai|language model|artificial)|i (?:do not|don't) have (?:personal|a personal|any personal))"
)
_LABEL_TOKEN = re.compile(r"[\s▁Ġ(\[*\"']*([AB])[\s).:\]*\"']*")
_PREFIX_WORDS = 3  # so much of an option must stand in an answer that was cut off


class ParsedText(NamedTuple):
    choice: Choice | None
    stage: ParseStage


class LabelProbabilities(NamedTuple):
    """Both None where the endpoint sent no log-probabilities; p_culture None where no label was among them."""

    p_culture: float | None
    label_mass: float | None


def parse_text(text: str, options: Sequence[Choice], wordings: Mapping[Choice, str]) -> ParsedText:
    """Read which choice a text names; `options` are the choices shown as A and B."""
    if found := _ALONE.fullmatch(text):
        return ParsedText(options[LABELS.index(found[1].upper())], ParseStage.LABEL)
    if (found := _AT_START.match(text)) and not _BOTH.match(text):
        return ParsedText(options[LABELS.index(found[1])], ParseStage.LABEL_START)
    if choice := _named_option(text, wordings):
        return ParsedText(choice, ParseStage.OPTION_TEXT)
    if _REFUSAL.search(text.lower().replace("’", "'")):
        return ParsedText(None, ParseStage.REFUSAL)
    return ParsedText(None, ParseStage.UNPARSED)


def parse_reply(reply: Reply, options: Sequence[Choice], wordings: Mapping[Choice, str]) -> ParsedText:
    """Read a reply; one that the endpoint itself marks as a refusal is never searched for a choice."""
    if reply.is_refusal:
        return ParsedText(None, ParseStage.REFUSAL)
    return parse_text(reply.text, options, wordings)


def read_probabilities(first_tokens: Sequence[TokenLogprob] | None, options: Sequence[Choice]) -> LabelProbabilities:
    """Sum each label's token variants ("A", " A", "(A", "**A" …) and share the two sums out."""
    if first_tokens is None:
        return LabelProbabilities(None, None)
    masses = dict.fromkeys(LABELS, 0.0)
    for token, logprob in first_tokens:
        if found := _LABEL_TOKEN.fullmatch(token):
            masses[found[1]] += math.exp(logprob)
    label_mass = min(sum(masses.values()), 1.0)
    if not label_mass:
        return LabelProbabilities(None, 0.0)
    culture = masses[LABELS[options.index(Choice.CULTURE)]]
    return LabelProbabilities(culture / sum(masses.values()), label_mass)


def _named_option(text: str, wordings: Mapping[Choice, str]) -> Choice | None:
    """Give the one option whose text stands in the answer, or that a cut-off answer begins."""
    answer = _plain(text)
    options = {choice: _plain(wording) for choice, wording in wordings.items()}
    named = [choice for choice, option in options.items() if _holds(answer, option)]
    if len(named) > 1:  # "stand up" stands within "do not stand up": the longer one was meant
        longest = max(named, key=lambda choice: len(options[choice]))
        named = [c for c in named if c == longest or not _holds(options[longest], options[c])]
    if not named and answer.count(" ") + 1 >= _PREFIX_WORDS:
        named = [choice for choice, option in options.items() if option.startswith(answer)]
    return named[0] if len(named) == 1 else None


def _holds(text: str, part: str) -> bool:
    return bool(part) and f" {part} " in f" {text} "


def _plain(text: str) -> str:
    """Reduce a text to its words in lower case, without a label before them."""
    words = re.sub(r"\W+", " ", re.sub(r"^\W*[AB][).:]\s", "", text)).strip()
    return words.casefold()
