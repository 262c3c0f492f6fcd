from __future__ import annotations

from collections import Counter

import pytest

from survey.enums import Country, OptionOrder, Question
from survey.llm.design import Design, n_cells_per_model
from survey.llm.enums import PersonaSetting

FIVE = [Country.BR, Country.IN, Country.ZA, Country.GB, Country.US]


def test_five_countries_make_twenty_personas_and_nobody() -> None:
    respondents = Design(FIVE).respondents
    assert respondents[0] is None
    assert len(set(respondents)) == 21


@pytest.mark.parametrize(
    ("settings", "n"), [([PersonaSetting.NO_PERSONA], 1), ([PersonaSetting.PERSONA], 20), (list(PersonaSetting), 21)]
)
def test_cells_are_the_full_crossing_once_each(settings: list[PersonaSetting], n: int) -> None:
    cells = Design(FIVE, settings).cross(range(96), seed=1)
    assert len(cells) == len(set(cells)) == 96 * 2 * 2 * n
    assert sum(n_cells_per_model(96, 5, setting) for setting in settings) == len(cells)


def test_order_of_asking_follows_the_seed() -> None:
    design = Design(FIVE)
    assert design.cross(range(9), seed=1) == design.cross(range(9), seed=1)
    assert design.cross(range(9), seed=1) != design.cross(range(9), seed=2)


def test_first_part_of_a_run_is_balanced() -> None:
    part = Design(FIVE).cross(range(96), seed=3)[:2000]
    for values in (Question, OptionOrder):
        counts = Counter(value for cell in part for value in cell if value in set(values))
        assert all(900 < counts[value] < 1100 for value in values)
    assert len({cell.item_id for cell in part}) == 96
    assert len({cell.persona for cell in part}) == 21
