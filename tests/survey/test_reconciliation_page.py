"""The staff's reconciliation: who sees it, what it costs, that acts are asked twice and written down once."""

import csv
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from survey.domain.fixes import Wish, order, preview
from survey.enums import ActState, Outcome, PanelName, PanelVerb, SubmissionStatus
from survey.flow.reconciling import SHORTEST_MESSAGE
from survey.models import PanelAct, PanelSubmission, Study
from survey.panels.submission_files import FileRow
from survey.views import reconciliation, submission_upload
from tests.factories import make_study
from tests.staff import make_staff
from tests.survey.visits import make_panel_study, make_visit

pytestmark = pytest.mark.django_db
PAGE = "/studies/s1/reconciliation/"
PAGE_QUERIES = 16  # 5 of them write the look at identifiers into the log
WAITING, TIMED_OUT = SubmissionStatus.AWAITING_REVIEW, SubmissionStatus.TIMED_OUT


@pytest.fixture
def study() -> Study:
    return make_panel_study()


@pytest.fixture
def user() -> User:
    return make_staff("ana")


@pytest.fixture
def staff(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(client: Client, address: str, **data: object) -> str:
    reply = client.post(address, data, follow=True) if data else client.get(address)
    assert reply.status_code == 200, address
    return reply.content.decode()


def wish(staff: Client, verb: PanelVerb, *visits: PanelSubmission, **more: str) -> str:
    """Ask for an act and confirm it; give the page that comes after."""
    form = text_of(staff, f"{PAGE}confirm/", verb=verb.value, row=[one.pk for one in visits], **more)
    found = re.search(r'name="rows" value="([\d,]*)"', form)
    return text_of(staff, f"{PAGE}act/", verb=verb.value, rows=found[1] if found else "", **more)


def test_nobody_but_staff_gets_in(study: Study) -> None:
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    someone = Client()
    someone.force_login(User.objects.create_user("someone"))
    for client in (Client(), someone):
        for path in ("", "rows.csv"):
            assert client.get(PAGE + path)["Location"].startswith("/login/")
        for path in ("confirm/", "act/", "refresh/", "upload/", "upload/keep/", "acts/1/"):
            reply = client.post(PAGE + path, {"verb": "approve", "rows": visit.pk, "row": visit.pk})
            assert reply["Location"].startswith("/login/"), path
    assert not PanelAct.objects.exists()


def test_acts_need_a_post_and_its_token(study: Study, user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    for path in ("confirm/", "act/", "refresh/", "upload/", "upload/keep/", "acts/1/"):
        assert client.get(PAGE + path).status_code == 405, path
        assert client.post(PAGE + path, {"verb": "approve"}).status_code == 403, path


@pytest.mark.parametrize("n", [1, 3])
def test_page_costs_the_same_queries_at_any_size(
    study: Study, staff: Client, n: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(n):
        make_visit(study, str(number), WAITING, Outcome.COMPLETE)
    with django_assert_num_queries(PAGE_QUERIES):
        assert text_of(staff, PAGE).count('name="row"') == n


def test_page_is_kept_by_no_cache_and_its_identifiers_in_no_log(
    study: Study, staff: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="survey")
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    reply = staff.get(PAGE)
    assert "no-store" in reply["Cache-Control"]
    assert b"person-a" in reply.content
    wish(staff, PanelVerb.APPROVE, visit)
    assert "visit-a" not in caplog.text
    assert "person-a" not in caplog.text
    assert "person-a" not in text_of(staff, "/studies/s1/")


def test_empty_states_say_what_to_do_next(staff: Client) -> None:
    make_study("direct")
    assert "choose it for each country" in text_of(staff, "/studies/direct/reconciliation/")
    make_panel_study()
    assert "Nobody has come from the panel yet" in text_of(staff, PAGE)
    assert staff.get("/studies/none/reconciliation/").status_code == 404


def test_discrepancy_stands_in_words_with_its_mending(study: Study, staff: Client) -> None:
    make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE)
    page = text_of(staff, PAGE)
    assert "Timed out there, complete here" in page
    assert "Pay: complete it from here, or pay the reward as a bonus." in page
    assert "1.50 due" in page
    assert 'href="?discrepancy=timed_out_but_complete"' in page


def test_filter_narrows_rows_and_unknown_values_narrow_nothing(study: Study, staff: Client) -> None:
    make_visit(study, "a", WAITING, Outcome.COMPLETE, country="GB")
    make_visit(study, "b", TIMED_OUT, Outcome.COMPLETE, country="US")
    assert "visit-a" not in text_of(staff, f"{PAGE}?country=US&discrepancy=any")
    page = text_of(staff, f"{PAGE}?country=<script>&status=lost&page=99")
    assert "visit-a" in page
    assert "visit-b" in page


def test_act_is_asked_once_more_and_written_down_with_who_and_when(study: Study, staff: Client, user: User) -> None:
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    form = text_of(staff, f"{PAGE}confirm/", verb="approve", row=visit.pk)
    assert "visit-a" in form
    assert "That cannot be taken back." in form
    assert not PanelAct.objects.exists()
    text_of(staff, f"{PAGE}act/", verb="approve", rows=visit.pk)
    act = PanelAct.objects.get()
    assert (act.verb, act.state, act.by, act.submission) == (PanelVerb.APPROVE, ActState.PLANNED, user, visit)
    assert abs((timezone.now() - act.at).total_seconds()) < 60
    assert "Approve: planned, ana" in text_of(staff, PAGE)


def test_all_clean_ones_are_approved_and_nobody_else(study: Study, staff: Client) -> None:
    clean = [make_visit(study, name, WAITING, Outcome.COMPLETE) for name in "ab"]
    make_visit(study, "c", WAITING, Outcome.COMPLETE_FLAGGED)
    make_visit(study, "d", WAITING, Outcome.COMPLETE, code="CNO")
    assert "Approve the 2 clean ones" in text_of(staff, PAGE)
    form = text_of(staff, f"{PAGE}confirm/", verb="approve", all="1", discrepancy="clean")
    text_of(staff, f"{PAGE}act/", verb="approve", rows=re.search(r'name="rows" value="([\d,]*)"', form)[1])  # type: ignore[index]
    assert set(PanelAct.objects.values_list("submission", flat=True)) == {one.pk for one in clean}
    assert "Approve the" not in text_of(staff, PAGE)


@pytest.mark.parametrize("verb", list(PanelVerb))
def test_asking_twice_is_one_act(study: Study, staff: Client, verb: PanelVerb) -> None:
    status = {PanelVerb.COMPLETE: TIMED_OUT, PanelVerb.BONUS: TIMED_OUT}.get(verb, WAITING)
    outcome = Outcome.FAILED_COMPREHENSION if verb == PanelVerb.REQUEST_RETURN else Outcome.COMPLETE
    visit = make_visit(study, "a", status, outcome)
    for _ in range(2):
        text_of(staff, f"{PAGE}act/", verb=verb.value, rows=visit.pk, amount="1.50")
    act = PanelAct.objects.get()
    assert act.verb == verb
    if verb == PanelVerb.REQUEST_RETURN:
        assert len(act.message) >= SHORTEST_MESSAGE
    assert (act.message == "RDONE") == (verb == PanelVerb.COMPLETE)
    assert (act.amount, act.currency) == ((1.5, "GBP") if verb == PanelVerb.BONUS else (None, ""))


@pytest.mark.django_db(transaction=True)
def test_double_click_is_one_act() -> None:
    study = make_panel_study()
    user = make_staff("ana")
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)

    def click(_: int) -> int:
        try:
            return order(study, Wish(PanelVerb.APPROVE), {visit.pk}, by=user)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(click, range(6))) == 1
    assert PanelAct.objects.count() == 1


