"""The embedded servers: they start, keep their data, refuse a second user and heal after a kill."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pact_site import embedded, postgres
from pact_site.processes import InUseError, LaunchError, database_account
from tests.launcher.conftest import Launcher, alive, queue, sql
from tests.waiting import wait_until

HOLD_SERVERS = """
import time
from pact_site import embedded
with embedded.servers(embedded.default_var()) as running:
    print("up", running.database, flush=True)
    time.sleep(60)
"""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")


def test_servers_answer_sql_and_ping(var: Path) -> None:
    with embedded.servers(var) as running:
        assert sql(running.database, "SELECT datlocprovider::text, datlocale FROM pg_database LIMIT 1") == [
            ("b", "C.UTF-8")
        ]
        assert sql(running.database, "SHOW listen_addresses") == [("",)]
        assert queue(running.redis).ping() is True


def test_servers_ignore_postgres_variables_of_the_user(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "7777")
    with embedded.servers(var) as running:
        environment = embedded.environment(var, running.database, running.redis)
        assert "PGPORT" not in environment
        assert (var / "sockets" / postgres.SOCKET_NAME).is_socket()


def test_servers_keep_rows_and_queued_tasks_over_a_restart(var: Path) -> None:
    with embedded.servers(var) as running:
        sql(running.database, "CREATE TABLE kept (n int)")
        sql(running.database, "INSERT INTO kept VALUES (7)")
        queue(running.redis).lpush("celery", "a task")
    with embedded.servers(var) as running:
        assert sql(running.database, "SELECT n FROM kept") == [(7,)]
        assert queue(running.redis).lrange("celery", 0, -1) == [b"a task"]


def test_servers_refuse_a_folder_in_use(var: Path) -> None:
    with embedded.servers(var), pytest.raises(InUseError, match=f"process {os.getpid()}"), embedded.servers(var):
        pass


def test_joined_shares_the_servers_that_run(var: Path) -> None:
    with embedded.servers(var) as running, embedded.joined(var) as environment:
        assert environment["DATABASE_URL"] == running.database
        assert environment["REDIS_URL"] == running.redis
        assert [child.name for child in running.family.children] == ["postgres", "valkey"]


def test_servers_start_nothing_that_the_environment_names(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/pact")
    with embedded.servers(var) as running:
        assert running.database == "postgres://elsewhere/pact"
        assert [child.name for child in running.family.children] == ["valkey"]


def test_servers_work_in_a_long_folder_with_odd_characters(fresh: Path) -> None:
    deep = fresh / "my data, 100% 'mine'" / ("long" * 20)
    with embedded.servers(deep) as running:
        assert str(deep) not in running.database
        assert sql(running.database, "SELECT 1") == [(1,)]
        assert queue(running.redis).ping() is True
    embedded.erase(deep)


@pytest.mark.parametrize(("name", "stays"), [("plain", True), ("long" * 25, False), ("a space", False), ("ü", False)])
def test_sockets_leave_a_folder_that_the_kernel_or_urls_cannot_take(fresh: Path, name: str, stays: bool) -> None:
    (fresh / name).mkdir()
    chosen = embedded.socket_folder(fresh / name, None)
    assert (chosen == fresh / name / "sockets") is stays
    assert len(os.fsencode(chosen / postgres.SOCKET_NAME)) <= embedded.SOCKET_PATH_LIMIT
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o700
    chosen.rmdir()


def test_servers_heal_a_cluster_left_half_made(fresh: Path) -> None:
    (fresh / "pgdata.part").mkdir()
    (fresh / "pgdata.part" / "PG_VERSION").write_text("18\n")
    with embedded.servers(fresh) as running:
        assert sql(running.database, "SELECT 1") == [(1,)]
    assert not (fresh / "pgdata.part").exists()


def test_servers_start_again_after_the_launcher_was_killed(var: Path, launch: Callable[..., Launcher]) -> None:
    launcher = launch(HOLD_SERVERS)
    launcher.wait_for("up")
    before = launcher.children()
    launcher.end(signal.SIGKILL)
    with embedded.servers(var) as running:
        assert alive(before) == set()
        assert sql(running.database, "SELECT 1") == [(1,)]


def test_servers_end_with_a_killed_launcher(launch: Callable[..., Launcher]) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent is gone; elsewhere the next start ends them")
    launcher = launch(HOLD_SERVERS)
    launcher.wait_for("up")
    children = launcher.children()
    assert alive(children) == {"postgres", "valkey"}
    launcher.end(signal.SIGKILL)
    wait_until(lambda: not alive(children))


def test_servers_start_after_the_database_itself_was_killed(var: Path, launch: Callable[..., Launcher]) -> None:
    launcher = launch(HOLD_SERVERS)
    launcher.wait_for("up")
    os.kill(launcher.children()["postgres"], signal.SIGKILL)
    launcher.end(signal.SIGKILL)
    with embedded.servers(var) as running:
        assert sql(running.database, "SELECT 1") == [(1,)]


def test_stale_pid_of_another_program_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n")
    postgres.drop_stale_pid(tmp_path)
    assert not file.exists()


def test_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(LaunchError, match=r"made by PostgreSQL 15, but this is 18.*--reset"):
        postgres.refuse_other_version(tmp_path, 18)


def test_failing_start_tells_the_end_of_the_log(var: Path) -> None:
    with embedded.servers(var):
        pass
    settings = var / "pgdata" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(f"{good}\nno_such_setting = 1\n")
    with pytest.raises(LaunchError, match="no_such_setting"), embedded.servers(var):
        pass
    settings.write_text(good)


def test_user_without_a_password_entry_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(LaunchError, match=r"54321.*DATABASE_URL"):
        database_account([])


def test_erase_leaves_a_folder_of_somebody_else_alone(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    with pytest.raises(LaunchError, match="not from this project"):
        embedded.erase(tmp_path)
    assert precious.read_text() == "years of work"


@AS_ROOT
def test_servers_run_below_a_private_folder(fresh: Path) -> None:
    private = fresh / "private"
    private.mkdir(mode=0o700)
    with embedded.servers(private / "var") as running:
        assert sql(running.database, "SELECT 1") == [(1,)]
        assert (postgres.outside(private / "var") / "pgdata").is_dir()
    embedded.erase(private / "var")
    assert not postgres.outside(private / "var").exists()


@AS_ROOT
def test_programs_below_a_private_folder_are_copied_with_their_libraries(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OUTSIDE", var)
    programs = tmp_path / "package" / "pginstall18" / "bin"
    libraries = tmp_path / "package.libs"
    for folder, name in ((programs, "postgres"), (libraries, "libpq.so.5")):
        folder.mkdir(parents=True)
        (folder / name).write_text("#!/bin/sh\necho it runs\n")
        (folder / name).chmod(0o700)
    account = database_account([])
    copied = postgres.readable_binaries(programs, account)
    assert account is not None
    assert subprocess.check_output(["sh", copied / "postgres"], user=account.uid, cwd="/") == b"it runs\n"
    copied_library = copied.parents[2] / "package.libs" / "libpq.so.5"
    assert stat.S_IMODE(copied_library.stat().st_mode) == 0o755


def test_command_gets_the_addresses_and_its_exit_code_comes_back() -> None:
    code = "import os, sys; sys.exit(7 if os.environ['DATABASE_URL'] and os.environ['REDIS_URL'] else 1)"
    command = [sys.executable, "-m", "pact_site.embedded", "--throwaway", sys.executable, "-c", code]
    assert subprocess.run(command, cwd=embedded.ROOT).returncode == 7
