"""The analysis that goes with a release: its record, tables and figures, without what the data withhold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.template.loader import render_to_string

from analysis.disclosure import Disclosure
from analysis.export.table_csv import write_csv
from analysis.models import AnalysisRun
from analysis.parameters import NO_SIMULATED
from analysis.release.choices import Choices
from analysis.release.tables import RELEASED_ANALYSIS
from analysis.release.writing import Folder
from analysis.results import families
from analysis.results.stored import Results
from survey.enums import ActorGender, Gender

GENDERS = {Gender.WOMAN: ActorGender.FEMALE, Gender.MAN: ActorGender.MALE}
NOT_GIVEN = "not_given"
NOT_OF_RESPONDENTS = ("persona_", "receiver_")  # columns that name ages and genders of others


class Withheld(NamedTuple):
    """The age groups and genders of which somebody is withheld: by country (as code), and anywhere."""

    by_country: Collection[tuple[str, str]]
    k: int


def withheld_cells(disclosure: Disclosure, buckets: Mapping[str, str]) -> Withheld:
    """List the age groups and genders of which not all are published; ``buckets`` are the instrument's age groups."""
    cells = set()
    for rule in disclosure.rules:
        if not rule.shows_group:
            gender, bucket = GENDERS.get(Gender(rule.gender)), buckets.get(rule.age_band)
            cells.add((rule.country, f"{bucket}_{gender}" if gender and bucket else NOT_GIVEN))
    return Withheld(cells, disclosure.k)


def why_unfit(run: AnalysisRun, choices: Choices, snapshot_hash: str, n_left_out: int) -> str:
    """Say why an analysis does not belong to a release; empty if it does."""
    if run.state != AnalysisRun.State.DONE or not run.results:
        return "it is not finished"
    if run.snapshot_hash != snapshot_hash:
        return "the data have changed since it was computed"
    facts = run.results["facts"]
    has_simulated = facts["n_simulated_respondents"] or any(model["is_simulated"] for model in facts["models"])
    if not choices.includes_simulated and NO_SIMULATED not in run.parameters["exclusions"] and has_simulated:
        return "it counts simulated data, which the release leaves out"
    if n_left_out:
        return "it counts people of places that the release leaves out"
    return ""


def add_results(folder: Folder, run: AnalysisRun, withheld: Withheld, country_names: Mapping[str, str]) -> None:
    """Write an analysis as JSON, CSV and SVG."""
    stored = run.results or {}
    tables, n_dropped = {}, {}
    for name, table in sorted(stored["tables"].items()):
        rows = [
            row
            for row in table["rows"]
            if is_shown(dict(zip(table["columns"], row, strict=True)), withheld, country_names)
        ]
        tables[name] = {"columns": table["columns"], "rows": rows}
        n_dropped[name] = len(table["rows"]) - len(rows)
        folder.add_text(
            f"results/tables/{name}.csv", write_csv(table["columns"], rows, "" if name.startswith("paper_") else "NA")
        )
    run.results = {**stored, "tables": tables}  # what the figures draw; never saved
    record = {
        "analysis": run.pk,
        "snapshot_hash": run.snapshot_hash,
        "code_version": run.code_version,
        "parameters": run.parameters,
        "warnings": run.warnings,
        "rows_withheld": {name: n for name, n in n_dropped.items() if n},
        **run.results,
    }
    folder.add_json(RELEASED_ANALYSIS, record)
    for name, drawing in drawings(run):
        folder.add_text(f"results/figures/{name}.svg", drawing)


def drawings(run: AnalysisRun) -> Sequence[tuple[str, str]]:
    """Draw all figures of an analysis as files."""
    return [
        (figure.name, render_to_string("components/figure.svg", {"figure": figure, "is_file": True}))
        for family in families(Results(run))
        for panel in (*family.panels, *family.more_panels)
        for figure in panel.figures
    ]


def is_shown(row: Mapping[str, Any], withheld: Withheld, country_names: Mapping[str, str]) -> bool:
    """Tell whether a row may stand beside the data: it counts k people or none, and none that the data withhold."""
    n = row.get("n_respondents")
    if n is not None and 0 < n < withheld.k:
        return False
    country = country_names.get(str(row.get("respondent_country")), "")
    hidden = {cell for place, cell in withheld.by_country if not country or place == country}
    return not any(_names(value, hidden) for name, value in row.items() if not name.startswith(NOT_OF_RESPONDENTS))


def _names(value: object, cells: Collection[str]) -> bool:
    """Tell whether a value is, or is crossed from, the name of a withheld age group and gender."""
    return isinstance(value, str) and any(cell in value for cell in cells)
