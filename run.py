#!/usr/bin/env python3
"""Start here: makes the project's own Python environment, then runs the demo, the tests or the checks.

Needs nothing but Python 3.11 or newer; uses uv where it is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

USAGE = """usage: python3 run.py COMMAND

  demo [--reset] [--once] [--port N] [--participants N]
                  the whole site with simulated data, on this machine
  test [ARGS]     the tests, on all cores (arguments go to pytest instead)
  check           lint, format, types, contracts, known vulnerabilities, templates, migrations, Django's own checks
  manage ARGS     manage.py, with the demo's database unless DATABASE_URL is set
  lock [ARGS]     make requirements*.txt from pyproject.toml again (--upgrade: newest versions)
  audit [--update]
                  what is known of the locked versions; --update asks the public database (needs the network)
"""
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
STAMP = VENV / "pact-stamp"  # what is installed, as hashes of the lock files
UNFINISHED = VENV / "pact-installing"  # there while an installation runs: one that was killed is made again
LOCKS = {"": "requirements.txt", "demo": "requirements-demo.txt", "dev": "requirements-dev.txt"}
INSTALLED_WITH = {"demo": ("demo",), "dev": ("dev", "demo")}  # dev holds all of demo
# On all cores, file by file: those that need the database first, those that drive servers and browsers after them.
WHOLE_SUITE = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
THROWAWAY = ("{python}", "-m", "pact_site.embedded", "--throwaway", "{python}", "manage.py")
CHECKS = (
    ("lint", ("{python}", "-m", "ruff", "check", ".")),
    ("format", ("{python}", "-m", "ruff", "format", "--check", ".")),
    ("types", ("{python}", "-m", "mypy")),
    ("import contracts", ("{python}", "-c", "from importlinter.cli import lint_imports_command as c; c()")),
    ("known vulnerabilities", ("{python}", "-m", "pact_site.advisories")),
    ("templates", ("{bin}/djade", "--check", "{templates}")),
    ("migrations", (*THROWAWAY, "makemigrations", "--check", "--dry-run")),
    ("Django", (*THROWAWAY, "check", "--fail-level", "WARNING")),
)


def say(text: str) -> None:
    """Print a line; a closed terminal is no reason to stop."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def main(arguments: list[str]) -> int:
    """Run one command; demo, test, manage and audit replace this process."""
    command, rest = (arguments or ["help"])[0], arguments[1:]
    os.chdir(ROOT)
    if command == "demo":
        install("demo")
        become("-m", "pact_site.demo", *rest)
    elif command == "manage":
        install("demo")
        with_servers = () if os.environ.get("DATABASE_URL") else ("-m", "pact_site.embedded", str(PYTHON))
        become(*with_servers, "manage.py", *rest)
    elif command == "test":
        install("dev")
        become("-m", "pytest", *(rest or WHOLE_SUITE))
    elif command == "check":
        install("dev")
        return check()
    elif command == "lock":
        return lock(rest)
    elif command == "audit":
        install("dev")
        become("-m", "pact_site.advisories", *rest)
    print(USAGE)
    return 0 if command in ("help", "-h", "--help") else 2


def become(*arguments: str) -> None:
    """Let the environment's Python take over this process, so that signals reach the real program."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of the many processes compiles the project anew
    os.execv(PYTHON, [str(PYTHON), *arguments])  # noqa: S606


# --- The environment ---------------------------------------------------------------------------


def install(kind: str) -> None:
    """Make .venv hold what a lock file says; quick when it does already."""
    stamp = "".join(f"{name} {digest(ROOT / LOCKS[name])}\n" for name in INSTALLED_WITH[kind])
    wanted = stamp.splitlines()[0]
    with only_one():
        if UNFINISHED.exists() or not works(PYTHON):
            make_venv()
        elif STAMP.exists() and wanted in STAMP.read_text().splitlines():
            return
        STAMP.unlink(missing_ok=True)
        install_lock(ROOT / LOCKS[kind])
        STAMP.write_text(stamp)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Wait for another installation, also for an installer that outlived its killed run.py."""
    import fcntl  # here, since Windows has none and must get as far as the message at the end

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another installation to end …")
            fcntl.flock(folder, fcntl.LOCK_EX)
        os.set_inheritable(folder, True)
        yield
    finally:
        os.close(folder)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def works(python: Path) -> bool:
    """Tell whether a Python runs and is new enough."""
    test = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(python), "-c", test], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Make an empty environment in place of whatever is there."""
    uv = shutil.which("uv")
    if not uv and not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        stop(f"Python's venv module is missing. Install it, then run this again:\n\n    {venv_package()}\n")
    say(f"Making {VENV.name}/ with Python {sys.version.split()[0]} …")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    UNFINISHED.touch()
    with_uv = [str(uv), "venv", "--quiet", "--allow-existing", "--python", sys.executable]
    if not run_with_progress([*(with_uv if uv else [sys.executable, "-m", "venv"]), str(VENV)]):
        stop("The environment could not be made. Once the reason above is mended, run this again.")


def venv_package() -> str:
    """Return the one command that installs the venv module here."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if shutil.which("apt-get"):
        return f"{sudo}apt-get install -y python{version}-venv"
    if shutil.which("apk"):
        return f"{sudo}apk add python3 py3-pip"
    if shutil.which("zypper"):
        return f"{sudo}zypper install python3-pip"
    return f"{sudo}dnf install -y python3-pip" if shutil.which("dnf") else "brew install python"


