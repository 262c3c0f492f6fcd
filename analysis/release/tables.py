"""Which tables a release holds, under which names, with what is said of missing ages and genders."""

from __future__ import annotations

import re
from dataclasses import replace

from analysis.columns import COMPLETIONS, ITEMS, LONG, WIDE, Column, Table
from analysis.model_columns import PROBABILITIES
from analysis.page_columns import PAGES
from analysis.paper_columns import PAPER_TABLES
from analysis.participant_columns import PARTICIPANTS
from analysis.text_columns import TEXTS

# Each could single somebody out beyond what the rule on age and gender covers.
NOT_PUBLISHED = frozenset({"panel", "fluency", "residence_country"})
COVERED = frozenset(
    {
        "age_band", "age_bucket", "gender", "demographic_cell",
        "respondent_age_bucket", "respondent_gender", "respondent_demo",
    }
)  # fmt: skip
WITHHELD = "withheld, as too few people share it (documentation/disclosure.md)"
OWN = (LONG, WIDE, PARTICIPANTS, ITEMS, TEXTS, PAGES, COMPLETIONS, PROBABILITIES)


def published(table: Table) -> Table:
    """Give a table as it is published."""
    columns = tuple(_published(column) for column in table.columns if column.name not in NOT_PUBLISHED)
    return replace(table, columns=columns)


def _published(column: Column) -> Column:
    if column.name not in COVERED:
        return column
    return replace(column, missing=f"{column.missing}; or {WITHHELD}")


DATA_TABLES = tuple(published(table) for table in OWN)
PAPER = tuple(published(table) for table in PAPER_TABLES.values())
RELEASED_ANALYSIS = "results/analysis.json"
RELEASED_PLAN = "documentation/analysis_plan.json"
LEVEL = re.compile(r"[^A-Za-z0-9]")


def data_path(study_code: str, table_name: str) -> str:
    """Name a data file as Psych-DS wants it: keywords with alphanumeric values; ``*`` is any study's."""
    study, name = (LEVEL.sub("", text) or text for text in (study_code, table_name))
    return f"data/study-{study}_description-{name}_data.csv"


def paper_path(table_name: str) -> str:
    """Name a file of the paper as its scripts want it."""
    return f"paper/{table_name}.csv"


def path_of(study_code: str, table: Table) -> str:
    return paper_path(table.name) if table.name in PAPER_TABLES else data_path(study_code, table.name)
