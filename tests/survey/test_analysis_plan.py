"""The analysis plan of an instrument: read with it, part of its hash, faults named by line and key."""

from pathlib import Path

import pytest

from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.plan import PLAN_FILE, PLAN_KEY
from survey.instruments.schema import validate
from tests.survey.files import problems


def edit(folder: Path, old: str, new: str) -> int:
    """Replace the first occurrence; give the line it stood in."""
    path = folder / PLAN_FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_shipped_plan_is_in_order_and_stands_in_the_structure() -> None:
    definition = read_instrument(SHIPPED)
    assert validate(definition) == []
    plan = definition.structure[PLAN_KEY]
    families = [hypothesis["family"] for hypothesis in plan["hypotheses"].values()]
    assert (families.count("primary"), "secondary" in families, "exploratory" in families) == (3, True, True)
    assert plan["exclusions"] == definition.structure["exclusions"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("seed: 20260607", "seed: soon", "seed: must be a whole number"),
        ("alpha: 0.05", "alpha: 5", "alpha: must be a number between 0 and 1"),
        ("primary: holm", "primary: none", "adjustments.primary: primary tests must be adjusted"),
        ("primary: holm", "primary: bonferoni", "adjustments.primary: unknown adjustment 'bonferoni'"),
        ("exclusions: [attention_failed,", "exclusions: [", "exclusions: must be those of instrument.yaml"),
        ("family: primary", "family: main", "own_country_personal.family: must be one of primary, secondary"),
        ("sesoi: 0.05", "sesoi: 5", "own_country_personal.sesoi: must be the smallest effect of interest"),
        ("other: far", "other: farther", "own_country_personal.other: 'farther' is none of close, far"),
        ("estimand: own_culture_effect", "estimand: effect", "own_country_personal.estimand: must be one of"),
        ("country: all", "land: all", "own_country_personal.land: unknown key of own_culture_effect"),
        ("alpha: 0.05", "alfa: 0.05", "alfa: unknown key"),
    ],
)
def test_fault_is_named_with_its_line_and_key(folder: Path, old: str, new: str, expected: str) -> None:
    line = edit(folder, old, new)
    found = [problem for problem in problems(folder) if expected in problem]
    assert len(found) == 1
    assert found[0].startswith(f"{PLAN_FILE}:{line}: ")


def test_a_missing_key_is_told_at_its_hypothesis(folder: Path) -> None:
    line = edit(folder, "    question: personal\n", "")
    name = "hypotheses.own_country_personal"
    found = problems(folder)
    assert found == [f"{PLAN_FILE}:{line - 3}: {name}.question: missing"]


def test_a_country_difference_names_both_countries_or_each(folder: Path) -> None:
    edit(folder, "first: each", "first: BR")
    assert any("countries_personal.second: names the other country" in problem for problem in problems(folder))
    edit(folder, "first: BR", "first: BR\n    second: US")
    assert problems(folder) == []


def test_the_plan_is_part_of_the_hash_and_may_be_missing(folder: Path) -> None:
    before = read_instrument(folder).content_hash
    edit(folder, "sesoi: 0.05", "sesoi: 0.04")
    changed = read_instrument(folder).content_hash
    (folder / PLAN_FILE).unlink()
    without = read_instrument(folder)
    assert len({before, changed, without.content_hash}) == 3
    assert validate(without) == []
    assert PLAN_KEY not in without.structure


def test_a_plan_inside_instrument_yaml_is_refused(folder: Path) -> None:
    path = folder / "instrument.yaml"
    path.write_text(path.read_text() + "\nanalysis_plan: none\n")
    assert any("analysis_plan: belongs into analysis_plan.yaml" in problem for problem in problems(folder))


def test_a_broken_plan_file_is_named(folder: Path) -> None:
    (folder / PLAN_FILE).write_text("hypotheses: [")
    assert any(problem.startswith(f"{PLAN_FILE}:") and "not valid YAML" in problem for problem in problems(folder))
