"""What a figure was measured on, beside the machine: versions, PostgreSQL's settings, the disk's syncs."""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.servers import Servers
from bench.survey.systems import PEERS

SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections")
PACKAGES = ("django", "gunicorn", "psycopg")


def describe(servers: Servers) -> dict[str, Any]:
    with psycopg.connect(f"host={servers.sockets} user=pact dbname=pact") as connection:
        row = connection.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)).fetchone()
    assert row is not None
    return {
        "versions": {**{name: version(name) for name in PACKAGES}, **{name: PEERS[name][0] for name in PEERS}},
        "postgresql": dict(zip(SETTINGS, row, strict=True)),
        "fdatasync_us": sync_time(servers.family.var),
    }


def sync_time(folder: Path) -> int:
    """Give the median time (µs) in which 8 kB reach the disk, as PostgreSQL writes its log."""
    took = []
    with (folder / "sync").open("wb") as file:
        for _ in range(200):
            file.write(bytes(8192))
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return round(median(took) * 1e6)
