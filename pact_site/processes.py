"""Processes of the demo: started apart from the terminal, recorded, watched, stopped in reverse order."""

import ctypes
import fcntl
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, TypedDict

PR_SET_PDEATHSIG = 1
OWN_SERVERS = "Or bring your own servers: set DATABASE_URL and REDIS_URL."
# As the site marks them, also with LOG_FORMAT=json, and as gunicorn does.
NOTE = re.compile(r"""^[\d ,:.-]+INFO |^\{"time": "[^"]+", "level": "INFO"|^\[.*\[INFO\]""")
LOG_LIMIT = 5_000_000  # bytes; a longer log moves to *.log.1 at the next start
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class LaunchError(Exception):
    """Says in plain words why something cannot start and what to do; shown without a traceback."""


class InUseError(LaunchError):
    """Another launcher holds the same data folder."""

    def __init__(self, var: Path, pid: int) -> None:
        super().__init__(
            f"{var} is in use by another start (process {pid}). "
            f"Stop that one first (Ctrl-C in its terminal, or: kill {pid}), or set PACT_VAR to another one."
        )
        self.pid = pid


class Account(NamedTuple):
    """The user a child runs as when it must not be root."""

    uid: int
    gid: int
    name: str


class Privileges(TypedDict, total=False):
    """The keywords of subprocess that give up root."""

    user: int
    group: int
    extra_groups: list[int]


def as_account(account: Account | None) -> Privileges:
    """Return the keywords that start a process as this account; none for our own."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def reaches(account: Account | None, path: Path) -> bool:
    """Ask the system whether the account may enter a folder or run a program."""
    if account is None:
        return True
    try:
        asked = subprocess.run(["test", "-x", str(path)], cwd="/", **as_account(account))
    except OSError as error:
        raise LaunchError(f"root may not start a process as {account.name} ({error}). {OWN_SERVERS}") from error
    return asked.returncode == 0


def database_account(data_folders: Iterable[Path]) -> Account | None:
    """Return whom PostgreSQL runs as (it refuses root): first the owner of existing data; None: us."""
    own = os.geteuid()
    owner = next((folder.stat().st_uid for folder in data_folders if folder.exists()), own)
    if own not in (0, owner):
        raise LaunchError(f"The data belong to user {owner}, but this is user {own}. {OWN_SERVERS}")
    try:
        entry = pwd.getpwuid(owner) if owner else _unprivileged()
    except KeyError:
        raise LaunchError(f"PostgreSQL needs a user with a password entry; {owner} has none. {OWN_SERVERS}") from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name) if own == 0 else None


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@dataclass
class Child:
    """One running process with the folder entry that lets a later start recognise it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    record: Path
    patience: float
    started: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_code(self) -> int | None:
        return self.process.poll()


def say(text: str = "", end: str = "\n") -> None:
    """Print a line; a closed terminal or pipe turns further output into nothing instead of an error."""
    try:
        print(text, end=end, flush=True)
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        if nowhere > 2:
            os.close(nowhere)


def last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the end of a log; empty when there is none yet."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def birth_mark(pid: int) -> str | None:
    """Return what tells this process from a later one with the same number; None when it is gone."""
    if sys.platform != "linux":
        state, _, born = _ps(pid, "stat=,lstart=").partition(" ")
        return None if not state or state.startswith("Z") else born.strip()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def program_name(pid: int) -> str:
    """Return the program's short name, empty when there is no such process."""
    if sys.platform != "linux":
        return Path(_ps(pid, "comm=")).name
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ps(pid: int, columns: str) -> str:
    return subprocess.run(["ps", "-o", columns, "-p", str(pid)], capture_output=True, text=True).stdout.strip()


