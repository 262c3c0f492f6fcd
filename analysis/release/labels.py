"""What variables and their codes mean, in each locale of the instrument.

Codes of answers are named in the words that respondents read, countries as Unicode's CLDR does; all else is translated
in `analysis/label_translations.csv`, a machine draft and marked as one wherever it is shown.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from babel import Locale as BabelLocale
from django.db.models import TextChoices

from analysis.columns import Column
from survey import enums
from survey.llm import enums as llm_enums
from survey.models import InstrumentVersion
from survey.queries import text_catalogue

# Variables whose codes are answers to a question of the instrument, by the section of its texts.
ANSWERED = {"age_band": "age", "gender": "gender", "question": "question"}
VOCABULARIES: dict[tuple[str, ...], type[TextChoices]] = {
    tuple(found.values): found
    for module in (enums, llm_enums)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, TextChoices) and found is not TextChoices
}
TRANSLATIONS = Path(__file__).parents[1] / "label_translations.csv"
SOURCE = enums.Locale.EN_US.value
AS_READ, CLDR, DRAFT = "as respondents read it", "Unicode CLDR", enums.TextStatus.MACHINE_DRAFT.value
# Codes that are no vocabulary of their own.
WORDS = {
    "younger_female": "Younger, female", "younger_male": "Younger, male",
    "older_female": "Older, female", "older_male": "Older, male",
    "declined": "Preferred not to answer", "participant": "Drawn per participant", "item": "Laid out by item",
    "fixed": "Fixed by the instrument", "same": "Of one country", "different": "Of two countries",
    "A": "Follows the culture", "B": "Allows the preference", "FOLLOW_CULTURE": "Follows the culture",
    "ALLOW_PREFERENCE": "Allows the preference", "UNKNOWN": "No answer could be read",
}  # fmt: skip
COUNTRY_CODES = {name: code for code, label in enums.Country.choices for name in (code, str(label))}


def english(column: Column, level: str) -> str:
    """Say in English what a code means; the code itself where it speaks for itself."""
    vocabulary = VOCABULARIES.get(column.levels)
    return str(vocabulary(level).label) if vocabulary else WORDS.get(level, level)


def translated(text: str, locale: str) -> str:
    """Give a label in a locale; where English is spoken, and where nobody has translated it, in English."""
    return translations().get(locale, {}).get(text, text)


@cache
def translations() -> Mapping[str, Mapping[str, str]]:
    """Give the translated labels: by locale, by the English one."""
    with TRANSLATIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {locale: {row[SOURCE]: row[locale] for row in rows} for locale in rows[0] if locale != SOURCE}


class Labels:
    """The labels of variables and codes by locale."""

    def __init__(self, version: InstrumentVersion) -> None:
        self.version = version

    @cached_property
    def locales(self) -> list[str]:
        return sorted(self.version.texts.order_by().values_list("locale", flat=True).distinct())

    @property
    def translated(self) -> list[str]:
        """Name the locales whose labels are translations."""
        return [locale for locale in self.locales if locale in translations()]

    def of(self, column: Column, level: str, locale: str) -> str:
        """Give a code's label in a locale."""
        section = ANSWERED.get(column.name)
        if section:
            return self._texts(locale).get(f"{section}.{level}") or translated(english(column, level), locale)
        if is_country(column):
            territories = BabelLocale.parse(locale, sep="-").territories
            return str(territories.get(COUNTRY_CODES[level], english(column, level)))
        return translated(english(column, level), locale)

    def _texts(self, locale: str) -> Mapping[str, str]:
        return text_catalogue(self.version.pk, locale)


def is_country(column: Column) -> bool:
    return bool(column.levels) and COUNTRY_CODES.keys() >= set(column.levels)


def status_of(column: Column) -> str:
    """Say where the labels of a variable's codes in other languages come from."""
    if column.name in ANSWERED:
        return AS_READ
    return CLDR if is_country(column) else DRAFT


@dataclass(frozen=True)
class Spoken:
    """The labels of one locale; without a locale those of the declarations."""

    labels: Labels
    locale: str = ""

    def variable(self, column: Column) -> str:
        return translated(column.label, self.locale)

    def code(self, column: Column, level: str) -> str:
        return self.labels.of(column, level, self.locale) if self.locale else english(column, level)

    def codes(self, column: Column) -> list[str]:
        """Give a label per code; the codes themselves where two would be called the same."""
        found = [self.code(column, level) for level in column.levels]
        return found if len(set(found)) == len(found) else list(column.levels)
