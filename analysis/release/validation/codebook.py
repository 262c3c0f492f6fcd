"""Whether the codebook describes every variable and code of the tables, with a label in every locale of the texts."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.release.validation.findings import Finding, Opened, is_file_of, open_csv

CHECK = "codebook"
VARIABLES, LEVELS = "documentation/codebook.csv", "documentation/codebook_levels.csv"
Key = tuple[str, ...]


def check_codebook(opened: Opened) -> Iterator[Finding]:
    """Hold the two files against the tables' schemas."""
    if not opened.resources:
        return  # named by the check of the data package
    described = {name: opened.fields(name) for name in opened.resources}
    variables: set[Key] = {(table, str(field["name"])) for table, fields in described.items() for field in fields}
    codes: set[Key] = {
        (table, str(field["name"]), str(level))
        for table, fields in described.items()
        for field in fields
        for level in field.get("constraints", {}).get("enum", ())
    }
    locales = {row["locale"] for row in opened.rows("texts")} if opened.has("texts") else set()
    labels = ["label", *(f"label_{locale}" for locale in sorted(locales))]
    yield from _check(opened, VARIABLES, variables, ("table", "name"), labels)
    yield from _check(opened, LEVELS, codes, ("table", "name", "code"), labels)


def _check(opened: Opened, file: str, wanted: set[Key], key: Key, labels: list[str]) -> Iterator[Finding]:
    """Name what a file does not describe, what it describes that is nowhere, and labels that are empty."""
    path = opened.root / file
    if not is_file_of(path, opened.root):
        return  # named by the check of the files
    with open_csv(path) as reader:
        header = next(reader, [])
        rows = [dict(zip(header, row, strict=False)) for row in reader]
    if missing := [name for name in (*key, *labels) if name not in header]:
        yield Finding(CHECK, file, f"has no column {', '.join(missing)}")
        return
    found = {tuple(row.get(name, "") for name in key): row for row in rows}
    yield from (Finding(CHECK, f"{file}: {' '.join(one)}", "is missing") for one in sorted(wanted - set(found)))
    yield from (Finding(CHECK, f"{file}: {' '.join(one)}", "is in no table") for one in sorted(set(found) - wanted))
    for one, row in found.items():
        if empty := [name for name in labels if not row.get(name)]:
            yield Finding(CHECK, f"{file}: {' '.join(one)}", f"{', '.join(empty)} is empty")
