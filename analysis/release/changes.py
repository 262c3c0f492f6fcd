"""What is new: the releases of a study, newest first, and how this one differs from the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.release.facts import Earlier, Facts

# Choices that make a reader meet other data; the rest is prose.
TELLING = ("k", "sessions", "simulated", "small_places", "licence")


def changes(facts: Facts, n_rows: Mapping[str, int]) -> str:
    """List the releases of the study, newest first."""
    lines = [
        "# Changes",
        "",
        f"## {facts.number} ({facts.day.isoformat()})",
        "",
        _noted(facts.choices.notes, is_first=not facts.earlier),
        "",
    ]
    if facts.earlier:
        lines += [f"Compared with {facts.earlier[0].number}:", "", *_compared(facts, facts.earlier[0], n_rows), ""]
    for earlier in facts.earlier:
        is_first = earlier is facts.earlier[-1]
        lines += [f"## {earlier.number} ({earlier.day.isoformat()})", "", _noted(earlier.notes, is_first=is_first), ""]
    return "\n".join(lines)


def _noted(notes: str, *, is_first: bool) -> str:
    return notes or ("The first release." if is_first else "Nothing was noted.")


def _compared(facts: Facts, before: Earlier, n_rows: Mapping[str, int]) -> Iterator[str]:
    is_same = facts.snapshot_hash == before.snapshot_hash
    yield f"- The data are {'the same' if is_same else 'others'}; respondents have new ids."
    numbers: dict[str, tuple[Any, Any]] = {
        "people": (before.report.get("n_people"), facts.n_people),
        "simulated respondents": (before.report.get("n_simulated"), facts.n_simulated),
    }
    old_rows = before.report.get("n_rows", {})
    numbers |= {f"rows of `{name}`": (old_rows.get(name), n) for name, n in n_rows.items()}
    numbers |= {f"rows of `{name}`": (n, None) for name, n in old_rows.items() if name not in n_rows}
    stored = facts.choices.as_json()
    numbers |= {name: (before.choices.get(name), stored[name]) for name in TELLING}
    for what, (old, new) in numbers.items():
        if old != new:
            yield f"- {what[0].upper()}{what[1:]}: {_said(old)} → {_said(new)}"


def _said(value: object) -> str:
    return "none" if value is None else str(value)
