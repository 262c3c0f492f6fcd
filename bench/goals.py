"""The goals of `bench/budgets.toml` and what was last measured of each: ``python -m bench.goals [--docs]``.

Prints a table and a line of JSON of what the benches kept in `docs/performance/`, and names each must that does not
hold or that no bench has measured, which makes the exit code 1. `--docs` writes the tables of the page anew.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench import kept

BUDGETS = Path(__file__).parent / "budgets.toml"
BLOCK = "goals"
NOT_MEASURED = "**NOT MEASURED**"


class Told(NamedTuple):
    """What was measured of a goal, and where the figure is from."""

    value: float | None
    source: str


def budgets() -> dict[str, dict[str, Any]]:
    return tomllib.loads(BUDGETS.read_text(encoding="utf-8"))


def judge(told: Mapping[str, Told]) -> list[dict[str, Any]]:
    """Hold what was told against all budgets."""
    nothing = Told(None, "")
    found = []
    for key, budget in budgets().items():
        value, source = told.get(key, nothing)
        holds, is_stretch = reaches(budget, "must", value), reaches(budget, "stretch", value)
        found.append({"id": key, **budget, "value": value, "source": source, "holds": holds, "is_stretch": is_stretch})
    return found


def reaches(budget: Mapping[str, Any], which: str, value: float | None) -> bool | None:
    """Say whether a value is on the good side; None where it was not measured or nothing is asked."""
    if value is None or which not in budget:
        return None
    return bool(value >= budget[which] if budget["at"] == "least" else value <= budget[which])


def broken(goals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the musts that do not hold."""
    return [
        f"{goal['id']} does not hold: {goal['what']}: {goal['value']}, at {goal['at']} {goal['must']} is asked"
        for goal in goals
        if goal["holds"] is False
    ]


def missing(goals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the musts of which nothing was measured."""
    return [
        f"{goal['id']} was not measured: {goal['what']}; python -m {goal['by']} does"
        for goal in goals
        if "must" in goal and goal["value"] is None
    ]


def now(by: str, values: Mapping[str, float | None], docs: Path | None) -> list[dict[str, Any]]:
    """Judge what one bench has just measured, beside what the others kept."""
    asked = budgets()
    others = {key: told for key, told in last_told(docs or kept.DOCS).items() if asked[key]["by"] != by}
    return judge(others | {key: Told(value, "now") for key, value in values.items()})


def mine(by: str, values: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Judge what one bench has just measured, alone."""
    told = {key: Told(value, "now") for key, value in values.items()}
    return [goal for goal in judge(told) if goal["by"] == by]


def last_told(docs: Path) -> dict[str, Told]:
    """Read what the benches kept."""
    return {
        key: Told(value, f"{result['facts']['at']}, {result['facts']['commit']}")
        for result in kept.read(docs).values()
        for key, value in result["goals"].items()
    }


# --- As a page shows it ------------------------------------------------------------------------------
HEADINGS = ("goal", "", "measured", "must", "stretch", "", "by", "when, at which commit")


def row(values: Iterable[str]) -> str:
    return "| " + " | ".join(values) + " |"


def table(goals: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join([row(HEADINGS), row("---" for _ in HEADINGS), *(row(cells(goal)) for goal in goals)]) + "\n"


def cells(goal: Mapping[str, Any]) -> list[str]:
    value = "–" if goal["value"] is None else f"{goal['value']:.3g}"
    sign = "≥" if goal["at"] == "least" else "≤"
    asked = [f"{sign} {goal[which]}" if which in goal else "–" for which in ("must", "stretch")]
    return [goal["id"], goal["what"], value, *asked, mark(goal), f"`{goal['by']}`", goal["source"] or "–"]


def mark(goal: Mapping[str, Any]) -> str:
    if goal["value"] is None:
        return NOT_MEASURED
    said = {None: [], True: ["holds"], False: ["**MISSED**"]}[goal["holds"]]
    said += {None: [], True: ["stretch reached"], False: ["stretch not reached"]}[goal["is_stretch"]]
    return ", ".join(said)


def renew(docs: Path) -> None:
    """Write the blocks of the pages anew from what is kept."""
    from bench import chaos
    from bench.survey import report

    found = kept.read(docs)
    kept.write_block(docs / kept.PAGE, BLOCK, table(judge(last_told(docs))))
    if runs := found.get(report.NAME):
        text = report.load_table(report.summarise(runs["runs"], runs["facts"]))
        kept.write_block(docs / kept.PAGE, report.BLOCK, text)
    if run := found.get(chaos.NAME):
        kept.write_block(docs / chaos.PAGE, chaos.BLOCK, chaos.block(run))


def parse(
    parser: argparse.ArgumentParser, arguments: list[str] | None, is_whole: Callable[[argparse.Namespace], bool]
) -> argparse.Namespace:
    """Parse a bench's options, `--docs` among them; the project's own page is for whole runs."""
    text = "keep this in FOLDER/performance/ and renew the tables of FOLDER/performance.md; not said: docs/"
    parser.add_argument("--docs", type=Path, nargs="?", const=kept.DOCS, metavar="FOLDER", help=text)
    options = parser.parse_args(arguments)
    if options.docs == kept.DOCS and not is_whole(options):
        parser.error("the project's own page shows whole runs only")
    return options


def publish(docs: Path, name: str, result: dict[str, Any]) -> None:
    kept.keep(docs, name, result)
    renew(docs)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.goals", description=__doc__)
    parser.add_argument(
        "--docs", type=Path, nargs="?", const=kept.DOCS, metavar="FOLDER", help="renew the tables there"
    )
    options = parser.parse_args(arguments)
    if options.docs:
        renew(options.docs)
    goals = judge(last_told(options.docs or kept.DOCS))
    print(table(goals))
    print(json.dumps({goal["id"]: goal["value"] for goal in goals}))
    faults = broken(goals) + missing(goals)
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
