"""What one submit costs, counted and not timed: Python calls, statements, bytes: ``python -m bench.profile_submit``.

A scenario page is posted and the next one fetched through the WSGI application itself, as gunicorn calls it, once the
process is warm. The counts are the same on every machine, so a test holds them. Prints where the calls go, by as many
lines as are asked for, and the counts as a line of JSON at the end.
"""

from __future__ import annotations

import cProfile
import gzip
import io
import json
import os
import pstats
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pact_site import embedded

Application = Callable[..., Iterable[bytes]]
STAMP = re.compile(rb'name="stamp" value="([^"]+)"')
HOST = "127.0.0.1"


@dataclass
class Count:
    """What a request came to."""

    status: str
    headers: dict[str, str]
    body: bytes
    n_calls: int
    n_statements: int
    profile: pstats.Stats

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def packed(self) -> int:
        return len(gzip.compress(self.body, 6))

    def told(self) -> dict[str, Any]:
        return {
            "status": self.status, "calls": self.n_calls, "statements": self.n_statements, "bytes": len(self.body),
            "packed": self.packed,
        }  # fmt: skip


def ask(application: Application, method: str, path: str, form: dict[str, str] | None = None) -> Count:
    """Send a request to the application as a server does, and count what it takes until the answer is closed."""
    from django.db import connection

    body = urlencode(form or {}).encode()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": HOST, "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": HOST,
        "CONTENT_LENGTH": str(len(body)) if form is not None else "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if form is not None else "",
        "REMOTE_ADDR": HOST, "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    told: dict[str, Any] = {}
    statements: list[str] = []

    def start(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
        told.update(status=status, headers=dict(headers))

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    profile = cProfile.Profile()
    with connection.execute_wrapper(note):
        profile.enable()
        answer = application(environ, start)
        sent = b"".join(answer)
        if close := getattr(answer, "close", None):
            close()
        profile.disable()
    counted = pstats.Stats(profile)
    n_calls: int = counted.total_calls  # type: ignore[attr-defined]
    return Count(told["status"][:3], told["headers"], sent, n_calls, len(statements), counted)


def submit(application: Application, path: str, answers: dict[str, str]) -> tuple[Count, Count]:
    """Send a page's form and fetch the next page."""
    page = ask(application, "GET", path)
    stamp = STAMP.search(page.body)
    assert stamp, page.body
    form = {"stamp": stamp[1].decode(), "lang": "en-US", **answers}
    return ask(application, "POST", path, form), ask(application, "GET", path)


def warm_submit(application: Application, path: str) -> tuple[Count, Count]:
    """Submit scenario pages until every cache is filled; count the last, and its next page as others have seen it."""
    answers = {"personal": "culture", "norm": "preference"}
    for _ in range(3):
        posted, _ = submit(application, path, answers)
    return posted, ask(application, "GET", path)


def main() -> None:
    with embedded.throwaway() as running:
        os.environ.update(
            DB_POOL_MAX="0",  # as the compose file has it
            DATABASE_URL=running.database,
            REDIS_URL=running.redis,
            SECRET_KEY="for-the-bench-only",
            PACT_DEMO="1",
            DJANGO_SETTINGS_MODULE="pact_site.settings",
        )
        from pact_site.wsgi import application

        path, told = begin(), {}
        for name, count in zip(("POST", "GET"), warm_submit(application, path), strict=True):
            sizes = f"{len(count.body)} bytes, {count.packed} packed"
            print(f"== {name}: {count.status}, {count.n_calls} calls, {count.n_statements} statements, {sizes}")
            count.profile.sort_stats("cumulative").print_stats(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
            told[name] = count.told()
    print(json.dumps(told))


def begin() -> str:
    """Open a study with the bench's survey and go to the first scenario; give the session's address."""
    from django.core.management import call_command

    from bench.survey.spec import COUNTRY
    from bench.survey.study import open_study
    from pact_site.wsgi import application
    from survey.domain.enrolment import enrol
    from survey.enums import PanelName
    from survey.models import Arm
    from survey.panels import Identity

    call_command("migrate", "--no-input", "--verbosity", "0")
    open_study("profile")
    session = enrol(Arm.objects.get(study__code="profile", country=COUNTRY), identity=Identity(PanelName.DIRECT))
    path = f"/s/{session.token}/"
    submit(application, path, {"consent": "yes"})
    submit(application, path, {"age_band": "25-34", "gender": "woman", "country": COUNTRY})
    return path


if __name__ == "__main__":
    main()
