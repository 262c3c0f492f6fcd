"""How an answer is read: from its text by rules in a fixed order, from its first token by probability. Pure.

A raw reply is kept, so a better parser (another PARSER_VERSION) can read old replies again.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from survey.enums import Choice, Locale
from survey.llm.enums import Method, ParseStage
from survey.llm.prompts import LABELS, Ask
from survey.llm.wire import Reply, TokenLogprob

PARSER_VERSION = "2"

# What may stand before a label, such as "The answer is **". Braces open an object, which is read as such.
_GAP = r"[^\w{}]*_*[^\w{}]*"
_LEADS = {
    "en": r"(?:(?:my |the )?(?:answer|choice)(?: is)?|option|i choose|i would choose)",
    "pt": r"(?:(?:a |minha |a minha )?(?:resposta|escolha|opção|alternativa)(?: é| seria)?|eu escolho|escolho)",
    "hi": r"(?:(?:मेरा |सही )?(?:उत्तर|जवाब|विकल्प)(?: है)?|मैं चुनूँगा|मैं चुनूँगी)",
}
# What follows the label must be something that cannot follow the article "A", English or Portuguese.
_GOES_ON = {"en": r"because|since|is", "pt": r"porque|pois", "hi": r"क्योंकि|है|हूँ|चुनूँगा|चुनूँगी"}
_AFTER = r"(?:[).:,;*\n\]\"']|\s+(?:{words})(?!\w)|\s+[-–—])"
_BOTH = re.compile(
    r"\W*(?:A\W+(?:or\W+|and\W+|ou\W+|e\W+|या\W+|और\W+)?B|B\W+(?:or\W+|and\W+|ou\W+|e\W+|या\W+|और\W+)?A)(?!\w)"
)
_REFUSALS = (
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:no|')t|cannot|won't|will not|must decline|decline)"
    r"|as an? (?:ai|language model|artificial)|i (?:do not|don't) have (?:personal|a personal|any personal))",
    r"\b(?:não (?:posso|consigo|devo|vou) (?:responder|escolher|ajudar|opinar|tomar|decidir|fazer)"
    r"|(?:me )?desculpe|lamento|sinto muito"
    r"|como (?:uma? )?(?:ia\b|inteligência artificial|modelo de linguagem|assistente virtual)"
    r"|não tenho (?:opiniões|preferências|opinião|preferência|experiências) pesso)",
    r"(?:क्षमा करें|क्षमा कीजिए|माफ़ करें|माफ कीजिए|माफ़ कीजिए|मुझे खेद है"
    r"|(?:उत्तर|जवाब|चुन|चुनाव|निर्णय|मदद)\w*[^।]{0,20}नहीं (?:दे |कर |ले )?(?:सकता|सकती|पाऊँगा|पाऊँगी)"
    r"|(?:एक )?(?:एआई|ai|कृत्रिम बुद्धि\S*|भाषा मॉडल) (?:के रूप में|होने के नाते|हूँ))",
)
_REFUSAL = re.compile("|".join(_REFUSALS))
_LABEL_TOKEN = re.compile(r"[\s▁Ġ(\[*\"']*([AB])[\s).:\]*\"']*")
_OBJECT = re.compile(r"\{[^{}]*\}")
_SHARE = r"\bA\b\W{1,6}(\d{1,3}(?:[.,]\d+)?)\s*%?\D{1,12}\bB\b\W{1,6}(\d{1,3}(?:[.,]\d+)?)\s*%?"
_PREFIX_WORDS = 3  # so much of an option must stand in an answer that was cut off
TOTAL_TOLERANCE = 0.011  # shares may be rounded


class ParsedText(NamedTuple):
    choice: Choice | None
    stage: ParseStage


class LabelProbabilities(NamedTuple):
    """Both None where the endpoint sent no log-probabilities; p_culture None where no label was among them."""

    p_culture: float | None
    label_mass: float | None


class Reading(NamedTuple):
    """All that is read from one reply."""

    choice: Choice | None
    stage: ParseStage
    p_culture: float | None
    label_mass: float | None


def read_answer(ask: Ask, reply: Reply) -> Reading:
    """Read a reply to a question, by the method that it was asked with."""
    if ask.method == Method.VERBALISED and not reply.is_refusal:
        return _read_shares(ask, reply)
    parsed = parse_reply(reply, ask.options, ask.wording.options, ask.locale)
    probabilities = LabelProbabilities(None, None)
    if ask.method == Method.FIRST_TOKEN:
        probabilities = read_probabilities(reply.first_tokens, ask.options)
    return Reading(*parsed, *probabilities)


# --- Text ----------------------------------------------------------------------------------------


def parse_text(
    text: str, options: Sequence[Choice], wordings: Mapping[Choice, str], locale: str = Locale.EN_US
) -> ParsedText:
    """Read which choice a text names; `options` are the choices shown as A and B.

    The label alone, an object's field (never what stands beside it), a label at the start, the text of one option, a
    refusal; the first rule that holds decides, and a text that none reads stays unread.
    """
    alone, at_start = _label_rules(locale)
    if found := alone.fullmatch(text):
        return ParsedText(options[LABELS.index(found[1].upper())], ParseStage.LABEL)
    if (label := _json_label(text)) is not None:
        return ParsedText(options[LABELS.index(label)], ParseStage.JSON_FIELD)
    if (found := at_start.match(text)) and not _BOTH.match(text):
        return ParsedText(options[LABELS.index(found[1])], ParseStage.LABEL_START)
    if choice := _named_option(text, wordings):
        return ParsedText(choice, ParseStage.OPTION_TEXT)
    if _REFUSAL.search(text.lower().replace("’", "'")):
        return ParsedText(None, ParseStage.REFUSAL)
    return ParsedText(None, ParseStage.UNPARSED)


def parse_reply(
    reply: Reply, options: Sequence[Choice], wordings: Mapping[Choice, str], locale: str = Locale.EN_US
) -> ParsedText:
    """Read a reply; one that the endpoint itself marks as a refusal is never searched for a choice."""
    if reply.is_refusal:
        return ParsedText(None, ParseStage.REFUSAL)
    return parse_text(reply.text, options, wordings, locale)


def _label_rules(locale: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Give the rules for a label alone and at the start; models asked in another language also answer in English."""
    language = locale.partition("-")[0]
    languages = ["en"] if language == "en" else [language, "en"]
    words = "|".join(_LEADS[each] for each in languages)
    lead = rf"{_GAP}(?:(?i:{words}){_GAP})?"
    after = _AFTER.format(words=_GOES_ON[language])
    return re.compile(rf"{lead}([ABab]){_GAP}"), re.compile(rf"{lead}([AB]){after}")


