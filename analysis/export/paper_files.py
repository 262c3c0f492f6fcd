"""The paper's tables from files to files; no database."""

from pathlib import Path

import pandas as pd

from analysis.stats.paper import paper_tables

HUMAN_FILE = "tidy_human_responses.csv"
PREDICTION_FILE = "llm_predictions.csv"


def analyse_folder(source: Path, out: Path) -> list[Path]:
    """Compute the paper's tables from the two files in a folder; the model file may be missing."""
    human = pd.read_csv(_find(source, HUMAN_FILE))
    has_predictions = any((source / name).exists() for name in (PREDICTION_FILE, f"{PREDICTION_FILE}.gz"))
    predictions = pd.read_csv(_find(source, PREDICTION_FILE)) if has_predictions else None
    tables = paper_tables(human, predictions)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    return [out / f"{name}.csv" for name in tables]


def _find(source: Path, name: str) -> Path:
    packed = source / f"{name}.gz"
    return packed if packed.exists() else source / name
