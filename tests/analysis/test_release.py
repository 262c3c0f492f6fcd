"""A release: the same bytes for the same data, nobody in it who may not be, ids of its own, never overwritten."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Generator
from itertools import count
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from analysis import domain, frames, tasks
from analysis.columns import COMPLETIONS, LONG
from analysis.export.folder import write_folder
from analysis.models import Release
from analysis.parameters import choose
from analysis.release.choices import Choices
from analysis.release.writing import Folder, FormulaCell
from survey.enums import Gender, Status
from survey.models import PanelIdentity, SurveySession, Text
from tests.analysis.conftest import Made, fill_models, make_completion, make_run, make_session, make_spec
from tests.analysis.releasing import (
    OPTIONS,
    add_people,
    content,
    file_of,
    make_publishable,
    not_launched,
    only_release,
    release,
    rows_of,
)

TABLES = ("long", "wide", "participants", "items", "texts", "pages", "completions", "model_probabilities")
PAPER = "tidy_human_responses"


@pytest.fixture
def published(made: Made) -> Made:
    make_publishable(made)
    add_people(made)
    return made


def test_same_release_of_the_same_data_is_the_same_bytes(published: Made, tmp_path: Path) -> None:
    fill_models(published)
    for name in ("one", "two"):
        release(published, tmp_path / name, simulated="label")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    made = only_release()
    assert (made.state, len(made.checksum), len(made.snapshot_hash)) == ("done", 64, 64)


def test_approval_of_the_study_stands_in_its_methods_and_stays_there(published: Made, tmp_path: Path) -> None:
    for study, out in (("IRB 1", "one"), ("IRB 2", "two")):
        published.study.ethics_reference = study
        published.study.save()
        release(published, tmp_path / out)
        assert "## D4 Ethics approval\n\nIRB 1\n" in (tmp_path / out / "materials" / "methods.md").read_text()
    assert only_release().choices["ethics"] == "IRB 1"


def test_ids_are_drawn_anew_for_each_release_and_are_not_those_of_exports(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "one")
    release(published, tmp_path / "two", number="1.0.1", notes="only new ids")
    write_folder(published.study, tmp_path / "export")
    with (tmp_path / "export" / "participants.csv").open(newline="") as file:
        exported = {row["respondent_id"] for row in csv.DictReader(file)}
    first, second = (
        [row["respondent_id"] for row in rows_of(published, tmp_path / name, "participants")] for name in ("one", "two")
    )
    assert (len(set(first)), len(set(second)), len(exported)) == (40, 40, 40)
    assert set(first) & set(second) == set(first) & exported == set()
    assert (first, second) == (sorted(first), sorted(second))  # not in the order of entry
    assert "only new ids" in (tmp_path / "two" / "CHANGES.md").read_text()
    assert "## 1.0.0" in (tmp_path / "two" / "CHANGES.md").read_text()


def test_release_is_never_overwritten(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(CommandError, match="is not empty"):
        release(published, tmp_path / "out")
    with pytest.raises(CommandError, match="never overwritten"):
        release(published, tmp_path / "other", title="Another title")
    make_session(published)
    with pytest.raises(CommandError, match=r"the data have changed since tiny-1\.0\.0 was made"):
        release(published, tmp_path / "other")
    assert (content(tmp_path / "out"), (tmp_path / "other").exists()) == (before, False)


def test_failed_release_leaves_nothing_and_may_be_asked_for_again(published: Made, tmp_path: Path) -> None:
    published.study.unblinded_at = None
    published.study.save()
    with pytest.raises(CommandError, match="outcomes of this study are hidden"):
        release(published, tmp_path / "out")
    assert (only_release().state, list(tmp_path.iterdir())) == ("failed", [])
    published.study.unblinded_at = published.study.launched_at
    published.study.save()
    release(published, tmp_path / "out")
    assert only_release().state == "done"


# --- Who is in it ------------------------------------------------------------------------------
def test_only_people_who_consented_and_finished_are_in_it(published: Made, tmp_path: Path) -> None:
    make_session(published, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    make_session(published, status=Status.NO_CONSENT)
    make_session(published, status=Status.LANDED)
    make_session(published, status=Status.SCREENED_OUT, answers={})
    make_session(published, status=Status.WITHDREW)
    release(published, tmp_path / "out")
    assert Counter(row["session_status"] for row in rows_of(published, tmp_path / "out", "participants")) == {
        "complete": 40
    }


def test_withdrawn_people_are_in_no_file(published: Made, tmp_path: Path) -> None:
    release(published, tmp_path / "before")
    session = SurveySession.objects.first()
    assert session is not None
    own = _id_of(session)
    assert any(own.encode() in data for data in content(tmp_path / "before").values())
    SurveySession.objects.filter(pk=session.pk).update(status=Status.WITHDREW)
    Release.objects.all().delete()
    released = only_after(published, tmp_path / "after")
    assert [name for name, data in released.items() if _id_of(session).encode() in data] == []
    assert len(rows_of(published, tmp_path / "after", "participants")) == 39


def only_after(made: Made, out: Path) -> dict[str, bytes]:
    release(made, out, k=4)
    return content(out)


def _id_of(session: SurveySession) -> str:
    """Compute a respondent's id in the release that there is."""
    import hashlib
    import hmac

    key = hashlib.sha256(f"release\0{only_release().secret}".encode()).digest()
    return f"R{hmac.new(key, str(session.participant_id).encode(), hashlib.sha256).hexdigest()[:12]}"


