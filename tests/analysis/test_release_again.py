"""Whoever has the folder alone computes the same numbers and orders; the same data give the same bytes."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from analysis import domain, tasks
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.release.choices import LICENCES, Licence
from survey.enums import Gender
from survey.instruments.plan import PLAN_KEY
from tests.analysis.conftest import Made, fill_models, make_session
from tests.analysis.releasing import add_people, content, file_of, make_publishable, not_launched, release

PLAN: dict[str, Any] = {
    "version": "1",
    "seed": 3,
    "alpha": 0.05,
    "adjustments": {"primary": "holm", "secondary": "holm", "exploratory": "none"},
    "hypotheses": {},
}


@pytest.fixture
def published(made: Made) -> Made:
    make_publishable(made)
    add_people(made, 6)
    fill_models(made)
    return made


def analyse(made: Made, *families: str) -> AnalysisRun:
    run = domain.request_analysis(made.study, choose(include_simulated=True, families=families))
    tasks.run_analysis(run.pk)
    run.refresh_from_db()
    assert run.state == AnalysisRun.State.DONE, run.error
    return run


def again(folder: Path, out: Path) -> dict[str, bytes]:
    call_command("analyse", input=folder, layer="methods", out=out, stdout=StringIO(), stderr=StringIO())
    return content(out)


def test_folder_gives_the_numbers_of_the_site_byte_by_byte(published: Made, tmp_path: Path) -> None:
    run = analyse(published)
    release(published, tmp_path / "out", simulated="label", analysis=str(run.pk))
    released = content(tmp_path / "out" / "results" / "tables")
    record = json.loads((tmp_path / "out" / "results" / "analysis.json").read_text())
    computed = again(tmp_path / "out", tmp_path / "again")
    facts = json.loads(computed.pop("facts.json"))
    assert computed.pop("not_estimable.csv").startswith(b"table,row,column,reason\n")  # the record has the reasons
    assert record["rows_withheld"] == {}  # rows of models count nobody, all others five people or more
    assert computed == released
    assert len(computed) > 30
    assert {name: facts[name] for name in record["facts"]} == record["facts"]
    assert facts["warnings"] == record["warnings"] == run.warnings
    assert record["tables"] == run.results["tables"]


def test_results_do_not_depend_on_respondents_names(published: Made, tmp_path: Path) -> None:
    run = analyse(published, "rates")
    for number in ("1.0.0", "1.0.1"):
        release(published, tmp_path / number, simulated="label", analysis=str(run.pk), number=number)
    assert (tmp_path / "1.0.0" / file_of(published, "long")).read_bytes() != (
        tmp_path / "1.0.1" / file_of(published, "long")
    ).read_bytes()
    assert (
        again(tmp_path / "1.0.0", tmp_path / "a")["rates.csv"] == again(tmp_path / "1.0.1", tmp_path / "b")["rates.csv"]
    )


def test_what_is_not_about_withheld_people_stays_the_same(published: Made, tmp_path: Path) -> None:
    make_session(published, gender=Gender.ANOTHER)
    run = analyse(published, "rates", "agreement")
    release(published, tmp_path / "out", simulated="label", analysis=str(run.pk))
    record = json.loads((tmp_path / "out" / "results" / "analysis.json").read_text())
    assert record["rows_withheld"]["rates"] > 0
    computed = again(tmp_path / "out", tmp_path / "again")
    released = (tmp_path / "out" / "results" / "tables" / "agreement.csv").read_bytes()
    by_country = [line for line in released.splitlines() if b"country" in line]
    assert by_country
    assert set(by_country) <= set(computed["agreement.csv"].splitlines())


def test_declared_plan_goes_with_the_release(published: Made, tmp_path: Path) -> None:
    with not_launched(published.study):
        published.study.version.structure[PLAN_KEY] = PLAN
        published.study.version.save()
    release(published, tmp_path / "out", simulated="label")
    assert json.loads((tmp_path / "out" / "documentation" / "analysis_plan.json").read_text()) == PLAN


def test_broken_file_of_a_release_is_named(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "out", simulated="label")
    (tmp_path / "out" / "datapackage.json").write_text("{")
    with pytest.raises(CommandError, match=r"datapackage\.json: cannot be read"):
        again(tmp_path / "out", tmp_path / "again")


def test_orders_are_derived_anew_from_a_release(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "out", simulated="label")
    said = StringIO()
    call_command("verify_design", input=tmp_path / "out", stdout=said)
    assert "48 sessions began before design cells were stored: not checked" in said.getvalue()
    path = tmp_path / "out" / file_of(published, "participants")
    path.write_text(path.read_text().replace("study_code", "study", 1))
    with pytest.raises(CommandError, match="has other columns"):
        call_command("verify_design", input=tmp_path / "out", stdout=StringIO())


def test_neither_time_zone_nor_place_on_disk_changes_a_byte(
    published: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(published, tmp_path / "one", simulated="label")
    tables = (
        "survey_response",
        "survey_assignment",
        "survey_surveysession",
        "llm_cell",
        "llm_completion",
        "survey_text",
    )
    with not_launched(published.study), connection.cursor() as cursor:
        for table in tables:  # written again in another order, as a restored database would have them
            cursor.execute(f"CREATE TEMP TABLE moved AS SELECT ctid AS place FROM {table} ORDER BY md5(ctid::text)")
            cursor.execute("SELECT place::text FROM moved")
            for (place,) in cursor.fetchall():
                cursor.execute(f"UPDATE {table} SET id = id WHERE ctid = %s::tid", [place])
            cursor.execute("DROP TABLE moved")
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    with timezone.override("Pacific/Kiritimati"):
        release(published, tmp_path / "two", simulated="label")
    monkeypatch.undo()
    time.tzset()
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("licence", list(Licence))
def test_licence_is_there_in_full(published: Made, tmp_path: Path, licence: Licence) -> None:
    release(published, tmp_path / "out", simulated="label", licence=str(licence))
    text = (tmp_path / "out" / "LICENSE").read_text()
    assert text.startswith(f"SPDX-License-Identifier: {licence}\n")
    assert LICENCES[licence][0] in text.partition("---")[2]
    assert len(text) > 7000


def test_changes_say_what_differs_from_the_release_before(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "one", simulated="label")
    release(published, tmp_path / "two", simulated="label", number="1.0.1", notes="New ids")
    assert (
        "Compared with 1.0.0:\n\n- The data are the same; respondents have new ids.\n\n"
        in (tmp_path / "two" / "CHANGES.md").read_text()
    )
    make_session(published)
    release(published, tmp_path / "three", simulated="label", number="1.1.0", k=3)
    text = (tmp_path / "three" / "CHANGES.md").read_text()
    for line in ("The data are others", "People: 48 → 49", "Rows of `participants`: 48 → 49", "K: 5 → 3"):
        assert f"- {line}" in text
    assert text.index("## 1.1.0") < text.index("Compared with 1.0.1") < text.index("## 1.0.1") < text.index("## 1.0.0")


def test_pages_are_copied_as_they_look(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "out", simulated="label")
    pages = tmp_path / "out" / "materials" / "pages" / "BR_pt-BR"
    names = {path.stem for path in pages.iterdir()}
    assert names >= {"index", "01_consent", "02_instructions", "03_scenario", "06_demographics", "end_complete"}
    scenario = (pages / "03_scenario.html").read_text()
    assert '<html lang="pt-BR">' in scenario
    assert "Continuar" in scenario
    assert "scenario of &quot;BR00&quot;, in pt-BR" in scenario
    for text in map(Path.read_text, pages.iterdir()):
        assert not any(word in text for word in ("<script", "http://", "https://", "@example.org", "/static/"))
    checklist = (tmp_path / "out" / "materials" / "checklist.md").read_text()
    assert all(f"| {number} |" in checklist for number in ("A1", "B4", "C3", "D1", "D5", "E1"))


def test_pictures_stay_outside_the_release(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "out", simulated="label")
    browser = tmp_path / "browser"
    browser.write_text(
        "#!/bin/sh\nfor word; do case $word in --version) echo Browser 1;;"
        " --screenshot=*) echo picture > ${word#--screenshot=};; esac; done\n"
    )
    browser.chmod(0o755)
    with pytest.raises(CommandError, match="never added to"):
        call_command("screenshots", str(tmp_path / "out"), browser=str(browser), out=tmp_path / "out" / "pictures")
    with pytest.raises(CommandError, match="holds no page copies"):
        call_command("screenshots", str(tmp_path), browser=str(browser), out=tmp_path / "pictures")
    call_command("screenshots", str(tmp_path / "out"), browser=str(browser), out=tmp_path / "p", stdout=StringIO())
    assert (tmp_path / "p" / "BR_pt-BR" / "01_consent_phone.png").is_file()
    assert "Made with Browser 1." in (tmp_path / "p" / "SOURCES.md").read_text()
    with pytest.raises(CommandError, match="cannot be started"):
        call_command("screenshots", str(tmp_path / "out"), browser="nowhere", out=tmp_path / "q", stdout=StringIO())
