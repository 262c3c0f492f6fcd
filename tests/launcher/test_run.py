"""The bootstrap: what it installs when, and what it says when it cannot."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import run


class Installer:
    """Stands in for uv, venv and pip: notes the commands and does as told."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.succeeds = True
        self.interrupted = False

    def __call__(self, command: list[str]) -> bool:
        self.commands.append(command)
        if "venv" in command:
            make_python(run.PYTHON)
        elif self.interrupted:
            raise KeyboardInterrupt
        return self.succeeds or "venv" in command

    def installed(self) -> list[str]:
        return [Path(command[-1]).name for command in self.commands if "install" in command]


def answers_when_there(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
    """Stand in for `python -c …` and `python -m pip --version`."""
    return subprocess.CompletedProcess(command, 0 if Path(command[0]).exists() else 1)


def make_python(python: Path) -> None:
    python.parent.mkdir(parents=True, exist_ok=True)
    python.symlink_to(sys.executable)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """A project folder of its own, in which nothing is really installed."""
    venv = tmp_path / ".venv"
    paths = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python"}
    paths |= {"STAMP": venv / run.STAMP.name, "UNFINISHED": venv / run.UNFINISHED.name}
    for name, path in paths.items():
        monkeypatch.setattr(run, name, path)
    for name in run.LOCKS.values():
        (tmp_path / name).write_text(f"{name}==1\n")
    monkeypatch.setattr(shutil, "which", {"uv": "/opt/uv"}.get)
    standing_in = Installer()
    monkeypatch.setattr(run, "run_with_progress", standing_in)
    return standing_in


def test_install_makes_the_environment_once(installer: Installer) -> None:
    run.install("demo")
    assert ["venv" in command for command in installer.commands] == [True, False]
    assert installer.installed() == ["requirements-demo.txt"]
    run.install("demo")
    assert len(installer.commands) == 2


def test_install_follows_a_changed_lock_file(installer: Installer) -> None:
    run.install("demo")
    (run.ROOT / "requirements-demo.txt").write_text("newer==2\n")
    run.install("demo")
    assert installer.installed() == ["requirements-demo.txt", "requirements-demo.txt"]


def test_environment_for_tests_serves_the_demo_too(installer: Installer) -> None:
    run.install("dev")
    run.install("demo")
    assert installer.installed() == ["requirements-dev.txt"]


def test_environment_for_the_demo_does_not_serve_tests(installer: Installer) -> None:
    run.install("demo")
    run.install("dev")
    assert installer.installed() == ["requirements-demo.txt", "requirements-dev.txt"]


def test_failed_installation_is_tried_again(installer: Installer, capsys: pytest.CaptureFixture[str]) -> None:
    installer.succeeds = False
    with pytest.raises(SystemExit):
        run.install("demo")
    assert "Run this again" in capsys.readouterr().out
    installer.succeeds = True
    run.install("demo")
    assert installer.installed() == ["requirements-demo.txt", "requirements-demo.txt"]


def test_interrupted_installation_begins_with_a_new_environment(installer: Installer) -> None:
    installer.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run.install("demo")
    (run.VENV / "half-a-package").touch()
    installer.interrupted = False
    run.install("demo")
    assert not (run.VENV / "half-a-package").exists()
    assert ["venv" in command for command in installer.commands] == [True, False, True, False]


def test_environment_whose_python_is_gone_is_made_again(installer: Installer) -> None:
    run.install("demo")
    run.PYTHON.unlink()
    run.PYTHON.symlink_to("/no/such/python")
    run.install("demo")
    assert ["venv" in command for command in installer.commands] == [True, False, True, False]


def test_missing_venv_module_is_answered_with_one_command(
    installer: Installer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", {"apt-get": "/usr/bin/apt-get"}.get)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        run.install("demo")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"\n    sudo apt-get install -y python{version}-venv\n" in capsys.readouterr().out
    assert installer.commands == []


def test_uv_compiles_what_it_installs(installer: Installer) -> None:
    run.install("demo")
    assert installer.commands[1][:3] == ["/opt/uv", "pip", "install"]
    assert {"--require-hashes", "--compile-bytecode"} < set(installer.commands[1])


def test_without_uv_pip_installs_with_hashes(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(subprocess, "run", answers_when_there)
    run.install("demo")
    assert installer.commands[0][1:3] == ["-m", "venv"]
    assert installer.commands[1][1:5] == ["-m", "pip", "install", "--require-hashes"]


def test_progress_shows_why_a_command_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "VENV", tmp_path)
    assert run.run_with_progress([sys.executable, "-c", "print('no room left'); raise SystemExit(1)"]) is False
    assert capsys.readouterr().out == "no room left\n"
    assert run.run_with_progress([sys.executable, "-c", "print('fine')"]) is True
    assert capsys.readouterr().out == ""


def test_check_goes_through_every_check_and_names_the_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(
        run, "CHECKS", (("bad", ("{python}", "-c", "raise SystemExit(1)")), ("good", ("{python}", "-c", "")))
    )
    assert run.check() == 1
    shown = capsys.readouterr().out
    assert "== bad: failed" in shown
    assert "== good: ok" in shown
    assert shown.endswith("Failed: bad\n")


def test_processes_of_a_command_compile_the_project_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken_over = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(os, "execv", lambda _, command: taken_over.append((command, dict(os.environ))))
    run.become("manage.py", "check")
    [(command, environment)] = taken_over
    assert command == [str(run.PYTHON), "manage.py", "check"]
    assert "PYTHONDONTWRITEBYTECODE" not in environment


def test_unknown_command_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    before = os.getcwd()
    assert run.main(["dance"]) == 2
    os.chdir(before)
    assert capsys.readouterr().out == f"{run.USAGE}\n"


@pytest.mark.parametrize("name", run.LOCKS.values())
def test_lock_file_names_no_address(name: str) -> None:
    text = (run.ROOT / name).read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
