"""The goals: none is left out, none passes unmeasured, and the page shows what the benches kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import chaos, goals, kept
from bench.goals import Told
from bench.survey import report
from tests.bench.test_survey_bench import FACTS, run_of

BLOCKS = [line for name in (goals.BLOCK, report.BLOCK) for line in kept.markers(name)]
PAGE = "\n".join(["before", *BLOCKS, "after", ""])


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / kept.PAGE).write_text(PAGE)
    return tmp_path


def of(key: str, value: float | None) -> dict[str, Any]:
    return next(one for one in goals.judge({key: Told(value, "now")}) if one["id"] == key)


def test_every_goal_has_a_bench_that_measures_it() -> None:
    asked = goals.budgets()
    ids = {key.rstrip("abc") for key in asked}
    assert ids == {*(f"P{number}" for number in range(1, 11)), "R0", "R1", "R2"}
    for key, budget in asked.items():
        assert budget.keys() >= {"what", "by", "at"}, key
        assert budget.keys() & {"must", "stretch"}, key
        module = kept.DOCS.parent / budget["by"].replace(".", "/")
        assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), key


def test_a_goal_holds_on_its_side_of_the_number() -> None:
    assert [of("P10", value)["holds"] for value in (50.0, 50.1, None)] == [True, False, None]
    assert [of("P9a", value)["holds"] for value in (0.5, 0.49)] == [True, False]
    assert [of("P9a", value)["is_stretch"] for value in (0.7, 0.69)] == [True, False]


def test_what_was_not_measured_is_said_loudly_and_is_no_pass() -> None:
    nothing = goals.judge({})
    assert goals.table(nothing).count("| **NOT MEASURED** |") == len(nothing)
    assert [line.split(" ")[0] for line in goals.missing(nothing)] == [
        key for key, budget in goals.budgets().items() if "must" in budget
    ]
    assert goals.broken(nothing) == []


def test_what_does_not_hold_is_said_loudly() -> None:
    judged = goals.judge({"R2": Told(1, "now")})
    assert "| **MISSED** |" in goals.table(judged)
    assert goals.broken(judged) == [f"R2 does not hold: {goals.budgets()['R2']['what']}: 1, at most 0 is asked"]


def test_a_missing_or_broken_must_is_the_exit_code(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {key: budget.get("must", 0) for key, budget in goals.budgets().items()}
    for values, code in ((good, 0), (good | {"P10": 51.0}, 1), (good | {"P10": None}, 1)):
        kept.keep(docs, "all", {"facts": FACTS, "goals": values})
        assert goals.main(["--docs", str(docs)]) == code
        told = capsys.readouterr()
        assert bool(told.err) == bool(code)
        assert json.loads(told.out.splitlines()[-1])["P10"] == values["P10"]


def test_a_bench_fails_for_its_own_goals_only() -> None:
    told = goals.mine("bench.export", {"P9a": 0.4, "P9b": 1.0, "P9c": None, "P7": 0.1})
    assert [goal["id"] for goal in told] == ["P9a", "P9b", "P9c"]
    assert [line.split(" ")[0] for line in goals.broken(told)] == ["P9a"]


def test_a_call_is_told_as_one_types_it_without_the_folders_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--without", "as in a release", "--peers", "/some/where/peers"])
    assert kept.call().endswith(" --without 'as in a release' --peers peers")


def test_publishing_keeps_the_runs_and_renews_both_blocks(docs: Path) -> None:
    rows = [run_of("ours", "20", submits_per_s=450.0, repeat=n) for n in range(2)]
    result = report.summarise(rows, FACTS)
    goals.publish(docs, report.NAME, report.to_keep(result))
    page = (docs / kept.PAGE).read_text()
    assert page.startswith("before\n<!-- goals")
    assert page.endswith("<!-- survey bench: end -->\nafter\n")
    assert "commit abc1234" in page
    assert "Linux 6.1," in page
    assert "| 20 | PACT Site | 450 |" in page
    assert f"| {FACTS['at']}, abc1234 |" in page
    assert kept.read(docs)["survey"]["runs"][1]["repeat"] == 1


def test_a_page_without_the_markers_is_told(docs: Path) -> None:
    (docs / kept.PAGE).write_text("nothing here")
    with pytest.raises(ValueError, match="lacks the markers"):
        goals.renew(docs)


# --- The project's own page ----------------------------------------------------------------------------
def test_the_page_shows_what_the_benches_kept() -> None:
    """`python -m bench.goals --docs` makes it so."""
    assert kept.block(kept.DOCS / kept.PAGE, goals.BLOCK) == goals.table(goals.judge(goals.last_told(kept.DOCS)))


def test_the_load_table_is_made_of_the_runs_that_are_kept() -> None:
    shown, found = kept.block(kept.DOCS / kept.PAGE, report.BLOCK), kept.read(kept.DOCS).get(report.NAME)
    if found is None:
        assert shown.startswith("Its runs were not kept")
        return
    result = report.summarise(found["runs"], found["facts"])
    assert shown == report.load_table(result)
    assert found["goals"] == result["goals"]


def test_the_run_of_chaos_is_the_one_that_is_kept() -> None:
    shown, found = kept.block(kept.DOCS / chaos.PAGE, chaos.BLOCK), kept.read(kept.DOCS).get(chaos.NAME)
    if found is None:
        assert shown.startswith("Not kept")
        return
    assert shown == chaos.block(found)
    assert found["goals"] == chaos.Report(**found["report"]).goals()
