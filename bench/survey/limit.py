"""The bare application: the same pages, and the same rows in the same tables, by WSGI and psycopg alone.

It checks that a form belongs to the page that is due and stores the answers with the session's step in one statement;
nothing else. What the site does beyond it (quotas, flags, languages, faults, paradata …) is what the distance is for.
"""

from __future__ import annotations

import html
import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psycopg

SPEC = json.loads(Path(os.environ["SPEC"]).read_text(encoding="utf-8"))
ITEMS = {one["code"]: one for one in SPEC["items"]}
LAST = SPEC["n_items"] + 2  # the step of the debrief
local = threading.local()
Start = Callable[[str, list[tuple[str, str]]], Any]

READ = "SELECT id, position, plan -> position ->> 'item' FROM survey_surveysession WHERE token = %s"
MOVE = (
    "WITH moved AS (UPDATE survey_surveysession SET position = position + 1, last_activity_at = now(){changes}"
    " WHERE token = %(token)s AND position = %(step)s RETURNING id, position, option_order, locale, plan)"
)
STORE = {
    0: MOVE.format(changes=", status = 'active'") + " INSERT INTO survey_consent (session_id, consent_version, locale,"
    " text_hash, is_given, at) SELECT id, '1', locale, repeat('0', 64), true, now() FROM moved",
    1: MOVE.format(changes="") + " INSERT INTO survey_demographics (session_id, age_band, gender, country,"
    " is_country_undisclosed, fluency, at) SELECT id, %(age_band)s, %(gender)s, %(country)s, false, '', now()"
    " FROM moved",
    LAST: MOVE.format(changes=", status = 'complete', finished_at = now()") + " SELECT 1 FROM moved",
}
ANSWER = MOVE.format(changes="") + (
    " INSERT INTO survey_response (session_id, item_id, question, choice, option_order, position, locale, text_hash,"
    " served_at, submitted_at) SELECT moved.id, items.id, given.question, given.choice, option_order, %(step)s, locale,"
    " repeat('0', 64), now(), now() FROM moved JOIN survey_item items ON items.code = moved.plan -> %(step)s ->> 'item'"
    " AND items.version_id = %(version)s"
    " CROSS JOIN (VALUES ('personal', %(personal)s), ('norm', %(norm)s)) given (question, choice)"
    " ON CONFLICT DO NOTHING"
)
HEAD = (
    '<!doctype html>\n<html lang="en-US">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{heading} – {title}</title>\n'
    '<link rel="stylesheet" href="/static/survey.css">\n</head>\n<body>\n<header><p>{title}</p></header>\n<main>'
    "<h1>{heading}</h1>\n"
)
FORM = '<form method="post" action="/s/{token}/">\n<input type="hidden" name="stamp" value="{step}">'
LANG = '<input type="hidden" name="lang" value="en-US">\n'
TAIL = "<button>Continue</button>\n</form>\n</main>\n<footer><p>Questions or problems?</p></footer>\n</body>\n</html>"


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    token = environ["PATH_INFO"].split("/")[2] if environ["PATH_INFO"].startswith("/s/") else ""
    if not token:
        start("200 OK", [("Content-Length", "3")])
        return [b"ok\n"]
    if environ["REQUEST_METHOD"] == "POST":
        store(token, environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start("303 See Other", [("Location", f"/s/{token}/"), ("Content-Length", "0")])
        return [b""]
    body = show(token).encode()
    start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def connection() -> psycopg.Connection:
    """Give the thread's own connection; its statements are prepared on the server at their first use."""
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(os.environ["LIMIT_DSN"], autocommit=True, prepare_threshold=0)
    opened: psycopg.Connection = local.connection
    return opened


def store(token: str, form: bytes) -> None:
    fields = {name: values[0] for name, values in parse_qs(form.decode()).items()}
    step = int(fields["stamp"])
    given = {**fields, "token": token, "step": step, "version": int(os.environ["VERSION"])}
    connection().execute(STORE.get(step, ANSWER), given)


def show(token: str) -> str:
    row = connection().execute(READ, (token,)).fetchone()
    assert row is not None
    _, step, code = row
    if code is not None:
        return show_item(token, step, ITEMS[code])
    names = {0: "consent", 1: "demographics", LAST: "debrief"}
    page = SPEC[names.get(step, "end")]
    groups = {0: ("consent",), 1: ("age_band", "gender", "country")}.get(step, ())
    said = "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in page["paragraphs"])
    asked = "".join(
        radios(name, SPEC["questions"][name]["legend"], SPEC["questions"][name]["options"]) for name in groups
    )
    form = FORM.format(token=token, step=step) + LANG
    return HEAD.format(heading=html.escape(page["heading"]), title=SPEC["title"]) + said + form + asked + TAIL


def show_item(token: str, step: int, item: dict[str, str]) -> str:
    heading = f"Situation {step - 1} of {SPEC['n_items']}"
    said = [html.escape(item[key]) for key in ("scenario", "expectation", "preference_text")]
    scenario = '<div class="scenario">\n' + "".join(f"<p>{text}</p>\n" for text in said) + "</div>"
    options = [[choice, item[choice]] for choice in ("culture", "preference")]
    asked = "".join(radios(name, item[name], options) for name in ("personal", "norm"))
    form = FORM.format(token=token, step=step) + LANG
    return HEAD.format(heading=heading, title=SPEC["title"]) + scenario + form + asked + TAIL


def radios(name: str, legend: str, options: list[list[str]]) -> str:
    rows = "".join(
        f'<label><input type="radio" name="{name}" id="{name}-{number}" value="{value}"> '
        f"<span>{html.escape(label)}</span></label>\n"
        for number, (value, label) in enumerate(options, 1)
    )
    return f"<fieldset>\n<legend>{html.escape(legend)}</legend>\n{rows}</fieldset>\n"
