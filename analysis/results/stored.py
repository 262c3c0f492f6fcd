"""The stored tables of a finished analysis, readable by name: all, or some alone. Light: no pandas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from django.db import connection

from analysis.models import AnalysisRun
from analysis.parameters import DEFAULTS
from analysis.reasons import worded

Row = Mapping[str, Any]
PART_OF_RESULTS = """
    SELECT results -> 'facts', (
        SELECT jsonb_object_agg(part.key, part.value) FROM jsonb_each(results -> 'tables') AS part
        WHERE part.key = ANY(%s) OR starts_with(part.key, %s)
    )
    FROM analysis_analysisrun WHERE id = %s
"""
NOT_SAID = "not said"  # of the plan, by an analysis that was not asked for its tests
SIMULATED_NOTE = "Contains simulated data"


class Results:
    """The stored tables of a finished analysis, readable by name."""

    def __init__(self, run: AnalysisRun) -> None:
        stored = run.results or {"facts": {}, "tables": {}}
        self.facts: dict[str, Any] = stored["facts"]
        self.tables: dict[str, dict[str, list[Any]]] = stored["tables"]

    @classmethod
    def read(cls, run: AnalysisRun, tables: Sequence[str] = (), prefix: str = "") -> Self:
        """Read the facts and only the tables named, or beginning so, in one query; the others stay in the database."""
        with connection.cursor() as cursor:
            cursor.execute(PART_OF_RESULTS, [list(tables), prefix or None, run.pk])
            facts, found = cursor.fetchone() or (None, None)
        part = AnalysisRun(results={"facts": _loaded(facts), "tables": _loaded(found)})
        return cls(part)

    def rows(self, table: str, **wanted: str) -> list[Row]:
        """Give the rows of a table that have these values, as pages show them: see `_told`."""
        if table not in self.tables:
            return []
        columns = self.tables[table]["columns"]
        rows = [dict(zip(columns, values, strict=True)) for values in self.tables[table]["rows"]]
        kept = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        return [self._told(row) for row in kept]

    def _told(self, row: Row) -> Row:
        """Write the reason for a missing number in words; where no plan is, no test is of a family of the plan."""
        found = dict(row)
        if found.get("reason"):
            found["reason"] = worded(found["reason"])
        if self.facts.get("plan", NOT_SAID) is None:
            adjusted = [name for name in found if name.endswith("_adjustment")]
            found |= {f"{name.removesuffix('_adjustment')}_family": "" for name in adjusted}
        return found

    @property
    def is_simulated(self) -> bool:
        return bool(note_of(self.facts))

    @property
    def level(self) -> float:
        """The confidence level that the analysis was asked for."""
        return float(self.facts.get("parameters", {}).get("level", DEFAULTS["level"]))

    @property
    def note(self) -> str:
        return note_of(self.facts)


def note_of(facts: Mapping[str, Any]) -> str:
    """Say that a report stands on simulated people or models, in words for its figures; empty where it does not."""
    is_simulated = facts.get("n_simulated_respondents") or any(one["is_simulated"] for one in facts.get("models", []))
    return SIMULATED_NOTE if is_simulated else ""


def find(rows: Iterable[Row], **wanted: str) -> Row | None:
    """Give the first row that has these values."""
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def _loaded(value: Any) -> dict[str, Any]:
    """Give what the driver left as text as an object; nothing is an empty one."""
    found = json.loads(value) if isinstance(value, str | bytes) else value
    return dict(found or {})
