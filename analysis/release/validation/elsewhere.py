"""The standards' own validators, where they are installed (`pip install "pact-site[validate]"`); nothing needs them.

They read the folder alone: what is not in it is left to our own checks, and no address is ever asked.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from analysis.release.validation.findings import MISSHAPEN, Finding, open_release

LARGEST = 64 * 1024 * 1024  # bytes of a table that mlcroissant reads, all at once; larger ones only our own checks read
N_NAMED = 20  # findings of one validator: a fault in a column is found in each row


class Told(NamedTuple):
    """What another validator found, or that it is not installed."""

    name: str
    is_installed: bool
    findings: list[Finding]


def ask_others(folder: Path) -> list[Told]:
    """Have every validator that is installed look at the folder."""
    checks: dict[str, Callable[[Path], Iterator[Finding]]] = {"frictionless": frictionless, "mlcroissant": mlcroissant}
    return [
        Told(name, is_there, _few(name, _told(name, check(folder))) if is_there else [])
        for name, check in checks.items()
        for is_there in [find_spec(name) is not None]
    ]


def _told(name: str, findings: Iterator[Finding]) -> list[Finding]:
    """Take what a validator finds; descriptions that it stumbles over are a finding."""
    try:
        return list(findings)
    except (*MISSHAPEN, OSError) as error:
        return [Finding(name, "the descriptions", f"cannot be read: {_line(error)}")]


def _few(name: str, findings: list[Finding]) -> list[Finding]:
    more = [Finding(name, "…", f"{len(findings) - N_NAMED} more")] if len(findings) > N_NAMED else []
    return [*findings[:N_NAMED], *more]


def frictionless(folder: Path) -> Iterator[Finding]:
    """Check the data package: description, hashes, and every cell against its schema."""
    opened = open_release(folder)
    if isinstance(opened, Finding) or not all(map(opened.has, opened.resources)):
        yield Finding("frictionless", "datapackage.json", "not asked: a file of it is not in the folder")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = import_module("frictionless").validate(str(folder / "datapackage.json"))
    for task in report.tasks:
        for error in task.errors:
            yield Finding("frictionless", str(task.place), f"{error.type}: {error.message}")
    for error in report.errors:
        yield Finding("frictionless", "datapackage.json", f"{error.type}: {error.message}")


def mlcroissant(folder: Path) -> Iterator[Finding]:
    """Check the description, then read the first record of each table, by which its hash and types are checked."""
    path = folder / "croissant.json"
    sizes = _sizes(folder, json.loads(path.read_text(encoding="utf-8")))
    if sizes is None:
        yield Finding("mlcroissant", path.name, "not asked: a file of it lies outside the folder")
        return
    library = import_module("mlcroissant")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # what it recommends is collected below
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from _read(library, path, sizes)
    finally:
        logging.disable(before)


def _sizes(folder: Path, described: Any) -> dict[str, int] | None:
    """Give the size of each file by its name in the description; None if one is not inside the folder."""
    sizes = {}
    for file in described.get("distribution") or ():
        inside = folder / str(file.get("contentUrl", ""))
        if not inside.resolve().is_relative_to(folder.resolve()) or not inside.is_file():
            return None
        sizes[str(file.get("@id"))] = inside.stat().st_size
    return sizes


def _read(library: Any, path: Path, sizes: dict[str, int]) -> Iterator[Finding]:
    try:
        dataset = library.Dataset(jsonld=str(path))
    except Exception as error:  # its own errors are of many classes, and a broken file may raise anything
        yield Finding("mlcroissant", path.name, _line(error))
        return
    for warning in sorted(dataset.metadata.ctx.issues.warnings):
        yield Finding("mlcroissant", path.name, str(warning))
    for record_set in dataset.metadata.record_sets:
        files = {field.source.file_object for field in record_set.fields}
        if any(sizes.get(str(name), 0) > LARGEST for name in files):
            continue
        try:
            next(iter(dataset.records(record_set.id)), None)
        except Exception as error:
            yield Finding("mlcroissant", str(record_set.id), _line(error))


def _line(error: BaseException) -> str:
    """Say an error in one line, with what caused it."""
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return " ".join(f"{error}{cause}".split())
