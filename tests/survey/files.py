"""An instrument's files as tests change and check them."""

from pathlib import Path

from survey.instruments.loader import read_instrument
from survey.instruments.schema import validate


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence, which must be there."""
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")


def problems(folder: Path) -> list[str]:
    return [str(problem) for problem in validate(read_instrument(folder))]
