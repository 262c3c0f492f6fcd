"""What the planning command says."""

import pytest
from django.core.management import CommandError, call_command

from analysis.sample_answers import design_of
from analysis.sample_questions import Kind, SampleQuestion
from analysis.stats.planning import Spread, components, detectable


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("plan_sample", *arguments)
    return capsys.readouterr().out


def test_the_command_writes_table_answers_and_design(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "--people", "100", "--items", "24")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("    ")}
    assert rows["24"] == ["16.0/20.8", "10.4/13.6", "6.6/8.6", "4.7/6.1", "3.3/4.3"]
    assert "at alpha 0.19: 17 for 0.80, 38 for 0.90" in out
    assert "People per country for 80% power: 17" in out


def test_items_of_their_own_can_make_any_number_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "--own-items", "--pool", "80")
    assert "no number is enough" in out


def test_the_simulation_is_told_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "--people", "15", "--items", "6", "--pool", "12", "--effect", "30", "--simulate", "5")
    assert "in 5 studies" in out


def test_nonsense_is_refused() -> None:
    with pytest.raises(CommandError, match="two people"):
        call_command("plan_sample", "--people", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--items", "24", "--pool", "10"), "more items than there are"),
        (("--items", "24", "--pool", "-1"), "more items than there are"),
        (("--item-sd", "-1"), "cannot be negative"),
    ],
)
def test_designs_that_cannot_be_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("plan_sample", *arguments)


def test_own_culture_effects_are_planned_as_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    design = design_of(SampleQuestion(kind=Kind.OWN_CULTURE, people=50, items=24, pool=80))
    on_page = f"found with 80% power: {100 * detectable(components(Spread()), design):.1f} points"
    asked = ("--within", "--people", "50", "--items", "24", "--pool", "80")
    assert on_page in told(capsys, *asked)
    assert told(capsys, *asked, "--own-items") == told(capsys, *asked)