@contextmanager
def hold(var: Path) -> Iterator[None]:
    """Own the data folder until the end, however we end; raise InUseError when another launcher does."""
    with (var / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(var, holder(var)) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def holder(var: Path) -> int:
    """Return the process number written by whoever took the folder last."""
    with suppress(OSError, ValueError):
        return int((var / "lock").read_text())
    return 0


def _die_with_launcher(launcher: int) -> Callable[[], None] | None:
    """Return the hook that lets Linux interrupt a child as soon as its launcher is gone."""
    if _libc is None:
        return None
    prctl = _libc.prctl

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != launcher:
            os._exit(1)

    return arm


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes] | None = None,
    account: Account | None = None,
    new_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a process that does not outlive us; only from the main thread, to which Linux ties its life."""
    return subprocess.Popen(
        command,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL if new_session else None,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=new_session,
        **as_account(account),
        preexec_fn=_die_with_launcher(os.getpid()),
    )


class Family:
    """The children of one launcher, with their logs and records in the data folder."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.records = var / "run"
        self.records.mkdir(exist_ok=True)
        self.children: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        patience: float = 10.0,
    ) -> Child:
        """Start a child that writes to `<name>.log`; `patience` is how many seconds it may take to stop."""
        log = self.log_of(name)
        env = env or clean_environment() | {"LC_ALL": "C"}
        try:
            with log.open("ab") as output:
                process = spawn(command, env=env, cwd=cwd, output=output, account=account)
        except OSError as error:
            raise LaunchError(f"{name} could not be started ({command[0]}): {error}") from error
        record = self.records / f"{name}.pid"
        record.write_text(json.dumps({"pid": process.pid, "born": birth_mark(process.pid)}))
        child = Child(name, process, log, record, patience, time.monotonic())
        self.children.append(child)
        return child

    def log_of(self, name: str) -> Path:
        """Return the log of a child, with an overlong old one moved aside."""
        log = self.var / f"{name}.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        return log

    def forget(self, child: Child) -> None:
        """Drop a child that has ended, and what is left of its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.record.unlink(missing_ok=True)
        self.children.remove(child)

    def stop(self, child: Child) -> None:
        """Interrupt a child, wait, and kill its whole group when patience ends."""
        if child.exit_code() is None:
            child.process.send_signal(signal.SIGINT)
        try:
            child.process.wait(child.patience)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.process.wait()
        self.forget(child)

    def stop_all(self) -> None:
        """Stop every child, the last started first."""
        while self.children:
            self.stop(self.children[-1])

    def sweep(self) -> list[str]:
        """End what an earlier, killed launcher left running; return the names found alive."""
        found = []
        for record in sorted(self.records.glob("*.pid")):
            with suppress(ValueError, KeyError):
                entry = json.loads(record.read_text())
                if entry["born"] and birth_mark(entry["pid"]) == entry["born"]:
                    found.append(record.stem)
                    _end(entry["pid"], entry["born"])
            record.unlink(missing_ok=True)
        return found


def _end(pid: int, born: str) -> None:
    """Stop a process that is not our child."""
    for number, wait in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if birth_mark(pid) != born:
                return
            time.sleep(0.05)
    raise LaunchError(f"process {pid} of an earlier start does not end; stop it with: kill -9 {pid}")


def clean_environment() -> dict[str, str]:
    """Return our environment without PG*, which would send a client or server somewhere else."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def await_ready(child: Child, is_ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a child; raise LaunchError with the end of its log when it dies or takes too long."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        if child.exit_code() is not None or time.monotonic() > deadline:
            what = "stopped at once" if child.exit_code() is not None else f"is not ready after {seconds:.0f} s"
            told = "\n".join(last_lines(child.log))
            raise LaunchError(f"{child.name} {what}. The end of {child.log}:\n{told}\n{OWN_SERVERS}")
        time.sleep(0.02)


class Echo:
    """Shows on screen, prefixed, what the logs gain from now on, but for the notes that each regular task leaves."""

    def __init__(self, logs: Sequence[Path]) -> None:
        self._seen = {log: log.stat().st_size if log.exists() else 0 for log in logs}
        self._rest: dict[Path, str] = dict.fromkeys(logs, "")

    def show(self) -> None:
        """Print the complete lines that came since the last call."""
        for log, seen in self._seen.items():
            size = log.stat().st_size if log.exists() else 0
            if size == seen:
                continue
            with log.open("rb") as file:
                file.seek(seen if size > seen else 0)  # smaller: a new log took its place
                text = self._rest[log] + file.read(200_000).decode(errors="replace")
                self._seen[log] = file.tell()
            *lines, self._rest[log] = text.split("\n")
            for line in lines:
                if line.strip() and not NOTE.search(line):
                    say(f"{log.stem:>8} | {line}")
