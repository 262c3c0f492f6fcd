"""What a bench measured, kept beside the docs: `docs/performance/<bench>.json`, and the blocks of a page made of it."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pact_site import embedded

DOCS = embedded.ROOT / "docs"
PAGE, FOLDER = "performance.md", "performance"


def facts() -> dict[str, Any]:
    """Say what a figure was measured on, and by which call."""
    return {
        "commit": commit(),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "call": call(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
    }


def machine() -> dict[str, Any]:
    """Say in short what a figure that is only printed was measured on."""
    return {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": platform.python_version()}


def call() -> str:
    spec = sys.modules["__main__"].__spec__
    name = spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).name
    words = [Path(word).name if word.startswith(os.sep) else word for word in sys.argv[1:]]  # no machine's folders
    return shlex.join(["python", "-m", name, *words])


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(command, cwd=embedded.ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def keep(docs: Path, name: str, result: dict[str, Any]) -> None:
    """Write a result in place of the last one, a line for each entry of its lists."""
    folder = docs / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(written(result), encoding="utf-8")


def written(result: dict[str, Any]) -> str:
    parts = []
    for key, value in result.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n ]"
        parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read(docs: Path) -> dict[str, dict[str, Any]]:
    """Give what is kept, by the name of its bench."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted((docs / FOLDER).glob("*.json"))}


def markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def block(page: Path, name: str) -> str:
    """Read what stands between the markers of a page."""
    return _split(page, name)[1]


def write_block(page: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of a page."""
    before, _, after = _split(page, name)
    begin, end = markers(name)
    page.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")


def _split(page: Path, name: str) -> tuple[str, str, str]:
    begin, end = markers(name)
    before, found, rest = page.read_text(encoding="utf-8").partition(f"{begin}\n")
    inside, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} lacks the markers {begin} and {end}")
    return before, inside, after
