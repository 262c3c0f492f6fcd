"""The standards' own validators, where they are installed; nothing of the project needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from analysis.release.validation.findings import Finding


class Told(NamedTuple):
    """What another validator found, or that it is not installed."""

    name: str
    is_installed: bool
    findings: list[Finding]


def ask_others(folder: Path) -> list[Told]:
    """Have every validator that is installed look at the folder."""
    checks: dict[str, Callable[[Path], Iterator[Finding]]] = {"frictionless": frictionless, "mlcroissant": mlcroissant}
    return [
        Told(name, is_there, list(check(folder)) if is_there else [])
        for name, check in checks.items()
        for is_there in [find_spec(name) is not None]
    ]


def frictionless(folder: Path) -> Iterator[Finding]:
    report = import_module("frictionless").validate(str(folder / "datapackage.json"))
    for place, what in report.flatten(["title", "message"]):
        yield Finding("frictionless", str(place), str(what))


def mlcroissant(folder: Path) -> Iterator[Finding]:
    library = import_module("mlcroissant")
    try:
        library.Dataset(jsonld=str(folder / "croissant.json"))
    except library.ValidationError as error:
        yield Finding("mlcroissant", "croissant.json", str(error))
