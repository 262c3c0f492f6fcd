"""Medians of the runs, what they say of the goals, and both as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench import goals
from bench.survey.spec import N_SUBMITS

NAME, BLOCK = "survey", "survey bench"  # of the file that is kept, and between which markers of the page
TITLES = {"ours": "PACT Site", "otree": "oTree", "potato": "Potato", "limit": "bare application"}
PEERS = ("otree", "potato")
THINK = "300, 6 s think"
MIDDLE = (
    "submits_per_s", "seconds", "completed", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "app_cpu_ms", "sql_cpu_ms",
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
    values = values_of(medians)
    return {"facts": facts, "goals": values, "medians": medians, "runs": list(rows)}


def to_keep(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out what follows from the runs, and of the runs what no table needs."""
    names = ("system", "load", "cores", "repeat", *MIDDLE, "errors", "is_driver_busy", "is_disturbed")
    runs = [{name: run[name] for name in names} for run in result["runs"]]
    return {"facts": result["facts"], "goals": result["goals"], "runs": runs}


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


def values_of(medians: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Give what the medians say of each goal; None where a part was not measured."""
    found = {(one["system"], one["load"], one["cores"]): one for one in medians}

    def take(name: str, system: str, load: str, cores: int = 1) -> float | None:
        cell = found.get((system, load, cores))
        return None if cell is None else cell[name]

    def peers(name: str, load: str) -> list[float]:
        return [value for peer in PEERS if (value := take(name, peer, load)) is not None]

    rate, cpu = "submits_per_s", "cpu_ms"
    ours = [one["n_errors"] for one in medians if one["system"] == "ours"]
    return {
        "P1": ratio(take(rate, "ours", "20"), max(peers(rate, "20"), default=None)),
        "P2": ratio(take(rate, "ours", "500"), max(peers(rate, "500"), default=None)),
        "P3": ratio(min(peers("p50_ms", "1"), default=None), take("p50_ms", "ours", "1")),
        "P4a": scaled(take("p95_ms", "ours", THINK), take(cpu, "otree", "20")),
        "P4b": ratio(min(peers("p95_ms", THINK), default=None), take("p95_ms", "ours", THINK)),
        "P5": ratio(min(peers(cpu, "20"), default=None), take(cpu, "ours", "20")),
        "P6": ratio(take(rate, "ours", "20"), take(rate, "limit", "20")),
        "P7": ratio(take(rate, "ours", "20", 2), take(rate, "ours", "20")),
        "P8a": ratio(take("memory_mb", "ours", "500"), take("memory_mb", "otree", "500")),
        "P8b": take("memory_mb", "ours", "500"),
        "R0": sum(ours) if ours else None,
    }


def ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 3) if above is not None and below else None


def scaled(milliseconds: float | None, otree_cpu_ms: float | None) -> float | None:
    """Give a time as on the machine that the goals in milliseconds were set for."""
    return round(milliseconds * GOALS_OTREE_CPU_MS / otree_cpu_ms, 2) if milliseconds and otree_cpu_ms else None


def busy_drivers(result: dict[str, Any]) -> list[str]:
    """Name the runs in which the driver measured itself."""
    return [
        f"the driver was too busy with {one['system']}, {one['load']} at once: {one['driver_share']}"
        for one in result["medians"]
        if one["n_driver_busy"]
    ]


# --- As a page shows it ------------------------------------------------------------------------------
COLUMNS = (
    "at once", "system", "submits/s", "min..max", f"submits/min ÷ {N_SUBMITS}", "came to the end", "p50 ms", "p95 ms",
    "p99 ms", "CPU ms app + SQL", "MB", "kB and requests", "errors",
)  # fmt: skip


def load_table(result: dict[str, Any]) -> str:
    lines = [told(result), "", goals.row(COLUMNS), goals.row("---" for _ in COLUMNS)]
    lines += [goals.row(cells(one)) for one in sorted(result["medians"], key=place)]
    return "\n".join(lines) + "\n"


def place(one: dict[str, Any]) -> tuple[bool, int, int, int]:
    return ("think" in one["load"], int(one["load"].split(",")[0]), list(TITLES).index(one["system"]), one["cores"])


def cells(one: dict[str, Any]) -> list[str]:
    least, most = one["submits_per_s_range"]
    disturbed = f" ({one['n_disturbed']} of {one['n_runs']} disturbed)" if one["n_disturbed"] else ""
    return [
        one["load"],
        TITLES[one["system"]] + (", two cores" if one["cores"] == 2 else ""),
        f"{one['submits_per_s']:,.0f}",
        f"{least:,.0f}..{most:,.0f}{disturbed}",
        f"{one['submits_per_s'] * 60 / N_SUBMITS:,.0f}",
        f"{one['completed']:,.0f} in {one['seconds']:.0f} s",
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
        f"runs in {facts['minutes']} minutes by `{facts['call']}`, here their medians; others used up to {worst:.2f} "
        "cores during a run."
    )