def test_nothing_that_points_to_a_person_is_in_any_file(published: Made, tmp_path: Path) -> None:
    fill_models(published)
    release(published, tmp_path / "out", simulated="label")
    secrets = [*SurveySession.objects.values_list("token", "receipt")]
    words = [word for row in secrets for word in row]
    words += [w for r in PanelIdentity.objects.values_list("panel_person", "panel_submission") for w in r]
    words += [only_release().secret, "2026-03-01", "09:0"]
    assert len(words) > 100
    found = [(name, w) for name, data in content(tmp_path / "out").items() for w in words if w.encode() in data]
    assert found == []


def test_rare_people_are_published_without_age_and_gender_in_every_file(published: Made, tmp_path: Path) -> None:
    for _ in range(5):
        make_session(published, gender=Gender.ANOTHER)
    make_session(published, gender=Gender.UNDISCLOSED)
    release(published, tmp_path / "out", k=5)
    rows = rows_of(published, tmp_path / "out", "participants")
    in_brazil = Counter(r["gender"] for r in rows if r["respondent_country"] == "BR")
    assert in_brazil == {"NA": 6, "woman": 10, "man": 5, "another": 5}  # one group has joined the only one
    hidden = {r["respondent_id"] for r in rows if r["gender"] == "NA"}
    for table in ("long", "wide"):
        told = {
            (r["age_band"], r["age_bucket"], r["gender"], r["demographic_cell"])
            for r in rows_of(published, tmp_path / "out", table)
            if r["respondent_id"] in hidden
        }
        assert told == {("NA", "NA", "NA", "NA")}
    paper = [r for r in rows_of(published, tmp_path / "out", "tidy_human_responses") if r["respondent_id"] in hidden]
    assert {(r["respondent_age_bucket"], r["respondent_gender"], r["respondent_demo"]) for r in paper} == {("", "", "")}
    assert paper


def test_place_with_too_few_people_is_refused_or_left_out(published: Made, tmp_path: Path) -> None:
    locale = published.arms["BR"].locales[0]
    SurveySession.objects.filter(pk__in=list(SurveySession.objects.values_list("pk", flat=True)[:3])).update(
        locale="en-IN"
    )
    with pytest.raises(CommandError, match=re.escape("(BR in en-IN: 3)")):
        release(published, tmp_path / "out")
    release(published, tmp_path / "out", small_places="leave out", k=2)
    assert len(rows_of(published, tmp_path / "out", "participants")) == 40  # with k = 2 three are enough
    release(published, tmp_path / "two", number="1.1.0", small_places="leave out", k=4)
    rows = rows_of(published, tmp_path / "two", "participants")
    assert Counter(row["locale"] for row in rows) == {locale: 17, "en-US": 20}
    assert "3 people were left out" in (tmp_path / "two" / "README.md").read_text()


