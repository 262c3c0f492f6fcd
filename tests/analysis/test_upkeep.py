"""The work of the night: a backup when one is due, old ones removed after it, trouble told; retention as set."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError

from analysis import clock, upkeep
from analysis.alarms.domain import give_sign_of_life, last_sign
from analysis.alarms.looking import BACKUP
from analysis.backup import check_backup, name_of, restore_backup
from survey.models import Study
from tests.analysis.conftest import Made, fill, make_study

NOW = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@pytest.fixture
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.BACKUP_DIR, settings.BACKUP_KEEP = tmp_path / "backups", 3
    return tmp_path / "backups"


@pytest.fixture
def made(transactional_db: None) -> Made:
    cache.clear()
    made = make_study()
    fill(made, 2)
    return made


@pytest.fixture(autouse=True)
def at_two_in_the_afternoon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.upkeep.timezone.now", lambda: NOW)


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def put(folder: Path, *moments: datetime) -> list[Path]:
    """Lay down files that bear the names of backups."""
    folder.mkdir(exist_ok=True)
    paths = [folder / name_of(moment) for moment in moments]
    for path in paths:
        path.write_bytes(b"earlier")
    return paths


def nights(n: int) -> list[datetime]:
    """Give the nights before the last one."""
    return [NIGHT - timedelta(days=i) for i in range(1, n + 1)]


def refuse(*args: Any) -> Any:
    raise psycopg.OperationalError("the connection is lost")


def test_first_backup_is_made_at_once_and_can_be_restored(made: Made, folder: Path) -> None:
    call_command("upkeep")
    (path,) = upkeep.backups(folder)
    assert (path.name, folder.stat().st_mode & 0o777) == ("pact-20261128-140000.zip", 0o700)
    assert last_sign(BACKUP) == upkeep.made_at(path) == NOW
    assert check_backup(path)["tables"]["survey_response"]["rows"] > 0
    Study.objects.update(title="changed")
    restore_backup(path, replace=True)
    assert Study.objects.get().title == made.study.title


@pytest.mark.parametrize(
    ("last", "is_due"),
    [(NIGHT, False), (NIGHT + timedelta(hours=3), False), (NIGHT - timedelta(seconds=1), True)],
)
def test_backup_is_due_once_a_night(made: Made, folder: Path, last: datetime, is_due: bool) -> None:
    put(folder, last)
    assert upkeep.run_due() == []
    assert len(upkeep.backups(folder)) == 1 + is_due


def test_night_begins_in_the_hour_that_is_set(settings: LazySettings) -> None:
    settings.UPKEEP_HOUR = 20
    assert upkeep.last_night(NOW) == datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
    assert upkeep.last_night(NOW + timedelta(hours=6)) == datetime(2026, 11, 28, 20, 0, tzinfo=UTC)


def test_so_many_are_kept_and_nothing_else_is_touched(made: Made, folder: Path) -> None:
    earlier = put(folder, *nights(5))
    others = [folder / "pact-20200101-000000.zip.age", folder / "before-the-move.zip", folder / "pact-notes.zip"]
    for path in others:
        path.write_text("of somebody")
    assert upkeep.run_due() == []
    kept = upkeep.backups(folder)
    assert kept == [folder / name_of(NOW), *earlier[:2]]
    assert all(path.exists() for path in others)


def test_failed_backup_removes_nothing_and_is_told_once(
    made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any], settings: LazySettings
) -> None:
    settings.SITE_URL = "https://study.example.org"
    earlier = put(folder, *nights(5))
    with monkeypatch.context() as broken:
        broken.setattr("analysis.backup._write_table", refuse)
        with pytest.raises(SystemExit) as ended:
            call_command("upkeep")
        assert ended.value.code == 1
        assert [path.name for path in folder.iterdir() if path.suffix == ".unfinished"] == []
        assert upkeep.backups(folder) == earlier
        assert [(mail.to, mail.subject) for mail in mailoutbox] == [
            ([settings.CONTACT_EMAIL], "PACT Site at study.example.org: the nightly upkeep failed")
        ]
        assert "the database refused: the connection is lost" in mailoutbox[0].body
        assert last_sign(BACKUP) == nights(1)[0]
        cache.delete("upkeep:backup:failed")  # an hour later
        assert upkeep.run_due() != []
        assert len(mailoutbox) == 1
    assert upkeep.run_due() == []
    assert upkeep.backups(folder) == earlier  # in the hour after a failure nothing is tried
    cache.delete("upkeep:backup:failed")
    assert upkeep.run_due() == []
    assert upkeep.backups(folder) == [folder / name_of(NOW), *earlier[:2]]
    cache.delete("upkeep:backup:failed")
    monkeypatch.setattr("analysis.backup._write_table", refuse)
    assert upkeep.run_due(is_asked=True) != []
    assert len(mailoutbox) == 2  # a new trouble after a good one


def test_full_disk_is_seen_before_anything_is_written(
    made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = put(folder, *nights(5))
    monkeypatch.setattr("analysis.upkeep.shutil.disk_usage", lambda path: shutil._ntuple_diskusage(100, 92, 8))
    (trouble,) = upkeep.run_due()
    assert "8 bytes left, the last backup took 7: none begun" in trouble
    assert upkeep.backups(folder) == earlier


def test_what_a_killed_process_left_is_removed_once_it_is_surely_dead(made: Made, folder: Path) -> None:
    put(folder, NIGHT)
    dead, alive = (folder / f".pact-20261127-02000{i}.zip.unfinished" for i in (0, 1))
    for path, age in ((dead, 3700), (alive, 10)):
        path.write_text("half")
        os.utime(path, (time.time() - age, time.time() - age))
    upkeep.run_due()
    assert (dead.exists(), alive.exists()) == (False, True)


def test_one_at_a_time(made: Made, folder: Path) -> None:
    put(folder, *nights(1))
    with upkeep._alone(folder) as is_alone:
        assert is_alone
        assert upkeep.run_due(is_asked=True) == []
        assert len(upkeep.backups(folder)) == 1
    upkeep.run_due()
    assert len(upkeep.backups(folder)) == 2


def test_database_that_is_away_is_told_by_the_log(
    made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    def away(*args: Any, **more: Any) -> Any:
        raise OperationalError("the server is away")

    earlier = put(folder, *nights(5))
    for name in ("cache.get", "cache.set", "cache.add", "cache.delete", "give_sign_of_life"):
        monkeypatch.setattr(f"analysis.upkeep.{name}", away)
    assert upkeep.run_due() == ["backup failed: the server is away"]
    assert (upkeep.backups(folder), mailoutbox) == (earlier, [])


def test_nothing_is_made_or_deleted_unless_it_is_set(
    made: Made, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (settings.BACKUP_DIR, settings.RETENTION_IDENTIFIERS_DAYS, settings.RETENTION_PARADATA_DAYS) == (None,) * 3
    monkeypatch.setattr("analysis.upkeep.call_command", refuse)
    call_command("upkeep")
    assert "nothing to do" in capsys.readouterr().out
    with pytest.raises(CommandError, match="set BACKUP_DIR"):
        call_command("upkeep", now=True)


def test_retention_goes_by_its_own_days_once_a_night(
    made: Made, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr("analysis.upkeep.call_command", lambda *words: calls.append(words))
    settings.RETENTION_PARADATA_DAYS = "365"
    upkeep.run_due()
    upkeep.run_due()
    assert calls == [("retention", "--paradata-days=365")]
    give_sign_of_life(upkeep.RETENTION, at=NIGHT - timedelta(minutes=1))
    settings.RETENTION_IDENTIFIERS_DAYS = "90"
    upkeep.run_due()
    assert calls[1:] == [("retention", "--identifiers-days=90", "--paradata-days=365")]


def test_days_that_are_no_number_delete_nothing_and_are_told(
    made: Made, folder: Path, settings: LazySettings, mailoutbox: list[Any]
) -> None:
    settings.RETENTION_IDENTIFIERS_DAYS = "-90"
    (trouble,) = upkeep.run_due()
    assert "-90 is no number of days" in trouble
    assert "-90 is no number of days" in mailoutbox[0].body
    assert len(upkeep.backups(folder)) == 1  # one job's trouble keeps no other
    assert last_sign(upkeep.RETENTION) is None


# --- The container's clock ---------------------------------------------------------------------


@pytest.fixture
def jobs(tmp_path: Path, settings: LazySettings) -> Path:
    """A folder whose ``manage.py`` notes what it is asked, and stays if asked to."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "manage.py").write_text(
        "import os, sys, time\n"
        "open('asked', 'a').write(f'{sys.argv[1]} {os.getpid()}\\n')\n"
        "time.sleep(60 if sys.argv[1] == 'stays' else 0)\n"
        "sys.exit(sys.argv[1] == 'fails')\n"
    )
    return tmp_path


