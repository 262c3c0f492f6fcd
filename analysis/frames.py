"""The only door from the database to pandas: a table's CSV, read with the types that its columns declare."""

import hashlib
from collections.abc import Hashable
from io import BytesIO
from typing import NamedTuple

import pandas as pd

from analysis.columns import COMPLETIONS, ITEMS, LONG, Column, Table
from analysis.extract import Selection, stream_csv
from analysis.imports.gaps import with_gaps
from analysis.paper_columns import HUMAN, PREDICTIONS
from analysis.participant_columns import PARTICIPANTS
from survey.models import Study

DTYPES = {"code": "category", "text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}


class Extract(NamedTuple):
    """A table as a frame, and the SHA-256 of the CSV it was read from."""

    frame: pd.DataFrame
    sha256: str


def extract(table: Table, study: Study, selection: Selection) -> Extract:
    """Read one table; `ValueError` names what breaks its declaration."""
    data = b"".join(stream_csv(table, study, selection))
    declared = with_gaps(table) if study.is_imported else table
    return Extract(parse(declared, data), hashlib.sha256(data).hexdigest())


def parse(table: Table, data: bytes) -> pd.DataFrame:
    """Turn a table's CSV into a frame of the declared types, checked against the declaration."""
    dtypes: dict[Hashable, str] = {column.name: DTYPES[column.type] for column in table.columns}
    frame = pd.read_csv(BytesIO(data), dtype=dtypes, keep_default_na=False, na_values=[table.missing_as])
    if tuple(frame.columns) != table.names:
        raise ValueError(f"{table.name}: columns {list(frame.columns)} instead of {list(table.names)}")
    return pd.DataFrame({column.name: _declared(table, column, frame[column.name]) for column in table.columns})


def _declared(table: Table, column: Column, values: pd.Series) -> pd.Series:
    """Refuse what the declaration excludes; where nothing is ever missing, take the plain type."""
    if not column.missing and values.isna().any():
        raise ValueError(f"{table.name}.{column.name}: {values.isna().sum()} empty values where none may be")
    if column.levels:
        if unknown := set(values.cat.categories) - set(column.levels):
            raise ValueError(f"{table.name}.{column.name}: {sorted(unknown)} are not among its levels")
        return values.cat.set_categories(list(column.levels))
    if column.type == "integer" and not column.missing:
        return values.astype("int64")
    if column.type == "boolean" and not column.missing:
        return values.astype("bool")
    return values


def responses_long(study: Study, include_simulated: bool = True, complete_only: bool = False) -> pd.DataFrame:
    """Give every answer: one row per respondent, item and question."""
    return extract(LONG, study, Selection(include_simulated, complete_only)).frame


def participants(study: Study, include_simulated: bool = True, complete_only: bool = False) -> pd.DataFrame:
    return extract(PARTICIPANTS, study, Selection(include_simulated, complete_only)).frame


def items(study: Study) -> pd.DataFrame:
    return extract(ITEMS, study, Selection()).frame


def completions(study: Study, include_simulated: bool = True) -> pd.DataFrame:
    return extract(COMPLETIONS, study, Selection(include_simulated)).frame


def paper_human(study: Study, include_simulated: bool = True, complete_only: bool = False) -> pd.DataFrame:
    """Give the paper's `tidy_human_responses`."""
    return extract(HUMAN, study, Selection(include_simulated, complete_only)).frame


def paper_predictions(study: Study, include_simulated: bool = True) -> pd.DataFrame:
    """Give the paper's `llm_predictions`."""
    return extract(PREDICTIONS, study, Selection(include_simulated)).frame