def test_simulated_data_are_left_out_or_named_everywhere(published: Made, tmp_path: Path) -> None:
    make_session(published, is_simulated=True)
    fill_models(published)
    release(published, tmp_path / "out")
    for table in TABLES:
        assert {row["is_simulated"] for row in rows_of(published, tmp_path / "out", table)} <= {"false"}, table
    release(published, tmp_path / "all", number="2.0.0", simulated="label")
    assert Counter(r["is_simulated"] for r in rows_of(published, tmp_path / "all", "participants")) == {
        "false": 40,
        "true": 1,
    }
    for name in ("README.md", "dataset_description.json", "datapackage.json", "croissant.json", "CITATION.cff"):
        assert "CONTAINS SIMULATED DATA" in (tmp_path / "all" / name).read_text(), name
        assert "CONTAINS SIMULATED DATA" not in (tmp_path / "out" / name).read_text(), name


def test_release_of_simulated_respondents_alone_has_to_be_wanted(made: Made, tmp_path: Path) -> None:
    make_publishable(made)
    add_people(made, 1, is_simulated=True)
    with pytest.raises(CommandError, match="all respondents are simulated, and these are left out"):
        release(made, tmp_path / "out")
    assert "0 people, 8 simulated" in release(made, tmp_path / "out", simulated="label")


