"""The design of every session follows from its exported seed, and what does not is named."""

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from survey.domain.enrolment import begin_session
from survey.models import Participant, Study, SurveySession
from tests.factories import get_arm, make_study
from tests.survey.test_flow_pages import Walker


def verify(*args: str, **options: object) -> str:
    out = StringIO()
    call_command("verify_design", *args, stdout=out, **options)
    return out.getvalue()


def begin(study: Study, country: str, seed: int) -> SurveySession:
    return begin_session(Participant.objects.create(study=study), get_arm(study, country), seed=seed)


def set_orders(study: Study, option_order: str, question_order: str) -> None:
    orders = {"option_order": option_order, "question_order": question_order}
    study.version.structure = study.version.structure | orders  # a copy: the shipped definition holds the same object
    study.version.save(update_fields=["structure"])


@pytest.fixture
def folder(db: None, tmp_path: Path) -> Path:
    study = make_study()
    Walker(begin(study, "BR", 7)).finish()
    begin(study, "US", 8)
    call_command("export", study.code, out=tmp_path, unblind="to check the design", by="ada", stdout=StringIO())
    return tmp_path


def rewrite(path: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Change the first row of a CSV file."""
    with path.open(newline="") as file:
        first, *others = csv.DictReader(file)
    change(first)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows([first, *others])


@pytest.mark.parametrize("options", ["participant", "item"])
@pytest.mark.parametrize("questions", ["fixed", "participant"])
def test_designs_follow_from_seeds_under_every_setting(no_instrument: None, options: str, questions: str) -> None:
    study = make_study(live=False)
    set_orders(study, options, questions)
    sessions = [begin(study, country, seed) for seed, country in enumerate(["BR", "IN", "US"] * 4)]
    assert verify("s1") == "12 sessions and 0 answers derived anew: all as stored\n"
    cells = {session.design_cell.split("/", 1)[1] for session in sessions}
    assert {cell.split("/")[0] for cell in cells} == (
        {"by_item"} if options == "item" else {"culture_first", "preference_first"}
    )
    assert {cell.split("/")[1] for cell in cells} == ({"personal"} if questions == "fixed" else {"personal", "norm"})


def test_export_verifies_without_a_database(folder: Path, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        told = verify(input=folder)
    assert told == "2 sessions and 32 answers derived anew: all as stored\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "9"),
        ("design_cell", "BR/culture_first/norm"),
        ("question_order", "norm personal"),
        ("assigned_items", "BR01 BR02"),
        ("item_option_orders", "culture_first"),
    ],
)
def test_changed_participant_is_named(folder: Path, name: str, value: str) -> None:
    rewrite(folder / "participants.csv", lambda row: row.update({name: value}))
    with pytest.raises(CommandError, match="differences"):
        verify(input=folder)


def test_changed_answer_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(folder / "long.csv", lambda row: row.update(item_number="99"))
    with pytest.raises(CommandError, match="2 sessions and 32 answers derived anew: 1 differences"):
        call_command("verify_design", input=folder)
    assert "is '99', derived is" in capsys.readouterr().out


def test_shuffled_items_are_a_difference(db: None) -> None:
    session = begin(make_study(), "BR", 3)
    first, second = session.assignments.filter(number__in=[1, 2]).order_by("number")
    first.number, second.number = 2, 1
    for one in (first, second):
        one.save()
    with pytest.raises(CommandError, match="1 differences"):
        verify("s1")


def test_sessions_from_before_cells_are_counted_apart(db: None) -> None:
    study = make_study()
    begin(study, "BR", 1)
    SurveySession.objects.update(design_cell="")
    begin(study, "BR", 2)
    assert verify("s1").splitlines() == [
        "1 sessions began before design cells were stored: not checked",
        "1 sessions and 0 answers derived anew: all as stored",
    ]


def test_command_says_what_it_needs(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="either a study or a folder"):
        verify()
    with pytest.raises(CommandError, match="there is no study 'nowhere'"):
        verify("nowhere")
    with pytest.raises(CommandError, match=r"cannot read .*participants\.csv"):
        verify(input=tmp_path)
    (tmp_path / "participants.csv").write_text("a,b\n")
    with pytest.raises(CommandError, match=r"participants\.csv has other columns"):
        verify(input=tmp_path)
