"""The rules of Psych-DS 1.5.1 that make a data set invalid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.release.validation.findings import Finding, Opened, missing_keys, open_csv

CHECK = "Psych-DS"
REQUIRED = ("@context", "@type", "name", "description", "variableMeasured")
NAME = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.(csv|tsv)")
DESCRIPTION = "dataset_description.json"
UNIQUE = "row_id"


def check_psych_ds(opened: Opened) -> Iterator[Finding]:
    """Check the description, the names of the data files, and that each variable stands in both."""
    described = opened.psych_ds
    yield from missing_keys(CHECK, DESCRIPTION, described, REQUIRED)
    if str(described.get("@context", "")).rstrip("/") not in {"https://schema.org", "http://schema.org"}:
        yield Finding(CHECK, DESCRIPTION, "@context is not schema.org")
    if described.get("@type") != "Dataset":
        yield Finding(CHECK, DESCRIPTION, "@type is not Dataset")
    files = sorted((opened.root / "data").rglob("*.csv")) if (opened.root / "data").is_dir() else []
    if not files:
        yield Finding(CHECK, "data/", "holds no CSV file")
    measured = {one["name"] if isinstance(one, dict) else one for one in described.get("variableMeasured") or ()}
    columns: set[str] = set()
    for path in files:
        place = path.relative_to(opened.root).as_posix()
        if not NAME.fullmatch(path.name):
            yield Finding(CHECK, place, "is not named by keywords")
        with open_csv(path) as reader:
            header = next(reader, [])
            columns |= set(header)
            row_ids = set()
            for number, row in enumerate(reader, start=2):
                if len(row) != len(header):
                    yield Finding(CHECK, f"{place}, row {number}", f"{len(row)} cells, {len(header)} in the header")
                elif UNIQUE in header:
                    row_id = row[header.index(UNIQUE)]
                    if row_id in row_ids:
                        yield Finding(CHECK, f"{place}, row {number}", f"{UNIQUE} {row_id} stands twice")
                    row_ids.add(row_id)
    for name in sorted(columns - measured):
        yield Finding(CHECK, DESCRIPTION, f"column {name} is not in variableMeasured")
    for name in sorted(measured - columns):
        yield Finding(CHECK, DESCRIPTION, f"variableMeasured {name} is no column")
