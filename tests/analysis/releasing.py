"""A small study that can be published: texts of every page, enough people, one finished analysis."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

from django.core.management import call_command

from analysis.models import Release
from analysis.release.tables import data_path, paper_path
from survey.enums import AgeBand, Gender, Locale
from survey.instruments.schema import PAGE_KEYS
from survey.models import PageEvent, Study, SurveySession, Text
from tests.analysis.conftest import STRUCTURE, Made, make_session

PLACED = {"items": {"core": 1, "same": 1, "close": 1, "far": 1}}
OPTIONS = {
    "number": "1.0.0",
    "authors": ["Curie, Marie <0000-0002-1825-0097>", "University of Somewhere"],
    "url": "https://example.org/data",
    "analysis": "none",
}


def make_publishable(made: Made) -> Made:
    """Give the study's version the texts and settings that the shipped instrument has."""
    with not_launched(made.study):
        _give_texts(made)
    return made


@contextmanager
def not_launched(study: Study) -> Iterator[None]:
    """Take a study back to its draft for a while: the version of a launched one cannot be edited."""
    rows = Study.objects.filter(pk=study.pk)
    rows.update(state="draft", launched_at=None)
    yield
    rows.update(state=study.state, launched_at=study.launched_at)


def _give_texts(made: Made) -> None:
    version = made.study.version
    arms = {country: {**arm, **PLACED} for country, arm in STRUCTURE["arms"].items()}
    version.structure = {**STRUCTURE, "consent_version": "1", "arms": arms}
    version.save()
    keys = [*PAGE_KEYS, *(f"country.{country}" for country in arms)]
    Text.objects.bulk_create(
        Text(version=version, locale=locale, key=key, body=f"{key} in {locale}", status="reviewed")
        for locale in (Locale.EN_US, Locale.PT_BR)
        for key in keys
    )


def add_people(made: Made, n_per_cell: int = 5, **options: Any) -> list[SurveySession]:
    """Add as many people of each country, age group and gender; their answers differ."""
    sessions = []
    for country, band, gender in product(("BR", "US"), (AgeBand.A25_34, AgeBand.A55_64), (Gender.WOMAN, Gender.MAN)):
        for number in range(n_per_cell):
            choices = ("culture", "preference" if number % 2 else "culture")
            answers: dict[str, tuple[str | None, str | None]] = {
                item.code: choices for item in made.items[: 2 + number % 2]
            }
            sessions.append(make_session(made, country, answers=answers, age_band=band, gender=gender, **options))
    for session in sessions[:3]:
        for kind, at_ms, detail in (("page_shown", 0, "narrow"), ("hidden", 900, ""), ("visible", 2400, "")):
            PageEvent.objects.create(session=session, position=2, kind=kind, at_ms=at_ms, detail=detail)
    return sessions


def release(made: Made, out: Path, **options: Any) -> str:
    """Run the command; give what it says."""
    told = StringIO()
    call_command("release", made.study.code, out=out, stdout=told, stderr=StringIO(), **{**OPTIONS, **options})
    return told.getvalue()


def rows_of(made: Made, folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / file_of(made, table)).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def file_of(made: Made, table: str) -> str:
    paper = ("tidy_human_responses", "llm_predictions", "eval_decisions")
    return paper_path(table) if table in paper else data_path(made.study.code, table)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def only_release() -> Release:
    return Release.objects.get()
