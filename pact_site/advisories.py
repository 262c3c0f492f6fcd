"""What is publicly known of the locked versions: looked up where there is a network, held against the locks anywhere.

`advisories.json` keeps what the database of vulnerabilities (OSV) answered, when, and about which versions. It tells of
that day and no later one, so an old answer is a warning; a version that nobody asked about is a fault.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = Path(__file__).with_suffix(".json")
OSV = "https://api.osv.dev"
OLD_DAYS = 30
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
KEPT = ("id", "modified", "aliases", "summary", "severity")  # of an advisory, in OSV's own form
RENEW = "python3 run.py audit --update, where there is a network"


@dataclass
class Known:
    """The file. An ignored advisory names its `id`, the `reason`, and the day (`decided`) somebody decided so."""

    looked_up: str | None = None  # a day; None: never yet
    versions: list[str] = field(default_factory=list)  # asked about, as name==version
    advisories: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Findings:
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def main(arguments: list[str]) -> int:
    """Hold the locks against the file, with `--update` after asking anew; return 1 where there is a fault."""
    pins = locked(ROOT)
    if arguments == ["--update"]:
        try:
            write(FILE, look_up(pins, ignored=read(FILE).ignored))
        except (OSError, ValueError, LookupError) as error:
            print(f"{OSV} did not answer, {FILE.name} stays as it was: {error}")
            return 1
    elif arguments:
        print("usage: python3 run.py audit [--update]")
        return 2
    found = compare(read(FILE), pins, today=datetime.now(UTC).date())
    for line in [*(f"Warning: {text}" for text in found.warnings), *found.faults]:
        print(line)
    return 1 if found.faults else 0


def locked(root: Path) -> list[str]:
    """Give every version that a lock file pins, for whatever system, as name==version."""
    texts = [path.read_text() for path in sorted(root.glob("requirements*.txt"))]
    return sorted({f"{name}=={version}" for text in texts for name, version in PINNED.findall(text)})


def read(file: Path) -> Known:
    told = json.loads(file.read_text())
    return Known(**{each.name: told[each.name] for each in fields(Known)})


def write(file: Path, known: Known) -> None:
    file.write_text(json.dumps(asdict(known), indent=1, ensure_ascii=False) + "\n")


# --- Holding the locks against what is known ---------------------------------------------------


def compare(known: Known, pins: list[str], *, today: date) -> Findings:
    """Say what speaks against the locked versions, and what is not known of them."""
    found = Findings()
    if known.looked_up is None:
        found.warnings.append(f"nobody has looked up yet what is known of the {len(pins)} locked versions: {RENEW}")
        return found
    if unknown := sorted(set(pins) - set(known.versions)):
        found.faults.append(f"Not looked up: {', '.join(unknown)}. Run {RENEW}")
    age = (today - date.fromisoformat(known.looked_up)).days
    if age > OLD_DAYS:
        found.warnings.append(f"what is known of the locked versions was looked up {age} days ago: {RENEW}")
    found.faults += [
        f"An ignored advisory needs id, reason and decided: {each}" for each in known.ignored if not full(each)
    ]
    ignored = {each["id"] for each in known.ignored if full(each)}
    for advisory in known.advisories:
        hit = sorted(affected(advisory) & set(pins))
        if hit and not ignored & {advisory["id"], *advisory.get("aliases", [])}:
            found.faults.append(f"{', '.join(hit)}: {advisory['id']} {advisory.get('summary', '')}".rstrip())
    return found


def full(ignored: dict[str, str]) -> bool:
    """Tell whether it says what is ignored, why, and since which day."""
    try:
        date.fromisoformat(ignored.get("decided", ""))
    except ValueError:
        return False
    return bool(ignored.get("id") and ignored.get("reason"))


def affected(advisory: dict[str, Any]) -> set[str]:
    return {f"{each['package']['name']}=={version}" for each in advisory["affected"] for version in each["versions"]}


# --- Asking ------------------------------------------------------------------------------------


def look_up(pins: list[str], *, ignored: list[dict[str, str]]) -> Known:
    """Ask what is known of these versions; raise what went wrong rather than return half of it."""
    today = datetime.now(UTC).date().isoformat()
    advisories = [advisory(key, sorted(pins)) for key, pins in sorted(numbers_of(pins).items())]
    return Known(looked_up=today, versions=pins, advisories=[one for one in advisories if one], ignored=ignored)


def numbers_of(pins: list[str]) -> dict[str, set[str]]:
    """Give the numbers of the advisories, each with the versions that it concerns."""
    numbers: dict[str, set[str]] = {}
    asking = [(pin, query(pin)) for pin in pins]
    while asking:
        answers = ask("/v1/querybatch", {"queries": [question for _, question in asking]})["results"]
        more = []
        for (pin, question), answer in zip(asking, answers, strict=True):
            for one in answer.get("vulns", []):
                numbers.setdefault(one["id"], set()).add(pin)
            if page := answer.get("next_page_token"):
                more.append((pin, {**question, "page_token": page}))
        asking = more
    return numbers


def query(pin: str) -> dict[str, Any]:
    name, version = pin.split("==")
    return {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}


def advisory(key: str, pins: list[str]) -> dict[str, Any] | None:
    """Give what the file keeps of an advisory; nothing where it was withdrawn."""
    whole = ask(f"/v1/vulns/{key}")
    if "withdrawn" in whole:
        return None
    hit = [(question["package"], question["version"]) for question in map(query, pins)]
    concerned = [{"package": package, "versions": [version]} for package, version in hit]
    return {name: whole[name] for name in KEPT if name in whole} | {"affected": concerned}


def ask(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(OSV + path, data, {"Content-Type": "application/json"})  # noqa: S310 (a constant)
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310  # nosec B310
        told: dict[str, Any] = json.load(reply)
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
