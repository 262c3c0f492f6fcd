"""Backups: what comes back is what was there, all or nothing, and a bad file says what is wrong with it."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from analysis.backup import NOT_KEPT, BackupError, check_backup, restore_backup, table_names, write_backup
from survey.domain.audit import record, verify_log
from survey.models import Participant, Response, Study, SurveySession
from tests.analysis.conftest import Made, fill, make_session, make_study


def contents() -> dict[str, str]:
    """Hash every table's rows."""
    found = {}
    with connection.cursor() as cursor:
        for name in table_names():
            cursor.execute(f"SELECT COALESCE(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM \"{name}\" AS t")
            found[name] = hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest()
    return found


@pytest.fixture
def full_site(transactional_db: None) -> Made:
    made = make_study()
    fill(made, 2)
    record("ada", "survey:setup_state", {"code": made.study.code}, {"action": "pause"})
    return made


def test_everything_comes_back(full_site: Made, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    before = contents()
    write_backup(path)
    make_session(full_site, "US")
    assert contents() != before
    restore_backup(path, replace=True)
    assert contents() == before
    assert verify_log() == (1, "")
    new = Participant.objects.create(study=Study.objects.get())
    assert new.pk == max(Participant.objects.values_list("pk", flat=True))
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_triggers_work_again_after_a_restore(full_site: Made, tmp_path: Path) -> None:
    write_backup(tmp_path / "b.zip")
    restore_backup(tmp_path / "b.zip", replace=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O'")
        assert cursor.fetchone() == (0,)
    record("ada", "act", {}, {})
    assert verify_log() == (2, "")


def test_every_table_of_the_database_is_kept(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        there = {row[0] for row in cursor.fetchall()}
    assert there - set(table_names()) == {*NOT_KEPT, "django_migrations"}


def test_data_are_not_replaced_unasked(full_site: Made, tmp_path: Path) -> None:
    write_backup(tmp_path / "b.zip")
    before = contents()
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(tmp_path / "b.zip")
    assert contents() == before


def test_database_that_is_not_migrated_is_to_be_migrated_first(full_site: Made, tmp_path: Path) -> None:
    write_backup(tmp_path / "b.zip")
    newest = MigrationRecorder.Migration.objects.filter(app="analysis").order_by("name").last()
    assert newest is not None
    MigrationRecorder(connection).record_unapplied("analysis", newest.name)
    try:
        with pytest.raises(BackupError, match=r"manage\.py migrate makes them, then restore"):
            restore_backup(tmp_path / "b.zip", replace=True)
    finally:
        newest.save(force_insert=True)


def test_failure_in_the_middle_changes_nothing(
    full_site: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(tmp_path / "b.zip")
    before = contents()

    def break_off(cursor: object) -> None:
        raise BackupError("the power went")

    monkeypatch.setattr("analysis.backup._continue_sequences", break_off)
    with pytest.raises(BackupError, match="the power went"):
        restore_backup(tmp_path / "b.zip", replace=True)
    assert contents() == before
    assert (SurveySession.objects.count(), Response.objects.count() > 0) == (4, True)


def damage(path: Path, how: str) -> None:
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
        return
    if how == "no zip":
        path.write_text("hello")
        return
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    if how == "changed":
        members["tables/survey_study.copy"] = members["tables/survey_study.copy"].replace(b"tiny", b"teny", 1)
    elif how == "other migrations":
        members["manifest.json"] = members["manifest.json"].replace(b'"survey.0001_tables"', b'"survey.9999_future"')
    else:
        members["manifest.json"] = b"{}"
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("cut", "no backup that can be read"),
        ("no zip", "no backup that can be read"),
        ("changed", "survey_study is damaged"),
        ("no manifest", "no backup of this site"),
        ("other migrations", "the backup has survey.9999_future"),
    ],
)
def test_bad_file_says_what_is_wrong(full_site: Made, tmp_path: Path, how: str, says: str) -> None:
    path = tmp_path / "b.zip"
    write_backup(path)
    damage(path, how)
    before = contents()
    with pytest.raises(CommandError, match=says):
        call_command("restore", path, replace=True)
    assert contents() == before


def test_full_disk_leaves_the_last_backup(full_site: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.zip"
    write_backup(path)
    good = path.read_bytes()

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analysis.backup._make_lasting", fail)
    with pytest.raises(BackupError, match="No space left on device"):
        write_backup(path)
    assert path.read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_file_that_does_not_read_back_takes_no_place(
    full_site: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.zip"
    write_backup(path)
    good = path.read_bytes()

    def read(archive: object, name: str) -> Iterator[bytes]:
        yield b"other bytes than were written"

    monkeypatch.setattr("analysis.backup._parts", read)
    with pytest.raises(BackupError, match="is damaged"):
        write_backup(path)
    assert path.read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_database_that_refuses_is_told_plainly(
    full_site: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.backup.table_names", lambda: ["survey_study", "no_such_table"])
    with pytest.raises(CommandError, match='the database refused: relation "no_such_table" does not exist'):
        call_command("backup", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_backup_is_for_its_maker_alone(full_site: Made, tmp_path: Path) -> None:
    write_backup(tmp_path / "b.zip")
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600


def test_commands_say_what_they_did(full_site: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("backup", out=tmp_path / "new")
    (path,) = (tmp_path / "new").iterdir()
    assert path.name.startswith("pact-")
    assert "read back whole" in capsys.readouterr().out
    call_command("restore", path, check=True)
    assert capsys.readouterr().out.strip().endswith("whole")
    assert check_backup(path)["tables"]["survey_study"]["rows"] == 1
