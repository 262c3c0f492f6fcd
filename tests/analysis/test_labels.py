"""The labels of variables and codes in other languages, and what a release shows of them."""

import csv
import re
from itertools import chain

import pytest

from analysis.columns import Column, Table
from analysis.extract import ALL_TABLES
from analysis.release.labels import (
    ANSWERED,
    SOURCE,
    TRANSLATIONS,
    english,
    is_country,
    translated,
    translations,
)
from analysis.release.registered import DEVIATIONS
from analysis.release.tables import DATA_TABLES, NOT_PUBLISHED, PAPER
from survey.enums import Country, Locale

EVERY: tuple[Table, ...] = (*ALL_TABLES.values(), *DATA_TABLES, *PAPER, DEVIATIONS)
OTHERS = [locale for locale in Locale.values if not locale.startswith("en-")]


def shown(column: Column) -> list[str]:
    """Give the English texts of a column that are shown in other languages too."""
    is_own = column.levels == tuple(Locale.values)  # each language is named in itself
    is_named = is_own or is_country(column) or column.name in {*ANSWERED, *NOT_PUBLISHED}
    return [column.label, *(english(column, level) for level in column.levels if not is_named)]


def texts() -> set[str]:
    return set(chain.from_iterable(shown(column) for table in EVERY for column in table.columns))


@pytest.mark.parametrize("locale", OTHERS)
def test_every_label_is_translated_once_and_no_other(locale: str) -> None:
    with TRANSLATIONS.open(encoding="utf-8", newline="") as file:
        listed = [row[SOURCE] for row in csv.DictReader(file)]
    assert len(listed) == len(set(listed))
    assert sorted(texts() - set(listed)) == []
    assert sorted(set(listed) - texts()) == []
    assert [text for text, found in translations()[locale].items() if not found.strip() or found != found.strip()] == []


def test_hindi_is_written_in_its_own_script() -> None:
    latin = [one for one in translations()["hi-IN"].values() if not re.search(r"[\u0900-\u097f]", one)]
    assert latin == []


@pytest.mark.parametrize("locale", OTHERS)
def test_codes_of_a_variable_are_told_apart(locale: str) -> None:
    for table in EVERY:
        for column in table.columns:
            labels = [translated(english(column, level), locale) for level in column.levels]
            assert len(set(labels)) == len(labels), (table.name, column.name)


def test_no_code_is_left_without_words() -> None:
    released = (*DATA_TABLES, *PAPER, DEVIATIONS)
    bare = {level for table in released for c in table.columns for level in c.levels if english(c, level) == level}
    assert bare - {str(label) for label in Country.labels} == set()


def test_varieties_of_english_show_the_english_label() -> None:
    assert {translated("The answer", locale) for locale in Locale.values if locale not in OTHERS} == {"The answer"}
