"""Medians of the runs, the goals, and both as a table."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.survey.spec import N_SUBMITS

BUDGETS = Path(__file__).parent.parent / "budgets.toml"
BEGIN, END = "<!-- survey bench: begin -->", "<!-- survey bench: end -->"
TITLES = {"ours": "PACT Site", "otree": "oTree", "potato": "Potato", "limit": "bare application"}
PEERS = ("otree", "potato")
THINK = "300, 6 s think"
MIDDLE = (
    "submits_per_s", "participants_per_min", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "app_cpu_ms", "sql_cpu_ms",
    "busy_cores", "memory_mb", "requests_per_submit", "bytes_per_submit", "driver_share", "foreign_cores",
)  # fmt: skip
GOALS_OTREE_CPU_MS = 17.9  # a submit by oTree with 20 at once, on the machine that the goals were set on
Cell = tuple[str, str, int]  # system, load, cores


def summarise(rows: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Put runs, medians and goals together."""
    cells: dict[Cell, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[row["system"], row["load"], row["cores"]].append(row)
    medians = [summary(cell, found) for cell, found in cells.items()]
    return {"facts": facts, "medians": medians, "goals": goals(medians), "runs": list(rows)}


def summary(cell: Cell, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    system, load, cores = cell
    rates = [run["submits_per_s"] for run in runs]
    return {
        "system": system,
        "load": load,
        "cores": cores,
        "n_runs": len(runs),
        **{name: median(run[name] for run in runs) for name in MIDDLE},
        "submits_per_s_range": [min(rates), max(rates)],
        "n_errors": sum(sum(run["errors"].values()) for run in runs),
        "n_driver_busy": sum(run["is_driver_busy"] for run in runs),
        "n_disturbed": sum(run["is_disturbed"] for run in runs),
    }


def goals(medians: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hold the medians against the budgets; a goal of which a part was not measured has no value."""
    found = {(one["system"], one["load"], one["cores"]): one for one in medians}

    def take(name: str, system: str, load: str, cores: int = 1) -> float | None:
        cell = found.get((system, load, cores))
        return None if cell is None else cell[name]

    def peers(name: str, load: str) -> list[float]:
        return [value for peer in PEERS if (value := take(name, peer, load)) is not None]

    rate, cpu = "submits_per_s", "cpu_ms"
    values = {
        "P1": ratio(take(rate, "ours", "20"), max(peers(rate, "20"), default=None)),
        "P2": ratio(take(rate, "ours", "500"), max(peers(rate, "500"), default=None)),
        "P3": ratio(min(peers("p50_ms", "1"), default=None), take("p50_ms", "ours", "1")),
        "P4a": scaled(take("p95_ms", "ours", THINK), take(cpu, "otree", "20")),
        "P4b": ratio(min(peers("p95_ms", THINK), default=None), take("p95_ms", "ours", THINK)),
        "P5": ratio(min(peers(cpu, "20"), default=None), take(cpu, "ours", "20")),
        "P6": ratio(take(rate, "ours", "20"), take(rate, "limit", "20")),
        "P7": ratio(take(rate, "ours", "20", 2), take(rate, "ours", "20")),
        "P8": ratio(take("memory_mb", "ours", "500"), take("memory_mb", "otree", "500")),
        "R0": sum(one["n_errors"] for one in medians if one["system"] == "ours"),
    }
    budgets = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))
    return [
        {"id": key, **budget, "value": values[key], **verdict(budget, values[key])} for key, budget in budgets.items()
    ]


def ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 3) if above is not None and below else None


def scaled(milliseconds: float | None, otree_cpu_ms: float | None) -> float | None:
    """Give a time as on the machine that the goals in milliseconds were set for."""
    return round(milliseconds * GOALS_OTREE_CPU_MS / otree_cpu_ms, 2) if milliseconds and otree_cpu_ms else None


def verdict(budget: dict[str, Any], value: float | None) -> dict[str, Any]:
    if value is None:
        return {"holds": None, "is_stretch": None}
    sign = 1 if budget["at"] == "least" else -1
    return {"holds": sign * value >= sign * budget["must"], "is_stretch": sign * value >= sign * budget["stretch"]}


def broken(result: dict[str, Any]) -> list[str]:
    """Name the musts that do not hold, and the runs in which the driver measured itself."""
    busy = [one for one in result["medians"] if one["n_driver_busy"]]
    return [
        *(
            f"the driver was too busy with {one['system']}, {one['load']} at once: {one['driver_share']}"
            for one in busy
        ),
        *(
            f"{goal['id']} does not hold: {goal['what']}: {goal['value']}, at {goal['at']} {goal['must']} is asked"
            for goal in result["goals"]
            if goal["holds"] is False
        ),
    ]


# --- As a page shows it ------------------------------------------------------------------------------
COLUMNS = (
    "at once", "system", "participants/min", "submits/s", "min..max", "p50 ms", "p95 ms", "p99 ms", "CPU ms app + SQL",
    "MB", "kB and requests", "errors",
)  # fmt: skip


def markdown(result: dict[str, Any]) -> str:
    lines = [told(result), "", row(COLUMNS), row("---" for _ in COLUMNS)]
    lines += [row(cells(one)) for one in sorted(result["medians"], key=place)]
    lines += ["", row(("goal", "", "measured", "must", "stretch", "")), row("---" for _ in range(6))]
    for goal in result["goals"]:
        mark = {None: "not measured", True: "holds", False: "**missed**"}[goal["holds"]]
        mark += ", stretch reached" if goal["is_stretch"] else ""
        sign = "≥" if goal["at"] == "least" else "≤"
        value = "–" if goal["value"] is None else f"{goal['value']:.3g}"
        lines.append(
            row((goal["id"], goal["what"], value, f"{sign} {goal['must']}", f"{sign} {goal['stretch']}", mark))
        )
    return "\n".join(lines) + "\n"


def place(one: dict[str, Any]) -> tuple[bool, int, int, int]:
    return ("think" in one["load"], int(one["load"].split(",")[0]), list(TITLES).index(one["system"]), one["cores"])


def cells(one: dict[str, Any]) -> list[str]:
    least, most = one["submits_per_s_range"]
    disturbed = f" ({one['n_disturbed']} of {one['n_runs']} disturbed)" if one["n_disturbed"] else ""
    return [
        one["load"],
        TITLES[one["system"]] + (", two cores" if one["cores"] == 2 else ""),
        f"{one['participants_per_min']:,.0f}",
        f"{one['submits_per_s']:,.0f}",
        f"{least:,.0f}..{most:,.0f}{disturbed}",
        *(f"{one[name]:,.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")),
        f"{one['app_cpu_ms']:.2f} + {one['sql_cpu_ms']:.2f}",
        f"{one['memory_mb']:,.0f}",
        f"{one['bytes_per_submit'] / 1000:.1f}, {one['requests_per_submit']:.1f}",
        str(one["n_errors"] or "–"),
    ]


def told(result: dict[str, Any]) -> str:
    facts, runs = result["facts"], result["runs"]
    worst = max((run["foreign_cores"] for run in runs), default=0)
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['at']}, commit {facts['commit']}, {facts['processor']}, {facts['cores']} cores, "
        f"Linux {facts['kernel']}, Python {facts['python']}, PostgreSQL {facts['postgresql']['server_version']} (fsync "
        f"{facts['postgresql']['fsync']}, 8 kB synced in {facts['fdatasync_us']} µs), {versions}. {len(runs)} "
        f"runs in {facts['minutes']} minutes, {N_SUBMITS} submits a participant; others used up to {worst:.2f} "
        "cores during a run."
    )


def row(values: Iterable[str]) -> str:
    return "| " + " | ".join(values) + " |"


def write_between_markers(page: Path, text: str) -> None:
    """Replace what stands between the markers of a page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    page.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
