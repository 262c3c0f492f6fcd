"""The units of the way without Docker: the commands of the compose file, and files that systemd accepts."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.clock import EVERY_S, JOBS
from tests.deployment.files import FILLED_IN, ROOT, services

UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))
TIMERS = sorted((ROOT / "docs" / "systemd").glob("*.timer"))
TIMED = {timer.stem for timer in TIMERS}  # what the container of upkeep starts itself
HOME = "/opt/pact-site"
ONLY_HERE = {"--bind", "127.0.0.1:8000"}  # the container's web server listens at PORT


def lines(unit: Path) -> dict[str, str]:
    """Read the settings of a unit, lines that go on joined; the last of several of one name."""
    text = unit.read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_there_is_a_unit_for_every_process_of_the_site() -> None:
    ours = {f"pact-{name}" for name, service in services(FILLED_IN).items() if service.get("build") == "."}
    assert {unit.stem for unit in UNITS} == ours | TIMED


def service_of(unit: Path) -> str:
    return "upkeep" if unit.stem in TIMED else unit.stem.removeprefix("pact-")


def test_timers_start_what_the_container_of_upkeep_starts() -> None:
    timed = [lines(unit) for unit in UNITS if unit.stem in TIMED]
    assert [shlex.split(unit["ExecStart"])[1:] for unit in timed] == [["manage.py", *job] for job in sorted(JOBS)]
    assert {(unit["Type"], "Restart" in unit) for unit in timed} == {("oneshot", False)}
    assert [(lines(timer)["OnCalendar"], lines(timer)["WantedBy"]) for timer in TIMERS] == [
        (f"*:0/{EVERY_S // 60}", "timers.target")
    ] * len(JOBS)


@pytest.mark.parametrize("unit", [one for one in UNITS if one.stem not in TIMED], ids=lambda unit: unit.stem)
def test_unit_runs_the_command_of_the_compose_file(unit: Path) -> None:
    command = shlex.split(lines(unit)["ExecStart"])
    said = [word.removeprefix(f"{HOME}/.venv/bin/").replace("%H", "%h") for word in command if word not in ONLY_HERE]
    assert said == services(FILLED_IN)[unit.stem.removeprefix("pact-")]["command"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_sets_what_the_compose_file_sets(unit: Path) -> None:
    asked = services(FILLED_IN)[service_of(unit)]["environment"]
    setting = lines(unit)["Environment"]
    name, value = setting.split("=")
    assert asked[name] == value
    assert lines(unit)["User"] == "pact"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_gives_way_as_the_compose_files_service_does(unit: Path) -> None:
    """A share of 1,024 is a weight of 100: as much as anybody else."""
    service, told = services(FILLED_IN)[service_of(unit)], lines(unit)
    assert int(told.get("CPUWeight", 100)) * 1024 == service.get("cpu_shares", 1024) * 100
    assert int(told.get("OOMScoreAdjust", 0)) == service.get("oom_score_adj", 0)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_goes_by_the_folder_not_by_the_link_to_it(unit: Path) -> None:
    """Gunicorn would take the link from PWD and, after an update, load what it lacks from the other release."""
    assert (lines(unit)["WorkingDirectory"], lines(unit)["UnsetEnvironment"]) == (HOME, "PWD")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's own check needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "gunicorn", "celery"):
        (programs / name).symlink_to("/bin/true")
    copies = []
    for unit in [*UNITS, *TIMERS]:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text(encoding="utf-8").replace(HOME, str(tmp_path)), encoding="utf-8")
        copies.append(copy)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, copies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    told = [line for line in done.stderr.splitlines() if "pact-" in line]
    assert told == []