def install_lock(requirements: Path) -> None:
    """Install exactly the versions and hashes of a lock file."""
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes", "--compile-bytecode"]
    else:
        if subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode:
            run_with_progress([str(PYTHON), "-m", "ensurepip"])  # uv made this environment, and left pip out
        command = [str(PYTHON), "-m", "pip", "install", "--require-hashes", "--progress-bar", "off"]
    say(f"Installing {requirements.name} (only the first time; about a minute) …")
    UNFINISHED.touch()
    done = run_with_progress([*command, "-r", str(requirements)])
    UNFINISHED.unlink()  # also after a failure: the installer ended by itself and put things back
    if not done:
        stop("The installation failed. Is the network there? Run this again; if it repeats: rm -r .venv")


def run_with_progress(command: list[str]) -> bool:
    """Run a command quietly, with a line every few seconds; show its last lines when it fails."""
    log = VENV / "pact-install.log"
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, close_fds=False)
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(4)
            if process.poll() is None:
                say(f"  {time.monotonic() - begun:3.0f} s  {' '.join(last_lines(log, 1))[:80]}")
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        say("\n".join(last_lines(log, 15)))
    return process.returncode == 0


def last_lines(log: Path, count: int) -> list[str]:
    return [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()][-count:]


def stop(message: str) -> None:
    say(message)
    sys.exit(1)


# --- Developers' commands ----------------------------------------------------------------------


def check() -> int:
    """Run every check to its end; return 1 when one of them fails."""
    templates = [str(path) for path in sorted(ROOT.glob("templates/**/*.html"))]
    environment = {"SECRET_KEY": "for-checks-only", **os.environ}  # nosec B105
    failed = []
    for title, command in CHECKS:
        begun = time.monotonic()
        words = [word for part in command for word in (templates if part == "{templates}" else [filled(part)])]
        done = subprocess.run(words, env=environment)
        say(f"== {title}: {'failed' if done.returncode else 'ok'} ({time.monotonic() - begun:.1f} s)")
        if done.returncode:
            failed.append(title)
    say(f"Failed: {', '.join(failed)}" if failed else "All checks pass.")
    return 1 if failed else 0


def filled(word: str) -> str:
    return word.replace("{python}", str(PYTHON)).replace("{bin}", str(PYTHON.parent))


def lock(options: list[str]) -> int:
    """Pin every version with its hashes; the lock files name no address to download from."""
    uv = shutil.which("uv")
    if not uv:
        stop("Only this command needs uv. Install it with:\n\n    python3 -m pip install --user uv")
    flags = ["--universal", "--generate-hashes", "--python-version", "3.11", "--no-header", "--no-annotate"]
    for extra, name in reversed(LOCKS.items()):  # what is tested first; the others then hold the same versions
        chosen = ["--extra", extra] if extra else []
        held = [] if extra == "dev" else ["--constraints", LOCKS["dev"]]
        command = [
            str(uv),
            "pip",
            "compile",
            "--quiet",
            "pyproject.toml",
            *chosen,
            *held,
            *flags,
            *options,
            "-o",
            name,
        ]
        if subprocess.run(command).returncode:
            return 1
        if "://" in (ROOT / name).read_text():
            stop(f"{name} holds an address; remove the index settings of this machine's uv and run this again.")
        say(f"{name} is up to date.")
    say("Then look up what is known of the new versions: python3 run.py audit --update")
    return 0


if __name__ == "__main__":
    if os.name != "posix":
        stop("PACT Site runs on Linux and macOS. On Windows use WSL, or Docker with docker-compose.yml.")
    if sys.version_info < OLDEST:
        for name in NEWER:
            found = shutil.which(name)
            if found and works(Path(found)):
                os.execv(found, [found, *sys.argv])  # noqa: S606
        stop(f"PACT Site needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "…" is no reason to stop
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nInterrupted. Run the same command again; it goes on or begins anew by itself.")
        sys.exit(130)