def test_what_is_not_lawful_is_left_out_with_its_reason(study: Study, staff: Client) -> None:
    done = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    failed = make_visit(study, "b", WAITING, Outcome.FAILED_COMPREHENSION)
    form = text_of(staff, f"{PAGE}confirm/", verb="request_return", row=[done.pk, failed.pk])
    assert "visit-a</span>: all answers are here: it is to be paid" in form
    assert "instructions were twice answered" in form
    wish(staff, PanelVerb.REQUEST_RETURN, done, failed, addition="Write to us & ask.")
    act = PanelAct.objects.get()
    assert act.submission == failed
    assert act.message.endswith("Write to us & ask.")


def test_what_is_owed_is_paid_in_one_way_only(study: Study, staff: Client) -> None:
    visit = make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE)
    wish(staff, PanelVerb.COMPLETE, visit)
    form = text_of(staff, f"{PAGE}confirm/", verb="bonus", row=visit.pk)
    assert "it is being paid in another way already" in form
    wish(staff, PanelVerb.BONUS, visit, amount="1.50")
    assert PanelAct.objects.get().verb == PanelVerb.COMPLETE


def test_amount_is_filled_in_only_where_the_reward_is_owed(study: Study, staff: Client) -> None:
    owed = make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE)
    paid = make_visit(study, "b", SubmissionStatus.APPROVED, Outcome.COMPLETE)
    assert 'value="1.50"' in text_of(staff, f"{PAGE}confirm/", verb="bonus", row=owed.pk)
    assert 'value="1.50"' not in text_of(staff, f"{PAGE}confirm/", verb="bonus", row=[owed.pk, paid.pk])