def _json_label(text: str) -> str | None:
    """Give the label in the field `answer` of the one object in a text; None where there is none."""
    found = _one_object(text)
    value = found.get("answer") if found else None
    label = value.strip().upper() if isinstance(value, str) else ""
    return label if label in LABELS else None


def _one_object(text: str) -> dict[str, Any] | None:
    objects = _OBJECT.findall(text)
    if len(objects) != 1:
        return None
    try:
        found = json.loads(objects[0])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
    """Reduce a text to its words in lower case, without a label before them; vowel signs belong to words."""
    body = re.sub(r"^\W*[AB][).:]\s", "", text)
    letters = (each if each.isalnum() or unicodedata.category(each)[0] == "M" else " " for each in body)
    return " ".join("".join(letters).split()).casefold()


# --- Probabilities -------------------------------------------------------------------------------


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


def _read_shares(ask: Ask, reply: Reply) -> Reading:
    """Read a distribution put in words; the larger share is the choice, an even split is none."""
    found = parse_shares(reply.text)
    if found is None:
        is_refusal = bool(_REFUSAL.search(reply.text.lower().replace("’", "'")))
        return Reading(None, ParseStage.REFUSAL if is_refusal else ParseStage.UNPARSED, None, None)
    shares, stage = found
    culture = shares[ask.options.index(Choice.CULTURE)]
    choice = None if culture == 0.5 else Choice.CULTURE if culture > 0.5 else Choice.PREFERENCE
    return Reading(choice, stage, culture, None)


def parse_shares(text: str) -> tuple[tuple[float, float], ParseStage] | None:
    """Read the shares of A and B, as an object or as "A: 70 %, B: 30 %"; None unless they make up a whole."""
    found = _one_object(text)
    if found is not None:
        values, stage = [found.get(label) for label in LABELS], ParseStage.JSON_FIELD
    elif len(parts := re.findall(_SHARE, text)) == 1:
        values, stage = [float(part.replace(",", ".")) for part in parts[0]], ParseStage.LABEL_START
    else:
        return None
    numbers = [each for each in map(_number, values) if each is not None]
    total = sum(numbers)
    whole = next((whole for whole in (1.0, 100.0) if abs(total / whole - 1) <= TOTAL_TOLERANCE), None)
    if len(numbers) != len(LABELS) or whole is None:
        return None
    return (numbers[0] / total, numbers[1] / total), stage


def _number(value: Any) -> float | None:
    """Take a number, or a text that is one with or without a percent sign; None for what is none or negative."""
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("%").strip().replace(",", "."))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if value >= 0 else None
