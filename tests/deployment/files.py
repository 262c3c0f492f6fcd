"""docker-compose.yml, Dockerfile and .env.example, read the way Docker reads them, as far as they go here."""

import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
CADDYFILE = ROOT / "docker" / "Caddyfile"
LIMITER = ROOT / "docker" / "limiter"
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?P<kind>:[?-])(?P<rest>[^}]*)\})")
FILLED_IN = {  # a .env for a trial on one machine
    "SITE_HOST": "localhost",
    "CONTACT_EMAIL": "team@example.org",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "IDENTIFIER_KEYS": "ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-abcdefghijklmnopqrstuvwxyz",
    "POSTGRES_PASSWORD": "abc-DEF_123",
}


class MissingError(Exception):
    """Docker would refuse to start for the lack of this variable."""


class Instruction(NamedTuple):
    """One line of a Dockerfile, its continuations joined."""

    word: str
    rest: str


def services(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the services with every variable filled in."""
    found: dict[str, Any] = fill_in(yaml.safe_load(COMPOSE)["services"], given)
    return found


def fill_in(value: Any, given: Mapping[str, str]) -> Any:
    """Put values in the place of `${NAME:?…}` and `${NAME:-default}`, and `$` in that of `$$`."""
    if isinstance(value, dict):
        return {key: fill_in(entry, given) for key, entry in value.items()}
    if isinstance(value, list):
        return [fill_in(entry, given) for entry in value]
    return VARIABLE.sub(lambda found: _value(found, given), value) if isinstance(value, str) else value


def _value(found: re.Match[str], given: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    if not given.get(found["name"]) and found["kind"] == ":?":
        raise MissingError(found["name"])
    return given.get(found["name"]) or found["rest"]


def wanted_variables() -> dict[str, bool]:
    """Return the variables that docker-compose.yml reads, and whether it refuses to start without each."""
    return {found["name"]: found["kind"] == ":?" for found in VARIABLE.finditer(COMPOSE) if found["name"]}


@cache
def last_stage() -> tuple[Instruction, ...]:
    """Return the instructions that make the image itself."""
    joined = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]
    begin = max(number for number, line in enumerate(lines) if line.word == "FROM")
    return tuple(lines[begin:])


def copied() -> list[str]:
    """Return what the image takes from the project folder, as it stands in COPY."""
    lines = [line.rest for line in last_stage() if line.word == "COPY" and not line.rest.startswith("--from")]
    return [source for line in lines for source in shlex.split(line)[:-1]]


def image_variables() -> dict[str, str]:
    """Return the environment that the image sets."""
    pairs = [pair for line in last_stage() if line.word == "ENV" for pair in shlex.split(line.rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def site_commands() -> list[str]:
    """Return the shell commands of the image's build that need nothing but the project."""
    return [line.rest for line in last_stage() if line.word == "RUN" and "manage.py" in line.rest]