def test_more_than_one_confirmation_can_hold_is_said(
    study: Study, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MOST_AT_ONCE", 2)
    for name in "abc":
        make_visit(study, name, WAITING, Outcome.COMPLETE)
    form = text_of(staff, f"{PAGE}confirm/", verb="approve", all="1")
    assert "3 were chosen; 1 of them is left for another time" in form
    assert "Approve: 2 visits" in form


def test_settings_that_cannot_be_read_are_named(study: Study, staff: Client) -> None:
    assert "cannot be read" not in text_of(staff, PAGE)
    study.arms.filter(country="GB").update(panel_settings={"reward": "much", "budget": 1000, "review_days": -1})
    assert "United Kingdom: reward, review_days, currency in" in text_of(staff, PAGE)


def test_nobody_can_be_rejected(study: Study, staff: Client) -> None:
    visit = make_visit(study, "a", WAITING, Outcome.FAILED_COMPREHENSION)
    for path in ("confirm/", "act/"):
        assert staff.post(PAGE + path, {"verb": "reject", "row": visit.pk, "rows": visit.pk}).status_code == 404
    assert 'value="reject"' not in text_of(staff, PAGE)


@pytest.mark.parametrize("amount", ["", "0", "-1", "100.01", "NaN", "1e400", "x"])
def test_bonus_of_no_sensible_amount_is_refused(study: Study, staff: Client, amount: str) -> None:
    visit = make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE)
    assert "Nothing was done" in text_of(staff, f"{PAGE}act/", verb="bonus", rows=visit.pk, amount=amount)
    assert not PanelAct.objects.exists()


def test_act_that_failed_can_be_asked_for_again(study: Study, staff: Client) -> None:
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    wish(staff, PanelVerb.APPROVE, visit)
    PanelAct.objects.update(state=ActState.FAILED, reply="no such workspace", n_tries=12)
    assert "no such workspace" in text_of(staff, PAGE)
    wish(staff, PanelVerb.APPROVE, visit)
    act = PanelAct.objects.get()
    assert (act.state, act.n_tries, act.reply) == (ActState.PLANNED, 0, "")


@pytest.mark.parametrize(("done", "state"), [("yes", ActState.CONFIRMED), ("no", ActState.PLANNED)])
def test_unconfirmed_act_is_settled_by_a_person(study: Study, staff: Client, done: str, state: ActState) -> None:
    visit = make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE)
    wish(staff, PanelVerb.BONUS, visit, amount="1.50")
    PanelAct.objects.update(state=ActState.UNCONFIRMED)
    assert "Acts to look at" in text_of(staff, PAGE)
    act = PanelAct.objects.get()
    assert staff.post(f"{PAGE}acts/{act.pk}/", {"done": "perhaps"}).status_code == 404
    text_of(staff, f"{PAGE}acts/{act.pk}/", done=done)
    act.refresh_from_db()
    assert act.state == state


def test_visit_of_another_study_is_out_of_reach(study: Study, user: User) -> None:
    other = make_visit(make_panel_study("s2"), "x", WAITING, Outcome.COMPLETE)
    assert order(study, Wish(PanelVerb.APPROVE), {other.pk}, by=user) == 0
    assert not PanelAct.objects.exists()


