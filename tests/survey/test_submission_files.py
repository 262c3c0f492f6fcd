"""Panels' lists of submissions as files: what is taken, what is refused and why, what never comes in."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.submission_import import Line, Verdict, look_at, store
from survey.enums import PanelName, SubmissionStatus
from survey.models import PanelSubmission, Study
from survey.panels import Reported
from survey.panels.submission_files import LARGEST, FileRow, Layout, Unusable, read_file
from tests.survey.visits import make_panel_study, make_visit

PROLIFIC = Layout(PanelName.PROLIFIC)
HEADER = "Submission id,Participant id,Status,Started at,Completed at,Time taken,Completion code,Date of birth,IP"
GOOD = "s1,p1,AWAITING REVIEW,2026-11-01T10:00:00Z,2026-11-01T10:11:40.5Z,700,CDONE,1990-01-01,10.0.0.1"


def read(*lines: str, layout: Layout = PROLIFIC, header: str = HEADER) -> list[FileRow]:
    return read_file("\n".join([header, *lines]).encode(), layout)


def test_row_is_read_without_birth_and_address() -> None:
    (row,) = read(GOOD)
    assert row == (
        2,
        Reported(
            "s1",
            "p1",
            SubmissionStatus.AWAITING_REVIEW,
            datetime(2026, 11, 1, 10, tzinfo=UTC),
            datetime(2026, 11, 1, 10, 11, 40, 500_000, tzinfo=UTC),
            700,
            "CDONE",
        ),
        "",
    )
    assert "1990" not in repr(row)
    assert "10.0.0.1" not in repr(row)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("s2,p2,LOST,,,,,,", "unknown status 'LOST'"),
        ("s2,p2,,,,,,,", "no status"),
        (",p2,ACTIVE,,,,,,", "no submission"),
        ("s2,p2,ACTIVE,01/02/2026,,,,,", "bad date '01/02/2026' (started at): write it as 2026-11-28 14:30:00"),
        ("s2,p2,ACTIVE,,,soon,,,", "bad time taken 'soon': write it in seconds or as 0:12:30"),
        ("s2,p2,ACTIVE", "3 cells where the header has 9"),
        ("s1,p2,ACTIVE,,,,,,", "duplicate submission: it stands in line 2 already"),
        (f"{'s' * 65},p2,ACTIVE,,,,,,", "the submission is too long or holds control characters"),
    ],
)
def test_bad_row_is_reported_and_costs_no_other(line: str, fault: str) -> None:
    rows = read(GOOD, line, GOOD.replace("s1,p1", "s3,p3"))
    assert [row.fault for row in rows] == ["", fault, ""]
    assert [row.line for row in rows] == [2, 3, 4]


def test_byte_order_mark_semicolons_tabs_and_blank_lines_do_no_harm() -> None:
    plain = [row.listed for row in read(GOOD)]
    for delimiter in ";\t":
        lines = [HEADER, "", GOOD, ""]
        raw = "\r\n".join(lines).replace(",", delimiter).encode("utf-8-sig")
        assert [row.listed for row in read_file(raw, PROLIFIC)] == plain


def test_cell_that_is_not_utf8_costs_its_row_only() -> None:
    raw = f"{HEADER}\n".encode() + b"s\xe9,p1,ACTIVE,,,,,,\n" + GOOD.encode()
    assert [row.fault for row in read_file(raw, PROLIFIC)] == ["not UTF-8: save the file in UTF-8", ""]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no column for the submission"),
        (HEADER.encode(), "no rows below"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b"x" * (LARGEST + 1), "more than 2 MB"),
        (b"Submission id,Status,Status\n", "'status' twice"),
        (b"Participant id,Status\na,b\n", "no column for the submission"),
    ],
)
def test_file_that_is_of_no_use_is_refused_as_a_whole(raw: bytes, message: str) -> None:
    with pytest.raises(Unusable, match=message):
        read_file(raw, PROLIFIC)


def test_own_mapping_names_columns_and_words() -> None:
    layout = Layout(
        PanelName.GENERIC,
        {"submission": "Ref", "status": "State", "person": "who"},
        {"done": SubmissionStatus.APPROVED},
    )
    (row,) = read("r1,Done,u1,0:12:30", layout=layout, header="Ref,State,Who,Time taken")
    assert row.listed == Reported("r1", "u1", SubmissionStatus.APPROVED, time_taken_s=750)


@pytest.mark.parametrize("name", ["IP", "ip address", "Date of birth", "E-Mail"])
def test_mapping_cannot_bring_in_private_columns(name: str) -> None:
    with pytest.raises(Unusable, match="private"):
        read(GOOD, layout=Layout(PanelName.PROLIFIC, {"person": name}), header=HEADER)


def test_panel_without_visits_of_its_own_takes_the_person_for_it() -> None:
    (row,) = read("u1,10", layout=Layout(PanelName.CINT), header="RID,Status")
    assert row.listed == Reported("u1", "u1", SubmissionStatus.AWAITING_REVIEW)


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reader(raw: bytes) -> None:
    for content in (raw, HEADER.encode() + b"\n" + raw):
        try:
            rows = read_file(content, PROLIFIC)
        except Unusable:
            continue
        assert all((row.listed is None) == bool(row.fault) for row in rows)


# --- against what is stored ----------------------------------------------------------------------
def reported(name: str, status: SubmissionStatus = SubmissionStatus.APPROVED, person: str = "") -> Reported:
    return Reported(f"visit-{name}", person or f"person-{name}", status)


def looked_at(study: Study, *listed: Reported, country: str = "") -> list[Line]:
    rows = [FileRow(number, one) for number, one in enumerate(listed, start=2)]
    return look_at(study, PanelName.PROLIFIC, rows, country=country)


@pytest.fixture
def study(db: None) -> Study:
    return make_panel_study()


def test_rows_are_taken_once_and_unchanged_afterwards(study: Study) -> None:
    make_visit(study, "a")
    lines = looked_at(study, reported("a"))
    assert [(line.verdict, line.note) for line in lines] == [(Verdict.TAKEN, "not known → approved")]
    assert PanelSubmission.objects.get().status == SubmissionStatus.UNKNOWN  # looking stores nothing
    assert store(study, lines) == 1
    assert PanelSubmission.objects.get().status == SubmissionStatus.APPROVED
    assert [line.verdict for line in looked_at(study, reported("a"))] == [Verdict.UNCHANGED]


def test_older_list_does_not_take_a_decision_back(study: Study) -> None:
    make_visit(study, "a", SubmissionStatus.APPROVED)
    (line,) = looked_at(study, reported("a", SubmissionStatus.AWAITING_REVIEW)._replace(time_taken_s=600))
    assert (line.verdict, line.note) == (Verdict.TAKEN, "time taken")
    store(study, [line])
    stored = PanelSubmission.objects.get()
    assert (stored.status, stored.time_taken_s) == (SubmissionStatus.APPROVED, 600)


def test_row_without_person_or_country_is_refused_with_its_reason(study: Study) -> None:
    make_visit(study, "a")
    make_visit(study, "b")
    lines = looked_at(
        study,
        reported("a")._replace(person=""),
        reported("new")._replace(person=""),
        reported("b", person="somebody-else"),
        reported("unheard"),
    )
    assert [(line.verdict, line.note) for line in lines] == [
        (Verdict.TAKEN, "not known → approved"),
        (Verdict.REFUSED, "missing person: nobody came in with this submission"),
        (Verdict.REFUSED, "the submission is another person's here"),
        (Verdict.REFUSED, "nobody came in with it: choose the country that the file is of"),
    ]
    assert store(study, lines) == 1


def test_country_says_where_unheard_people_belong(study: Study) -> None:
    make_visit(study, "a", country="US")
    lines = looked_at(study, reported("a"), reported("unheard"), country="GB")
    assert [line.note for line in lines] == ["it belongs to another country", "new, approved"]
    store(study, lines)
    assert PanelSubmission.objects.get(submission="visit-unheard").arm.country == "GB"


def test_command_reports_every_row_without_identifiers(study: Study, tmp_path: Path) -> None:
    make_visit(study, "a")
    path = tmp_path / "list.csv"
    path.write_text("Submission id,Participant id,Status\nvisit-a,person-a,APPROVED\nvisit-b,,ACTIVE\n")
    out = StringIO()
    call_command("import_submissions", "s1", path, panel="prolific", dry_run=True, stdout=out)
    assert out.getvalue().splitlines() == [
        "line 2: taken: not known → approved",
        "line 3: refused: missing person: nobody came in with this submission",
        "1 taken, 0 unchanged, 1 refused; nothing was stored (dry run)",
    ]
    assert PanelSubmission.objects.get().status == SubmissionStatus.UNKNOWN
    call_command("import_submissions", "s1", path, panel="prolific", stdout=out)
    assert PanelSubmission.objects.get().status == SubmissionStatus.APPROVED
    assert "visit-a" not in out.getvalue()
    with pytest.raises(CommandError, match="no study"):
        call_command("import_submissions", "none", path, panel="prolific")
