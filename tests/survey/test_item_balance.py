"""The content lint on how an instrument's items are spread over themes, countries and receivers."""

from collections.abc import Sequence
from dataclasses import replace

from survey.enums import Theme
from survey.instruments.findings import Finding, Rule
from survey.instruments.lint import lint
from survey.instruments.schema import Row
from tests.survey.test_lint import definition, row

CELLS = [("younger", "female"), ("younger", "male"), ("older", "female"), ("older", "male")]


def balance(rows: Sequence[Row]) -> list[Finding]:
    return lint(replace(definition("en-US", {}), items=tuple(rows)))


def test_balanced_countries_have_no_finding() -> None:
    rows = [row(f"A{n}", theme=theme, cell=CELLS[n % 4]) for n, theme in enumerate(Theme.values)]
    rows += [row(f"B{n}", country="IE", theme="other" if n < 2 else "gift_giving", cell=CELLS[n]) for n in range(4)]
    assert balance(rows) == []


def test_crowded_theme_and_absent_themes_are_found() -> None:
    rows = [row(f"A{n}", theme="gift_giving" if n < 4 else "other", cell=CELLS[n % 4]) for n in range(8)]
    found = balance(rows)
    assert {finding.rule for finding in found} == {Rule.THEME_BALANCE}
    assert [finding.message.split(":")[0] for finding in found] == [
        "4 of 8 items are on gift_giving",
        "4 of 8 items are on other",
        "no item on food_hospitality, greetings_respect, workplace_education, public_etiquette, privacy_helping",
    ]
    assert {(finding.file, finding.key) for finding in found} == {("items.csv", "scenario_country GB")}


def test_receiver_cell_two_ahead_of_another_is_found() -> None:
    rows = [row("A1", cell=CELLS[0]), row("A2", theme="gift_giving", cell=CELLS[0])]
    (finding,) = balance(rows)
    assert finding.rule == Rule.CELL_BALANCE
    assert finding.message.startswith("receivers are 2 younger female, 0 younger male, 0 older female, 0 older male")


ARMS = {
    "GB": {"close": ["IE"], "far": ["IR"], "items": {"core": 2, "same": 1}},
    "US": {"close": [], "far": [], "items": {"core": 2, "same": 1}},
}


def test_countries_with_too_few_items_are_named_with_their_numbers() -> None:
    rows = [row(f"A{n}", theme=Theme.values[n % 7], cell=CELLS[n % 4]) for n in range(16)]
    rows += [row(f"B{n}", country="IE", theme=Theme.values[n], cell=CELLS[n % 4]) for n in range(4)]
    plain = definition("en-US", {})
    found = lint(replace(plain, items=tuple(rows), structure={**plain.structure, "arms": ARMS}))
    assert [finding.message for finding in found if finding.rule == Rule.FEW_ITEMS] == [
        "US has 0 items: write 16 more, for 16",
        "IE has 4 items: write 1 more, for 5",
        "IR has 0 items: write 5 more, for 5",
    ]


def test_core_that_is_small_or_leans_to_a_country_is_found() -> None:
    rows = [row(f"A{n}", theme=Theme.values[n % 7], cell=CELLS[n % 4]) for n in range(16)]
    core = [one._replace(values={**one.values, "core": "1"}) for one in rows[:2]] + rows[2:]
    plain = definition("en-US", {})
    found = lint(replace(plain, items=tuple(core), structure={**plain.structure, "arms": ARMS}))
    assert [finding.message for finding in found if finding.rule == Rule.CORE_BALANCE] == [
        "2 core items: mark 38 more",
        "core items are 2 GB, 0 US: mark others until no country is two ahead of another",
    ]
