"""How long a CSV of others' answers takes to become a study: `python -m bench.importing [--rows N]`, prints JSON.

Two answers a row, 25 rows a person, 18 countries and 200 items, mapped, checked, stored and counted by one process,
on a PostgreSQL of its own. Linux only (memory is read from /proc).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.servers import own_servers

N_ITEMS, ROWS_EACH = 200, 25
HEADER = ("respondent_id", "respondent_country", "scenario_item_id", "scenario_country", "age", "gender",
          "human_personal", "human_norm")  # fmt: skip
MOST_SECONDS_A_MILLION = 120.0


def write(path: Path, n_rows: int) -> None:
    """Write answers whose codes follow from their place alone."""
    from survey.enums import Country

    countries = Country.values
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(n_rows):
            person, place = divmod(number, ROWS_EACH)
            item = (person * 7 + place) % N_ITEMS
            writer.writerow(
                [f"p{person}", countries[person % len(countries)], f"i{item}", countries[item % len(countries)],
                 ("25", "62")[person % 2], ("woman", "man")[person // 2 % 2], "AB"[(item + person) % 2],
                 "AB"[(item * person) % 2]]
            )  # fmt: skip


def peak_mb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def measure(path: Path) -> dict[str, Any]:
    """Import the file; give the seconds of every step."""
    from analysis.imports.faults import Faults
    from analysis.imports.importing import store
    from analysis.imports.mapping import guess
    from analysis.imports.reading import header_of
    from analysis.imports.sources import AnswersSource

    source = AnswersSource(path, mapping=guess(header_of(path, Faults())))
    begun, processor, steps = time.perf_counter(), time.process_time(), [("", time.perf_counter())]
    _, report = store(
        source, code="measured", title="Measured", by="bench", is_dry=False,
        on_step=lambda step: steps.append((step, time.perf_counter())),
    )  # fmt: skip
    ended = time.perf_counter()
    ends = [at for _, at in steps[2:]] + [ended]
    took = {step: round(end - at, 1) for (step, at), end in zip(steps[1:], ends, strict=True)}
    return {
        "seconds": round(ended - begun, 1), "python_cpu_s": round(time.process_time() - processor, 1), "steps": took,
        "n_rows": report["n_rows"],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    chosen = parser.parse_args()
    with own_servers() as servers, tempfile.TemporaryDirectory() as folder:
        os.environ.update(servers.environment)
        import django

        django.setup()
        servers.migrate()
        path = Path(folder) / "answers.csv"
        write(path, chosen.rows)
        before = peak_mb()
        told = {"rows": chosen.rows, **measure(path), "mb_before": before, "mb": peak_mb()}
    print(json.dumps(told))
    most = MOST_SECONDS_A_MILLION * max(chosen.rows / 1e6, 0.1)
    if told["seconds"] > most:
        print(f"{told['seconds']} s, at most {most:g}", file=sys.stderr)
    return 0 if told["seconds"] <= most else 1


if __name__ == "__main__":
    sys.exit(main())
