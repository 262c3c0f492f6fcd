"""The update of the way without Docker: docs/systemd/update itself, with small releases and stand-ins for systemd."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deployment.files import ROOT
from tests.deployment.running import free_port

UPDATE = ROOT / "docs" / "systemd" / "update"
SITE = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/readyz":
        start_response("200 OK" if {is_ready} else "503 Away", [])
        return []
    import late  # as much of the site loads only when a page needs it
    start_response("200 OK", [])
    return [late.NAME.encode()]
"""
MANAGE = "import sys; sys.exit(sys.argv[1] == 'migrate' and {fails})"
PYTHON3 = f"""#!/bin/sh
# python3 -m venv FOLDER, with the tests' own packages instead of pip's
{sys.executable} -m venv --without-pip "$3"
echo {sysconfig.get_path("purelib")} > "$(echo "$3"/lib/python*/site-packages)/tests.pth"
printf '#!/bin/sh\\nexit 0\\n' > "$3/bin/pip"
printf '#!%s\\nfrom gunicorn.app.wsgiapp import run\\nrun()\\n' "$3/bin/python" > "$3/bin/gunicorn"
chmod +x "$3/bin/pip" "$3/bin/gunicorn"
"""
SYSTEMCTL = """#!/bin/sh
# Says what it was asked; a restart lets the running server load what it had not loaded yet, then ends and starts it.
echo "$@" >> "$STAND/calls"
[ "$1" = restart ] || exit 0
cd "$PACT_HOME"
if [ -e "$STAND/pid" ]; then
    curl --silent "$PACT_ADDRESS/" >> "$STAND/answers"; echo >> "$STAND/answers"
    old=$(cat "$STAND/pid"); kill "$old"; while kill -0 "$old" 2> /dev/null; do sleep 0.05; done
fi
exec env -u PWD "$PACT_HOME/.venv/bin/gunicorn" site_of_test:application --preload --no-control-socket \
    --bind "${PACT_ADDRESS#http://}" --pid "$STAND/pid" --log-file "$STAND/log" --daemon
"""
SYSTEMD_RUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do case "$1" in --working-directory=*) cd "${1#*=}";; esac; shift; done
exec "$@"
"""


class Stand:
    """A machine with a clone of a small repository, and releases of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.releases = folder, folder / "pact-site", folder / "releases"
        self.origin, programs = folder / "origin", folder / "bin"
        for made in (self.releases, programs, folder / "units", self.origin / "docs" / "systemd"):
            made.mkdir(parents=True)
        for name, text in (("python3", PYTHON3), ("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.address = f"http://127.0.0.1:{free_port()}"
        self.env = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}", "PACT_HOME": str(self.home), "STAND": str(folder),
            "PACT_RELEASES": str(self.releases), "PACT_UNITS": str(folder / "units"), "PACT_ADDRESS": self.address,
            "PACT_SECONDS": "60",
        }  # fmt: skip
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *words], cwd=self.origin, check=True, timeout=60)

    def publish(self, name: str, *, is_ready: bool = True, fails: bool = False, timer: str = "") -> None:
        """Tag a release that answers with its name."""
        (self.origin / "site_of_test.py").write_text(SITE.format(is_ready=is_ready))
        (self.origin / "late.py").write_text(f"NAME = {name!r}")
        (self.origin / "manage.py").write_text(MANAGE.format(fails=fails))
        (self.origin / "requirements.txt").write_text("")
        (self.origin / "docs" / "systemd" / "pact-web.service").write_text(f"# {name}\n")
        if timer:
            (self.origin / "docs" / "systemd" / timer).write_text(f"# {name}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", name)
        self.git("tag", name)
        if not (self.releases / "source").exists():
            self.git("clone", "--quiet", str(self.origin), str(self.releases / "source"))

    def update(self, name: str, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [str(UPDATE), name]
        return subprocess.run(command, env=self.env | changed, capture_output=True, text=True, check=False, timeout=300)

    def served(self) -> str:
        with urllib.request.urlopen(self.address, timeout=30) as answer:
            name: str = answer.read().decode()
        return name

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().split("\n")[:-1] if file.exists() else []


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    one = Stand(tmp_path)
    yield one
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 15)


def test_release_takes_over_at_one_stroke_and_goes_back(stand: Stand) -> None:
    """What served loads its own files to its end, even those that it asks for after the other release is there."""
    stand.publish("v1")
    done = stand.update("v1")
    assert (done.returncode, done.stderr) == (0, "")
    assert (stand.lines("calls"), stand.lines("answers")) == (
        ["stop pact-upkeep.service", "daemon-reload", "restart pact-web pact-worker pact-models pact-beat"],
        [],
    )
    stand.publish("v2")
    assert stand.update("v2").returncode == 0
    assert (stand.lines("answers"), stand.served()) == (["v1"], "v2")
    assert (stand.folder / "units" / "pact-web.service").read_text() == "# v2\n"
    built = {folder.name: folder.stat().st_mtime_ns for folder in stand.releases.iterdir()}
    assert stand.update("v1").returncode == 0
    assert stand.served() == "v1"
    assert {folder.name: folder.stat().st_mtime_ns for folder in stand.releases.iterdir()} == built


def test_release_that_does_not_come_up_is_taken_back(stand: Stand) -> None:
    stand.publish("v1")
    assert stand.update("v1").returncode == 0
    stand.publish("v2", is_ready=False)
    done = stand.update("v2", PACT_SECONDS="1")
    assert done.returncode == 1
    assert (
        f"v2 did not come up: journalctl -u pact-web tells why.\n{stand.home.resolve().name} serves again."
        in done.stderr
    )
    assert stand.served() == "v1"


def test_release_whose_tables_cannot_be_made_changes_nothing(stand: Stand) -> None:
    stand.publish("v1")
    assert stand.update("v1").returncode == 0
    before, calls = stand.home.resolve(), stand.lines("calls")
    stand.publish("v2", fails=True)
    assert stand.update("v2").returncode != 0
    calls.append("stop pact-upkeep.service")  # a backup that would hold the tables
    assert (stand.home.resolve(), stand.lines("calls"), stand.served()) == (before, calls, "v1")


def test_timers_come_with_the_release_that_has_them(stand: Stand) -> None:
    """One that has none is put back, too."""
    stand.publish("v1")
    stand.publish("v2", timer="pact-upkeep.timer")
    restarted = []
    for name in ("v2", "v1"):
        assert stand.update(name).returncode == 0
        assert stand.served() == name
        restarted.append(stand.lines("calls")[-1])
    assert (stand.folder / "units" / "pact-upkeep.timer").read_text() == "# v2\n"
    assert restarted == [
        "restart pact-web pact-worker pact-models pact-beat pact-upkeep.timer",
        "restart pact-web pact-worker pact-models pact-beat",
    ]


def test_build_that_was_broken_off_begins_again(stand: Stand) -> None:
    stand.publish("v1")
    assert stand.update("v1").returncode == 0
    stand.home.resolve().joinpath(".whole").unlink()
    stand.home.resolve().joinpath("late.py").write_text("NAME = 'half'")
    assert stand.update("v1").returncode == 0
    assert stand.served() == "v1"


def test_folder_in_the_place_of_the_link_is_left_alone(stand: Stand) -> None:
    stand.publish("v1")
    stand.home.mkdir()
    done = stand.update("v1")
    assert (done.returncode, done.stderr) == (2, f"{stand.home} is a folder, not a link: move it away first\n")
