"""What the codes of a variable mean, in each locale of the instrument: the words that respondents read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

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


def english(column: Column, level: str) -> str:
    """Say in English what a code means; the code itself where it speaks for itself."""
    vocabulary = VOCABULARIES.get(column.levels)
    return str(vocabulary(level).label) if vocabulary else level


class Labels:
    """The labels of codes by locale."""

    def __init__(self, version: InstrumentVersion) -> None:
        self.version = version

    @cached_property
    def locales(self) -> list[str]:
        return sorted(self.version.texts.order_by().values_list("locale", flat=True).distinct())

    def of(self, column: Column, level: str, locale: str) -> str:
        """Give a code's label in a locale: as respondents read it, else a country's name, else in English."""
        section = ANSWERED.get(column.name)
        if section:
            return self._texts(locale).get(f"{section}.{level}", english(column, level))
        if VOCABULARIES.get(column.levels) is enums.Country:
            return str(BabelLocale.parse(locale, sep="-").territories.get(level, english(column, level)))
        return english(column, level)

    def _texts(self, locale: str) -> Mapping[str, str]:
        return text_catalogue(self.version.pk, locale)