def asked(folder: Path) -> list[str]:
    file = folder / "asked"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def await_asked(folder: Path, n: int) -> list[str]:
    until = time.monotonic() + 30
    while len(asked(folder)) < n and time.monotonic() < until:
        time.sleep(0.02)
    return sorted(asked(folder))


def test_long_job_holds_up_no_other_and_a_failed_one_comes_again(jobs: Path, caplog: pytest.LogCaptureFixture) -> None:
    ticking = clock.Clock(jobs / "sign", [("stays",), ("fails",)])
    ticking.tick()
    assert (jobs / "sign").exists()
    assert await_asked(jobs, 2) == ["fails", "stays"]
    ticking.running["fails",].wait(30)
    stays, begun = ticking.running["stays",], time.monotonic()
    ticking.tick()
    assert (ticking.running["stays",], time.monotonic() - begun < 15) == (stays, True)
    assert await_asked(jobs, 3) == ["fails", "fails", "stays"]
    assert "fails had ended with code 1" in caplog.text
    begun = time.monotonic()
    ticking.stop()
    assert time.monotonic() - begun < 15
    assert all(child.returncode is not None for child in ticking.running.values())


def test_clock_that_is_told_to_end_ends_its_jobs(jobs: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from django.conf import settings;"
        f"settings.configure(BASE_DIR=Path({str(jobs)!r})); from analysis.clock import Clock;"
        "Clock(None, [('stays',)]).run()"
    )
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    assert await_asked(jobs, 1) == ["stays"]
    process.terminate()
    assert process.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((jobs / "asked").read_text().split()[1]), 0)


def test_backup_that_is_told_to_end_leaves_nothing_half_done(
    made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = put(folder, *nights(5))

    def be_stopped(*args: Any) -> Any:
        os.kill(os.getpid(), 15)
        time.sleep(5)

    monkeypatch.setattr("analysis.backup._write_table", be_stopped)
    with pytest.raises(SystemExit):
        call_command("upkeep")
    assert upkeep.backups(folder) == earlier
    assert [path.name for path in folder.iterdir() if path.suffix == ".unfinished"] == []
