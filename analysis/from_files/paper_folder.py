"""The paper's tables from whatever of its files a folder holds; no database."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.decisions import by_model_and_condition
from analysis.from_files.checked_csv import PACKED, BadFile, find, plain_name, read_csv, require
from analysis.paper_columns import DECISIONS
from analysis.stats.paper import behaviour_tables, model_only_tables, paper_tables
from analysis.stats.paper.behaviour import DECISION, Evaluation, is_partial, read_meta
from analysis.stats.paper.doubts import not_estimable
from analysis.stats.paper.faults import Fault, decision_faults, human_faults, prediction_faults
from analysis.stats.paper.model_only import MODEL_ONLY_COLUMNS
from analysis.stats.paper.source import HUMAN_COLUMNS, PREDICTION_COLUMNS

HUMAN_FILE = "tidy_human_responses.csv"
PREDICTION_FILE = "llm_predictions.csv"
NOT_ESTIMABLE = "not_estimable"
ITEM = "scenario_item_id"


@dataclass
class Found:
    """What became of a folder: tables by name, what was not made and why, what is odd, what is wrong."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    not_made: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def doubts(self) -> pd.DataFrame:
        """The empty results, each with its reason."""
        return not_estimable(self.tables)


def analyse_folder(source: Path) -> Found:
    """Make every table of the paper that the files of a folder allow; a bad file spoils its own tables only."""
    if not source.is_dir():
        raise NotADirectoryError(f"there is no folder {source}")
    found = Found()
    predictions = _read(found, find(source, PREDICTION_FILE), PREDICTION_COLUMNS, prediction_faults, is_of_models=True)
    human = _read(found, find(source, HUMAN_FILE), HUMAN_COLUMNS, human_faults)
    if human is not None and predictions is not None and _is_number(human) != _is_number(predictions):
        human, predictions = (
            frame.assign(**{ITEM: read_csv(path, as_text=[ITEM])[ITEM]})
            for frame, path in ((human, find(source, HUMAN_FILE)), (predictions, find(source, PREDICTION_FILE)))
            if path is not None
        )
    _add_people(found, human, predictions)
    _add_model_only(found, predictions)
    _add_behaviour(found, list(_evaluations(found, source)) or _exported(found, source))
    return found


def _is_number(frame: pd.DataFrame) -> bool:
    """Tell whether a file's items are numbers all through; where those of only one are, both are taken as written."""
    return pd.api.types.is_numeric_dtype(frame[ITEM])


def write_tables(found: Found, out: Path) -> list[Path]:
    """Write the tables, and the list of empty results with their reasons."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {**found.tables, NOT_ESTIMABLE: found.doubts}
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    return [out / f"{name}.csv" for name in tables]


def _read(
    found: Found,
    path: Path | None,
    columns: Sequence[str],
    faults: Callable[[pd.DataFrame], list[Fault]],
    *,
    is_of_models: bool = False,
) -> pd.DataFrame | None:
    """Read and check one file; what is wrong with it is kept, not raised.

    A study that asked no models exports the header alone of their files: as good as no file.
    """
    if path is None:
        return None
    try:
        frame = read_csv(path)
        if is_of_models and frame.empty and set(columns) <= set(frame.columns):
            return None
        require(frame, columns, path)
    except BadFile as error:
        found.errors.append(str(error))
        return None
    told = faults(frame)
    found.notes += [f"{path.name}: {fault}" for fault in told if not fault.is_fatal]
    found.errors += [f"{path.name}: {fault}" for fault in told if fault.is_fatal]
    return None if any(fault.is_fatal for fault in told) else frame


def _add(found: Found, what: str, make: Callable[[], dict[str, pd.DataFrame]]) -> None:
    try:
        found.tables |= make()
    except (ValueError, np.linalg.LinAlgError) as error:
        found.errors.append(f"{what}: {error}")


def _add_people(found: Found, human: pd.DataFrame | None, predictions: pd.DataFrame | None) -> None:
    if human is None:
        found.not_made.append(f"the tables of people and alignment: no usable {HUMAN_FILE}")
        return
    _add(found, "the tables of people and alignment", lambda: paper_tables(human, predictions))
    if predictions is None:
        found.not_made.append(f"rows of the alignment tables: no usable {PREDICTION_FILE}")


def _add_model_only(found: Found, predictions: pd.DataFrame | None) -> None:
    if predictions is None:
        found.not_made.append(f"the model-only tables: no usable {PREDICTION_FILE}")
        return
    lacking = [name for name in MODEL_ONLY_COLUMNS if name not in predictions]
    if lacking:
        found.not_made.append(f"the model-only tables: {PREDICTION_FILE} has no columns {', '.join(lacking)}")
        return
    _add(found, "the model-only tables", lambda: model_only_tables(predictions))


def _add_behaviour(found: Found, evaluations: Sequence[Evaluation]) -> None:
    if not evaluations:
        found.not_made.append("the behaviour tables: no usable evaluation file (cultureatlas_….csv or normad_….csv)")
        return
    _add(found, "the behaviour tables", lambda: behaviour_tables(evaluations))
    if "paired_flip_overall" not in found.tables:
        found.not_made.append("the flip tables: no two evaluation files pair, or they share no validly answered row")


def _evaluations(found: Found, source: Path) -> Iterator[Evaluation]:
    """Read the evaluation files of a folder, in the order of the paths that the paper's script would see."""
    paths = {_paper_path(source, path): path for path in source.rglob("*.csv*") if _may_be_evaluation(path)}
    for name, path in sorted(paths.items()):
        if is_partial(name):
            found.not_made.append(f"behaviour rows of {path.name}: its name is that of an older, partial run")
            continue
        rows = _read(found, path, [DECISION], decision_faults)
        meta = None if rows is None else read_meta(name, rows)
        if rows is not None and meta is not None:
            yield Evaluation(meta, rows)
        elif rows is not None:
            found.not_made.append(f"behaviour rows of {path.name}: its path names neither cultureatlas nor normad")


def _exported(found: Found, source: Path) -> list[Evaluation]:
    """Read the site's file of all decisions, which stands in for evaluation files."""
    rows = _read(found, find(source, f"{DECISIONS.name}.csv"), DECISIONS.names, decision_faults, is_of_models=True)
    return [] if rows is None else by_model_and_condition(rows)


def _paper_path(source: Path, path: Path) -> str:
    """Name a file as the paper's script would, which looks for it in certain folders below `repo`."""
    inside = path.relative_to(source).with_name(plain_name(path))
    if len(inside.parts) > 1:
        return inside.as_posix()
    return f"{'repo/res' if 'normad' in inside.name.lower() else 'repo/culture_atlas'}/{inside.name}"


def _may_be_evaluation(path: Path) -> bool:
    """Tell by the name, or by the header where the name says nothing."""
    name = plain_name(path).lower()
    if not name.endswith(".csv") or name == f"{DECISIONS.name}.csv" or not path.is_file():
        return False
    return name.startswith(("cultureatlas", "normad")) or DECISION in _first_line(path)


def _first_line(path: Path) -> str:
    try:
        with gzip.open(path, "rb") if path.suffix == PACKED else path.open("rb") as file:
            return file.readline().decode(errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""
