"""Processor time and memory of processes and their children, from /proc. Linux only."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Reading(NamedTuple):
    """Seconds: on the clock, and of processor time."""

    at: float
    app: float
    database: float
    driver: float
    machine: float  # whatever ran on all cores

    def __sub__(self, other: Reading) -> Reading:
        return Reading(*(mine - its for mine, its in zip(self, other, strict=True)))

    @property
    def foreign_cores(self) -> float:
        """Give how many cores others than we kept busy."""
        return max(0.0, (self.machine - self.app - self.database - self.driver) / self.at)

    @property
    def driver_share(self) -> float:
        return self.driver / self.at


class Meter:
    """Reads what an application, its database and we ourselves have used."""

    def __init__(self, app: int, database: int) -> None:
        self.app, self.database = app, database

    def read(self) -> Reading:
        app, database = (sum(map(seconds_of, family(root))) for root in (self.app, self.database))
        return Reading(time.perf_counter(), app, database, time.process_time(), machine_seconds())

    def memory_mb(self) -> float:
        """Give what the application's processes hold together; what they share counts once."""
        return round(sum(map(memory_of, family(self.app))) / 1024, 1)

    def n_processes(self) -> int:
        return len(family(self.app))


def family(root: int) -> list[int]:
    """List a process with all that descend from it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                children[int(stat_of(int(entry.name))[1])].append(int(entry.name))
    found = [root]
    for one in found:  # grows while it is read
        found += children[one]
    return found


def stat_of(pid: int) -> list[str]:
    """Read a process's numbers from its state on, after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def seconds_of(pid: int) -> float:
    """Give the processor time of a process and of its children that have ended."""
    try:
        return sum(map(int, stat_of(pid)[11:15])) / TICKS
    except OSError:
        return 0.0


def memory_of(pid: int) -> int:
    """Give a process's proportional share of memory (PSS) in kB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def machine_seconds() -> float:
    """Give what all cores were busy with: not idle, not waiting for a disk."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, _steal = map(int, fields)
    return (user + nice + system + irq + soft) / TICKS


def pin(cores: Iterable[int]) -> None:
    """Run us, and what we start from now on, on these cores."""
    os.sched_setaffinity(0, cores)
