"""The whole report from files alone: those that `manage.py export` writes, or the paper's two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import frames
from analysis.columns import COMPLETIONS, LONG, Table
from analysis.export.table_csv import write_csv
from analysis.extract import SNAPSHOT_TABLES, snapshot_hash
from analysis.from_files.checked_csv import BadFile, check_levels, find, plain_name, read_bytes, read_csv, require
from analysis.from_files.paper_folder import HUMAN_FILE, NOT_ESTIMABLE, PREDICTION_FILE
from analysis.from_files.paper_to_long import completions_of, long_of
from analysis.paper_columns import DECISIONS, HUMAN, PREDICTIONS
from analysis.parameters import NO_SIMULATED, Parameters
from analysis.plan import Plan, read_plan
from analysis.release.tables import RELEASED_ANALYSIS, RELEASED_PLAN
from analysis.reports import Report, compute_from
from analysis.reports.inputs import Data
from analysis.stats.paper.doubts import COLUMNS, not_estimable
from analysis.stats.paper.faults import Fault, human_faults, prediction_faults, refuse
from analysis.stats.paper.source import HUMAN_COLUMNS, PREDICTION_COLUMNS
from survey.instruments.plan import PLAN_KEY

IDS = ("respondent_id", "scenario_item_id", "model_tag")
STUDY_FACTS = ("study", "instrument", "content_hash")


def analyse_folder(source: Path, parameters: Parameters) -> Report:
    """Compute the report of a folder; `BadFile` and `ValueError` say where its files are at fault."""
    if not source.is_dir():
        raise NotADirectoryError(f"there is no folder {source}")
    has_export = find(source, "long.csv") is not None
    data, notes = (_read_export(source, parameters), []) if has_export else _read_paper(source)
    report = compute_from(data, parameters, lambda step: None, _facts(source), _plan(source))
    return replace(report, warnings=[*notes, *report.warnings])


def released_parameters(source: Path) -> Parameters | None:
    """Give the choices of the analysis that a release carries; None where there is none."""
    path = source / RELEASED_ANALYSIS
    return Parameters.from_json(_read_json(path)["parameters"]) if path.is_file() else None


def _facts(source: Path) -> dict[str, Any]:
    """Say of which study the files are: a release says it itself."""
    path = source / "datapackage.json"
    released = _read_json(path).get("release") if path.is_file() else None
    known = released if isinstance(released, dict) else {}
    return {name: known[name] for name in STUDY_FACTS} if set(STUDY_FACTS) <= set(known) else {"study": source.name}


def _plan(source: Path) -> Plan | None:
    """Read the plan that a release carries: what was declared is tested as it was declared."""
    path = source / RELEASED_PLAN
    return read_plan({PLAN_KEY: _read_json(path)}) if path.is_file() else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BadFile(f"{path.name}: is not an object")
    return content


def write_report(report: Report, out: Path) -> list[Path]:
    """Write every table as CSV, the empty results with their reasons, and facts and warnings as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {**report.results["tables"], NOT_ESTIMABLE: _gaps(report.results["tables"])}
    for name, table in tables.items():
        missing = "" if name.startswith("paper_") else "NA"
        (out / f"{name}.csv").write_text(write_csv(table["columns"], table["rows"], missing), encoding="utf-8")
    facts: Mapping[str, Any] = {
        "snapshot_hash": report.snapshot_hash,
        "warnings": report.warnings,
        **report.results["facts"],
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True)
    (out / "facts.json").write_text(f"{text}\n", encoding="utf-8")
    return [*(out / f"{name}.csv" for name in tables), out / "facts.json"]


def _gaps(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """List the empty results of all tables, each with the reason that its row or the paper's measure gives."""
    found: list[list[Any]] = []
    for name, table in tables.items():
        if "reason" in table["columns"]:
            at = table["columns"].index("reason")
            found += [
                [name, number, column, row[at]]
                for number, row in enumerate(table["rows"], start=2)
                for column, value in zip(table["columns"], row, strict=True)
                if row[at] and value is None
            ]
    paper = {name: pd.DataFrame(**_cells(table)) for name, table in tables.items() if name.startswith("paper_")}
    bare = {name.removeprefix("paper_"): frame for name, frame in paper.items()}
    found += [[f"paper_{row[0]}", *row[1:]] for row in not_estimable(bare).values.tolist()]
    return {"columns": COLUMNS, "rows": found}


def _cells(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": table["rows"], "columns": table["columns"]}


def _read_export(source: Path, parameters: Parameters) -> Data:
    """Read the files of `manage.py export`; without the paper's files there are no tables of the paper."""
    tables = {table.name: _declared(source, table) for table in (LONG, COMPLETIONS, HUMAN, PREDICTIONS, DECISIONS)}
    if NO_SIMULATED in parameters.exclusions:
        simulated = tables["completions"].loc[tables["completions"]["is_simulated"], "model_tag"].unique()
        for name, column in ((PREDICTIONS.name, "model_tag"), (DECISIONS.name, "eval_model")):
            tables[name] = tables[name][~tables[name][column].isin(simulated)].reset_index(drop=True)
    paths = {table.name: find(source, f"{table.name}.csv") for table in SNAPSHOT_TABLES}
    digests = {name: hashlib.sha256(read_bytes(path)).hexdigest() for name, path in paths.items() if path}
    return Data(
        tables["long"],
        tables["completions"],
        tables[HUMAN.name],
        tables[PREDICTIONS.name],
        tables[DECISIONS.name],
        snapshot_hash(digests),
    )


def _declared(source: Path, table: Table) -> pd.DataFrame:
    path = find(source, f"{table.name}.csv")
    if path is None:
        header = ",".join(table.names)
        return frames.parse(table, f"{header}\n".encode())
    check_levels(path, table)
    return frames.parse(table, read_bytes(path))


def _read_paper(source: Path) -> tuple[Data, list[str]]:
    """Read the paper's two files; what is odd in them is noted with its place."""
    human_path, path = find(source, HUMAN_FILE), find(source, PREDICTION_FILE)
    if human_path is None:
        raise BadFile(f"{source}: neither long.csv nor {HUMAN_FILE} is there")
    human, notes = _checked(human_path, HUMAN_COLUMNS, human_faults)
    predictions = pd.DataFrame(columns=list(PREDICTION_COLUMNS), dtype=object)
    if path is not None:
        predictions, more = _checked(path, PREDICTION_COLUMNS, prediction_faults, may_be_empty=True)
        notes += more
    digests = {plain_name(one): hashlib.sha256(read_bytes(one)).hexdigest() for one in (human_path, path) if one}
    data = Data(
        long_of(human),
        completions_of(predictions),
        human.assign(respondent_id=human["respondent_id"].astype(str)),
        predictions,
        pd.DataFrame(columns=list(DECISIONS.names), dtype=object),
        snapshot_hash({name.removesuffix(".csv"): digest for name, digest in digests.items()}),
    )
    return data, notes


def _checked(
    path: Path, columns: Sequence[str], faults: Callable[[pd.DataFrame], list[Fault]], *, may_be_empty: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Read a file, refuse what cannot be used, and say what is odd; a header alone may be all of models."""
    frame = read_csv(path, as_text=IDS)
    if may_be_empty and frame.empty and set(columns) <= set(frame.columns):
        return frame.astype(object), []
    require(frame, columns, path)
    found = faults(frame)
    refuse(found, path.name)
    return frame, [f"{path.name}: {fault}" for fault in found]
