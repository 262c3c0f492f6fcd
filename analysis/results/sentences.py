"""Parts of sentences about numbers; a sentence never says more than its interval allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.figures import Format, Value, percent, write_value
from analysis.results.shown import value_of
from analysis.results.stored import Row

NOTHING = "Nothing can be said yet: there are too few answers."


def question(row: Row) -> str:
    """Name the question that a row is about."""
    return "personal choice" if row["question"] == "personal" else "norm judgment"


def written(row: Row) -> str:
    """Write a share with its interval."""
    return in_sentence(value_of(row), percent)


def in_sentence(value: Value, write: Format) -> str:
    """Write a number with its interval; within a sentence the word that there is none stands in brackets."""
    return write_value(value, write).replace(", no interval", " (no interval)")


def size(row: Row) -> str:
    """Write a difference as a size with its interval; the words around it say the direction."""
    sign = 1 if row["estimate"] >= 0 else -1
    size = f"{100 * abs(row['estimate']):.1f} points"
    if row["ci_low"] is None:
        return size
    low, high = sorted((100 * sign * row["ci_low"], 100 * sign * row["ci_high"]))
    return f"{size} [{low:.1f}, {high:.1f}]".replace("-", "−")


def doubt(row: Row) -> str:
    """Say so where the interval leaves the direction open."""
    ends: Iterable[float | None] = (row["ci_low"], row["ci_high"])
    if None in ends:
        return " (no interval: the direction is open)"
    return " (the interval holds zero: the direction is open)" if row["ci_low"] <= 0 <= row["ci_high"] else ""
