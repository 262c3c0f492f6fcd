"""The stored tables of a finished analysis, readable by name. Light: no pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.models import AnalysisRun

Row = Mapping[str, Any]
SIMULATED_NOTE = "Contains simulated data"


class Results:
    """The stored tables of a finished analysis, readable by name."""

    def __init__(self, run: AnalysisRun) -> None:
        stored = run.results or {"facts": {}, "tables": {}}
        self.facts: dict[str, Any] = stored["facts"]
        self.tables: dict[str, dict[str, list[Any]]] = stored["tables"]

    def rows(self, table: str, **wanted: str) -> list[Row]:
        """Give the rows of a table that have these values."""
        if table not in self.tables:
            return []
        columns = self.tables[table]["columns"]
        rows = (dict(zip(columns, values, strict=True)) for values in self.tables[table]["rows"])
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    @property
    def is_simulated(self) -> bool:
        models = self.facts.get("models", [])
        return bool(self.facts.get("n_simulated_respondents") or any(model["is_simulated"] for model in models))

    @property
    def note(self) -> str:
        return SIMULATED_NOTE if self.is_simulated else ""


def find(rows: Iterable[Row], **wanted: str) -> Row | None:
    """Give the first row that has these values."""
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)