def test_replay_of_a_session_tells_no_more_than_the_session(published: Made, tmp_path: Path) -> None:
    """A model asked as the respondent would say who they are."""
    hidden = make_session(published, "US", gender=Gender.ANOTHER)
    unfinished = make_session(published, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    shown = SurveySession.objects.filter(demographics__gender="woman", arm__country="BR").first()
    assert shown is not None
    spec, numbers = make_spec(), count(1)
    for session in (hidden, unfinished, shown):
        for persona in (("", "", ""), ("US", "younger", "female")):
            answer = make_completion(make_run(published, spec), spec, published.items[0], persona=persona)
            answer.cell.session = session
            answer.cell.repeat = next(numbers)
            answer.cell.save()
    release(published, tmp_path / "out")
    rows = rows_of(published, tmp_path / "out", "completions")
    told = Counter((row["yoked_to"], row["persona_setting"]) for row in rows)
    assert told == {
        (_id_of(hidden), "no_persona"): 1,
        (_id_of(shown), "no_persona"): 1,
        (_id_of(shown), "persona"): 1,
    }


# --- What it can be used for -------------------------------------------------------------------
def test_long_and_completions_read_like_exports(published: Made, tmp_path: Path) -> None:
    fill_models(published)
    make_session(published, gender=Gender.ANOTHER)
    release(published, tmp_path / "out", simulated="label")
    for table, n in ((LONG, 198), (COMPLETIONS, 72)):
        data = (tmp_path / "out" / file_of(published, table.name)).read_bytes()
        assert len(frames.parse(table, data)) == n


@pytest.mark.parametrize("has_models", [True, False])
def test_papers_tables_are_computed_from_the_folder(published: Made, tmp_path: Path, has_models: bool) -> None:
    if has_models:
        fill_models(published)
    release(published, tmp_path / "out", simulated="label")
    assert (tmp_path / "out" / "paper" / "llm_predictions.csv").exists() == has_models
    call_command("analyse", input=tmp_path / "out", out=tmp_path / "tables", stdout=io.StringIO())
    with (tmp_path / "tables" / "human_response_summary.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["n_respondents"] == "40"


def test_analysis_goes_with_the_data_it_was_computed_from(published: Made, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no finished analysis goes with these data"):
        release(published, tmp_path / "out", analysis="latest")
    run = domain.request_analysis(published.study, choose(include_simulated=False, families=("rates", "agreement")))
    tasks.run_analysis(run.pk)
    release(published, tmp_path / "out", analysis="latest")
    record = json.loads((tmp_path / "out" / "results" / "analysis.json").read_text())
    assert (record["analysis"], record["facts"]["n_respondents"]) == (run.pk, 40)
    assert not {"rates", "agreement"} & set(record["rows_withheld"])
    assert (tmp_path / "out" / "results" / "tables" / "rates.csv").exists()
    assert list((tmp_path / "out" / "results" / "figures").glob("*.svg"))
    make_session(published)
    with pytest.raises(CommandError, match="the data have changed since it was computed"):
        release(published, tmp_path / "new", number="1.1.0", analysis=str(run.pk))


def test_results_say_nothing_of_a_group_that_the_data_withhold(published: Made, tmp_path: Path) -> None:
    make_session(published, "US", gender=Gender.ANOTHER)
    run = domain.request_analysis(published.study, choose(include_simulated=False))
    tasks.run_analysis(run.pk)
    release(published, tmp_path / "out", analysis=str(run.pk))
    withheld = [r for r in rows_of(published, tmp_path / "out", "participants") if r["gender"] == "NA"]
    assert len(withheld) == 6  # the one, and a group of five with them
    with (tmp_path / "out" / "results" / "tables" / "rates.csv").open(newline="") as file:
        groups = {row["group"] for row in csv.DictReader(file) if row["grouping"] == "cell"}
    record = json.loads((tmp_path / "out" / "results" / "analysis.json").read_text())
    assert len(groups) == 3
    hidden = {"younger_female", "younger_male", "older_female", "older_male"} - groups
    for name, table in record["tables"].items():
        rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        assert all((row.get("n_respondents") or 5) >= 5 for row in rows), name
        named = [
            value
            for row in rows
            if row.get("respondent_country") not in {"BR", "Brazil"}
            for column, value in row.items()
            if not column.startswith(("persona", "receiver")) and isinstance(value, str)
        ]
        assert not [value for value in named for cell in hidden if cell in value], name
    assert "not_given" not in groups
    assert record["rows_withheld"]["rates"] == 6  # of two groups, two questions and the gap


def test_formula_in_a_text_is_refused_with_its_place(published: Made, tmp_path: Path) -> None:
    with not_launched(published.study):
        Text.objects.filter(key="items.US01.scenario", locale="pt-BR").update(body="=1+1")
    with pytest.raises(CommandError, match=re.escape("texts_data.csv, line 7, column scenario: begins with '='")):
        release(published, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cell", "is_refused"),
    [
        ("=1", True),
        ("+1", True),
        ("@x", True),
        ("-x", True),
        ("\tx", True),
        ("-5", True),
        ("a, -b", False),
        ("a,=b", False),
        ("endless " * 30_000, False),  # more than the csv module reads by itself
        ("=" * 240_000, True),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_formula_is_told_from_a_text_and_a_number(tmp_path: Path, cell: str, is_refused: bool) -> None:
    """Only the first character counts, quoted or not; numbers may be negative."""
    from analysis.columns import Column, Table

    table = Table("t", "t", ("a",), (Column("a", "text", "a", "a"), Column("b", "number", "b", "b")))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["a", "b"], ["fine", "-0.5"], [cell, "-1e-05"]])

    def parts() -> Generator[bytes, None, int]:
        yield text.getvalue().encode()
        return 2

    if is_refused:
        with pytest.raises(FormulaCell, match="line 3, column a"):
            Folder(tmp_path).add_table("t.csv", table, parts())
    else:
        assert Folder(tmp_path).add_table("t.csv", table, parts()).n_rows == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"authors": []}, "at least one author"),
        ({"url": ""}, "give the address"),
        ({"doi": "zenodo.12"}, "is not a DOI"),
        ({"number": "1.0"}, "is not a number such as"),
        ({"k": 1}, "k is at least 2"),
        ({"authors": ["Curie, Marie <12>"]}, "is not an ORCID"),
        ({"analysis": "77"}, "there is no analysis 77"),
    ],
)
def test_choices_that_do_not_do_are_named(
    published: Made, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        release(published, tmp_path / "out", **options)


def test_choices_survive_their_storage() -> None:
    choices = Choices.read({**OPTIONS, "analysis": 3, "ethics": " a  b "})
    assert Choices.from_json(json.loads(json.dumps(choices.as_json()))) == choices
    assert choices.ethics == "a b"