def test_panel_without_an_interface_takes_no_orders(staff: Client, user: User) -> None:
    study = make_panel_study(panel=PanelName.CONNECT)
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    page = text_of(staff, PAGE)
    assert 'name="verb"' not in page
    assert "approve and pay on their website" in page
    (planned,) = preview(study, Wish(PanelVerb.APPROVE), {visit.pk})
    assert planned.obstacle == "this panel takes no orders from here: do it on its website"
    assert order(study, Wish(PanelVerb.APPROVE), {visit.pk}, by=user) == 0


def test_refresh_says_why_the_panel_cannot_be_asked(study: Study, staff: Client) -> None:
    assert "panel_settings.study_id is not set" in text_of(staff, f"{PAGE}refresh/", now="1")


def test_csv_holds_the_rows_of_the_filter_and_no_formulas(study: Study, staff: Client) -> None:
    make_visit(study, "a", TIMED_OUT, Outcome.COMPLETE, person='=HYPERLINK("x")', time_taken_s=690)
    make_visit(study, "b", WAITING, Outcome.COMPLETE)
    reply = staff.get(f"{PAGE}rows.csv?discrepancy=any")
    content = b"".join(reply.streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(StringIO(content))
    assert (row["person"], row["submission"]) == ('\'=HYPERLINK("x")', "visit-a")
    assert (row["our_minutes"], row["panel_minutes"], row["expected"]) == ("11.0", "11.5", "36")
    assert (row["discrepancies"], row["bonus_due"]) == ("timed_out_but_complete", "1.50")


# --- uploads ------------------------------------------------------------------------------------
def upload(staff: Client, content: str, **more: str) -> str:
    file = SimpleUploadedFile("list.csv", content.encode())
    return text_of(staff, f"{PAGE}upload/", file=file, **{"panel": "prolific", **more})


def test_upload_shows_every_row_first_and_stores_what_was_shown(study: Study, staff: Client) -> None:
    make_visit(study, "a")
    page = upload(
        staff,
        "\ufeffSubmission id;Participant id;Status;Started at;Date of birth\r\n"
        "visit-a;person-a;APPROVED;2026-11-01T10:00:00Z;1990-01-01\r\nvisit-b;;ACTIVE;;\r\n",
    )
    assert "Nothing is stored yet" in page
    assert "missing person" in page
    assert PanelSubmission.objects.get().status == SubmissionStatus.UNKNOWN
    signed = re.search(r'name="signed" value="([^"]+)"', page)
    assert signed
    assert "1 row(s) stored" in text_of(staff, f"{PAGE}upload/keep/", signed=signed[1])
    stored = PanelSubmission.objects.get()
    assert (stored.status, str(stored.started_at)) == (SubmissionStatus.APPROVED, "2026-11-01 10:00:00+00:00")
    assert "0 row(s) stored" in text_of(staff, f"{PAGE}upload/keep/", signed=signed[1])


def test_upload_takes_own_columns_and_words(study: Study, staff: Client) -> None:
    make_visit(study, "a")
    page = upload(
        staff, "Ref,Was\nvisit-a,Thanked\n", column_submission="Ref", column_status="was", words="Thanked = approved"
    )
    assert "not known → approved" in page
    assert "is not “word = status”" in upload(staff, "a,b\n1,2\n", words="nonsense")


@pytest.mark.parametrize("content", ["", "no,columns\n1,2\n", "x" * (2 * 1024 * 1024 + 1)])
def test_upload_of_no_use_says_so(study: Study, staff: Client, content: str) -> None:
    reply = text_of(staff, f"{PAGE}upload/", file=BytesIO(content.encode()), panel="prolific")
    assert "Nothing was read" in reply or "Choose a file" in reply


def test_look_at_another_study_or_a_forged_one_is_not_stored(study: Study, staff: Client) -> None:
    other = make_panel_study("s2")
    signed = submission_upload.sign(other, "prolific", "", [FileRow(2, None, "bad")])
    for value in (signed, "forged", ""):
        assert "Nothing was stored" in text_of(staff, f"{PAGE}upload/keep/", signed=value)
