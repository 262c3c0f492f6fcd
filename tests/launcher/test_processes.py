"""Recognising, recording and ending processes, on Linux and the way macOS answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from pact_site import processes
from pact_site.processes import Account, Echo, Family, birth_mark, program_name

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


@pytest.fixture(params=["linux", "darwin"])
def _platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look processes up in /proc, then with ps as on macOS."""
    if sys.platform != "linux" and request.param == "linux":
        pytest.skip("no /proc here")
    monkeypatch.setattr(sys, "platform", request.param)


@pytest.mark.usefixtures("_platform")
def test_birth_mark_stays_and_is_gone_with_the_process() -> None:
    process = subprocess.Popen(SLEEP)
    mark = birth_mark(process.pid)
    assert mark
    assert birth_mark(process.pid) == mark
    process.kill()
    while process.returncode is None:
        process.poll()
    assert birth_mark(process.pid) is None
    assert program_name(process.pid) == ""


@pytest.mark.usefixtures("_platform")
def test_birth_mark_of_a_dead_child_nobody_collected_is_none() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        while birth_mark(process.pid):
            pass
        assert birth_mark(process.pid) is None


@pytest.mark.usefixtures("_platform")
def test_program_name_is_short() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        while program_name(process.pid) != "sleep":  # until the child has become the program
            assert process.poll() is None
        process.kill()


def test_sweep_ends_recorded_processes_and_spares_a_reused_number(tmp_path: Path) -> None:
    earlier = Family(tmp_path)
    left = earlier.start("left", SLEEP, cwd=tmp_path)
    other = earlier.start("other", SLEEP, cwd=tmp_path)
    other.record.write_text(other.record.read_text().replace('"born": "', '"born": "1'))
    assert Family(tmp_path).sweep() == ["left"]
    assert left.process.wait(5) != 0
    assert other.exit_code() is None
    assert list(earlier.records.iterdir()) == []
    earlier.stop_all()


def test_stop_kills_a_child_that_ignores_the_request(tmp_path: Path) -> None:
    family = Family(tmp_path)
    child = family.start("deaf", [sys.executable, "-c", STUBBORN], cwd=tmp_path, patience=0.2)
    processes.await_ready(child, lambda: processes.last_lines(child.log) == ["deaf"])
    family.stop_all()
    assert child.exit_code() == -9
    assert not child.record.exists()


def test_stop_goes_backwards(tmp_path: Path) -> None:
    family = Family(tmp_path)
    waits = "import time\ntry:\n print('up', flush=True)\n time.sleep(60)\nexcept KeyboardInterrupt:\n "
    told = waits + "print(time.monotonic_ns())"
    for name in ("first", "second"):
        child = family.start(name, [sys.executable, "-c", told], cwd=tmp_path)
        processes.await_ready(child, lambda log=child.log: processes.last_lines(log) == ["up"])  # type: ignore[misc]
    family.stop_all()
    first, second = (int(processes.last_lines(tmp_path / f"{name}.log", 1)[0]) for name in ("first", "second"))
    assert second < first


def test_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(processes.LaunchError, match=r"odd could not be started \(/no/such/program\)"):
        Family(tmp_path).start("odd", ["/no/such/program"], cwd=tmp_path)


def test_overlong_log_moves_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 3)
    (tmp_path / "web.log").write_text("much text")
    assert not Family(tmp_path).log_of("web").exists()
    assert (tmp_path / "web.log.1").read_text() == "much text"


def test_echo_shows_whole_new_lines_with_their_origin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "web.log"
    log.write_text("old\n")
    echo = Echo([log, tmp_path / "none.log"])
    with log.open("a") as file:
        file.write("new\n\nhal")
        file.flush()
        echo.show()
        file.write("f\n")
    echo.show()
    log.write_text("again\n")
    echo.show()
    assert capsys.readouterr().out == "     web | new\n     web | half\n     web | again\n"


def test_echo_leaves_out_the_notes_of_regular_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "beat.log"
    echo = Echo([log])
    log.write_text(
        "2026-11-29 00:59:19,568 INFO celery.beat Scheduler: Sending due task llm-sweep\n"
        "[2026-11-29 00:59:19 +0000] [17] [INFO] Booting worker with pid: 17\n"
        '{"time": "2026-11-29T22:12:10.951+00:00", "level": "INFO", "logger": "celery.beat", "message": "x"}\n'
        "2026-11-29 00:59:19,568 WARNING survey.panels the panel says INFO \n"
        '{"time": "2026-11-29T22:12:10.951+00:00", "level": "ERROR", "logger": "x", "message": "no INFO"}\n'
        "To: somebody@example.org\n"
    )
    echo.show()
    assert [line[11:18] for line in capsys.readouterr().out.splitlines()] == ["2026-11", '{"time"', "To: som"]


def test_account_becomes_the_keywords_of_subprocess() -> None:
    assert processes.as_account(Account(101, 104, "postgres")) == {"user": 101, "group": 104, "extra_groups": []}
    assert processes.as_account(None) == {}
