"""What a bench measured is its last line, as JSON, for whoever reads it by a program."""

import json

import pytest

from bench import coverage, covered


def test_coverage_tells_every_estimand_of_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    coverage.main(["--only", "own_culture", "--studies", "2"])
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(lines[-1])
    rows = told["parts"]["own_culture"]
    assert told["studies"] == 2
    assert len(rows) == sum(line.startswith("| ") for line in lines) - 1  # the heading
    assert {"estimand", "truth", "estimate", "coverage"} <= rows[0].keys()


def test_estimators_that_are_counted_by_design_are_told_alike() -> None:
    found = [covered.Coverage("a rate", 0.5, 0.51, 0.95, 0.1, 200)]
    rows, lines = coverage.counted(found)
    assert rows == [{"name": "a rate", "truth": 0.5, "mean": 0.51, "covered": 0.95, "width": 0.1, "n": 200}]
    assert len(lines) == 3
