"""Screening, checks, skipped questions, stopping: each leads to the right place and nothing is lost."""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import Client

from survey.domain.enrolment import enrol
from survey.domain.instruments import load_instrument
from survey.domain.lifecycle import change_status
from survey.domain.studies import create_study, launch_study
from survey.domain.translations import override_texts
from survey.enums import (
    AgeBand,
    CheckKind,
    Choice,
    Fluency,
    LeaseState,
    OptionOrder,
    Page,
    PanelName,
    Question,
    Status,
)
from survey.flow.quality import Evidence, Given, longest_run, measure, raise_flags
from survey.flow.screening import Answers, is_eligible
from survey.instruments.loader import SHIPPED, read_instrument
from survey.models import (
    CheckAnswer,
    Demographics,
    Lease,
    Participant,
    QualityFlag,
    Response,
    StatusChange,
    Study,
    SurveySession,
)
from survey.panels import Identity
from tests.factories import make_session
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
SCREENING = {"country": "GB", "fluency": "fluent", "age_band": "25-34", "gender": "woman"}


@pytest.fixture
def walker(study: Study) -> Walker:
    return Walker(make_session(study, "GB"), Client())


# --- Screening ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"country": "US"},
        {"country": "other"},
        {"country": "undisclosed"},
        {"age_band": "under-18"},
        {"fluency": "basic"},
    ],
)
def test_who_does_not_belong_is_led_out_before_the_paid_part(walker: Walker, change: dict[str, str]) -> None:
    walker.walk_to(Page.SCREENING)
    walker.post(**{**SCREENING, **change})
    walker.session.refresh_from_db()
    assert walker.session.status == Status.SCREENED_OUT
    assert "This study is for others" in walker.client.get(walker.url).content.decode()
    assert Demographics.objects.filter(session=walker.session).exists()
    assert not Lease.objects.exists()


def test_who_would_not_tell_age_or_gender_may_take_part(walker: Walker) -> None:
    walker.walk_to(Page.SCREENING)
    walker.post(**{**SCREENING, "age_band": "undisclosed", "gender": "undisclosed"})
    walker.session.refresh_from_db()
    assert walker.session.status == Status.ACTIVE
    assert (walker.session.lease.cell.age_bucket, walker.session.lease.cell.gender) == ("", "")


def test_eligibility_needs_country_age_and_language() -> None:
    good = Answers(country="BR", age_band=AgeBand.A65, fluency=Fluency.FIRST)
    assert is_eligible(good, arm_country="BR", fluencies=["first"])
    assert not is_eligible(good, arm_country="IN", fluencies=["first"])
    assert not is_eligible(good, arm_country="BR", fluencies=["fluent"])


# --- Checks ------------------------------------------------------------------------------------


def test_comprehension_may_be_tried_twice(walker: Walker) -> None:
    walker.walk_to(Page.COMPREHENSION)
    reply = walker.post(comprehension="facts")
    assert reply.status_code == 422
    assert reply.content.decode().count("That is not what the task is") == 2  # in the summary and at the question
    assert walker.post(comprehension="both").status_code == 303
    assert walker.kind() == Page.SCENARIO
    tries = CheckAnswer.objects.values_list("attempt", "answer", "is_correct")
    assert list(tries) == [(1, "facts", False), (2, "both", True)]


def test_comprehension_failed_twice_leads_out(walker: Walker) -> None:
    walker.walk_to(Page.COMPREHENSION)
    for _ in range(2):
        walker.post(comprehension="rules")
    walker.session.refresh_from_db()
    assert walker.session.status == Status.FAILED_COMPREHENSION
    assert Lease.objects.get().state == LeaseState.FREED


def test_double_click_on_a_wrong_answer_counts_once(walker: Walker) -> None:
    walker.walk_to(Page.COMPREHENSION)
    stamp = walker.stamp()
    assert walker.post(stamp, comprehension="facts").status_code == 422
    assert walker.post(stamp, comprehension="facts").status_code == 303
    assert CheckAnswer.objects.count() == 1
    assert walker.kind() == Page.COMPREHENSION


def test_reload_gives_no_further_try(walker: Walker) -> None:
    walker.walk_to(Page.COMPREHENSION)
    walker.post(comprehension="facts")
    walker.client.get(walker.url)
    walker.post(comprehension="facts")
    walker.session.refresh_from_db()
    assert walker.session.status == Status.FAILED_COMPREHENSION


def test_attention_check_says_what_to_select_and_never_leads_out(walker: Walker) -> None:
    walker.walk_to(Page.ATTENTION)
    assert "select “Rarely” here" in walker.client.get(walker.url).content.decode()
    walker.post(attention="always")
    assert walker.kind() == Page.SCENARIO
    walker.finish()
    assert walker.session.status == Status.COMPLETE
    checks = CheckAnswer.objects.filter(kind=CheckKind.ATTENTION).values_list("number", "is_correct")
    assert list(checks) == [(1, False), (2, True)]
    assert QualityFlag.objects.get(session=walker.session, name="attention_failed").value == 1


@pytest.mark.parametrize("locale", ["pt-BR", "hi-IN"])
def test_attention_check_names_an_option_of_its_own_locale(study: Study, locale: str) -> None:
    walker = Walker(make_session(study, locale[-2:]), Client())
    walker.walk_to(Page.ATTENTION)
    html = walker.client.get(walker.url).content.decode()
    label = {"pt-BR": "Raramente", "hi-IN": "बहुत कम"}[locale]
    assert f"“{label}”" in html
    assert f"<span>{label}</span>" in html


# --- Skipping ----------------------------------------------------------------------------------


def test_skipped_question_is_asked_once_more_with_a_way_not_to_answer(walker: Walker) -> None:
    walker.walk_to(Page.SCENARIO)
    assert "I prefer not to answer" not in walker.client.get(walker.url).content.decode()
    first = walker.post(personal="culture")
    assert "I prefer not to answer this one" in first.content.decode()
    stamp = first.content.decode().split('name="stamp" value="')[1].split('"')[0]
    assert walker.post(stamp, personal="culture", norm="declined").status_code == 303
    stored = dict(Response.objects.values_list("question", "choice"))
    assert stored == {Question.PERSONAL: Choice.CULTURE, Question.NORM: ""}


def test_way_not_to_answer_is_not_taken_before_it_was_offered(walker: Walker) -> None:
    walker.walk_to(Page.SCENARIO)
    assert walker.post(personal="declined", norm="declined").status_code == 422
    assert not Response.objects.exists()


# --- Stopping ----------------------------------------------------------------------------------


def test_stopping_is_asked_once_more_and_final(walker: Walker) -> None:
    walker.walk_to(Page.SCENARIO)
    stop = f"{walker.url}stop/"
    assert stop in walker.client.get(walker.url).content.decode()
    assert "Stop taking part?" in walker.client.get(stop).content.decode()
    assert walker.client.post(stop).headers["Location"] == walker.url
    walker.session.refresh_from_db()
    assert walker.session.status == Status.WITHDREW
    assert "None of your answers will be used." in walker.client.get(walker.url).content.decode()
    assert walker.client.post(stop).status_code == 303
    assert StatusChange.objects.filter(new=Status.WITHDREW).count() == 1


def test_receipt_lets_its_holder_withdraw_later(walker: Walker) -> None:
    walker.finish()
    receipt = walker.session.receipt
    assert receipt in walker.client.get(walker.url).content.decode()
    assert Lease.objects.get().state == LeaseState.COMPLETE
    typed = f" {receipt[:5].lower()} {receipt[5:]} "
    assert "Your answers are taken out" in Client().post("/withdraw/", {"receipt": typed}).content.decode()
    walker.session.refresh_from_db()
    assert walker.session.status == Status.WITHDREW
    assert Lease.objects.get().state == LeaseState.FREED
    assert Response.objects.filter(session=walker.session).count() == 36  # kept, and out of every export


def test_everybody_reads_their_own_receipt_and_takes_their_own_way_back(study: Study) -> None:
    """The last page is drawn once for all; what it says to one is shown to no other."""
    study.arms.update(panel=PanelName.CINT, panel_settings={"exit_base": "https://panel.example/back?a=1"})
    ends = {}
    for person in ("first-one", "second<&>one", "third-one"):
        identity = Identity(PanelName.CINT, person=person)
        session = enrol(study.arms.get(country="US"), identity=identity)
        change_status(session, Status.ACTIVE, reason="test")
        change_status(session, Status.COMPLETE, reason="test")
        ends[session.receipt, quote(person)] = Client().get(f"/s/{session.token}/").content.decode()
    for (receipt, person), page in ends.items():
        assert f'href="https://panel.example/back?a=1&amp;RIS=10&amp;RID={person}"' in page
        assert receipt in page
        assert not any(other in page for pair in ends for other in pair if other not in (receipt, person))
        assert "testserver/withdraw/" in page


def test_way_to_take_answers_out_stays_in_the_language_of_the_survey(study: Study) -> None:
    """Many phones in India are set to English, also of those who answer in Hindi."""
    walker = Walker(make_session(study, "IN"), Client(headers={"accept-language": "en-IN"}))
    walker.finish()
    end = walker.client.get(walker.url).content.decode()
    assert 'href="/withdraw/?lang=hi-IN">testserver/withdraw/<' in end
    for method in ("get", "post"):
        html = getattr(walker.client, method)("/withdraw/?lang=hi-IN").content.decode()
        assert '<html lang="hi-IN">' in html
        assert "रसीद कोड" in html
    for nonsense in ("", "?lang=", "?lang=xx", "?lang=%00", "?lang=en-XX"):
        assert "Receipt code" in walker.client.get(f"/withdraw/{nonsense}").content.decode()


@pytest.mark.parametrize("receipt", ["", "ABCDEFGHJK", "x" * 500, "a\x00b", "' OR 1=1"])
def test_unknown_receipt_is_a_clear_error(receipt: str) -> None:
    reply = Client().post("/withdraw/", {"receipt": receipt}, headers={"accept-language": "hi-IN"})
    assert reply.status_code == 422
    assert "इस कोड के साथ कोई जवाब दर्ज नहीं है" in reply.content.decode()


def test_refused_consent_has_nothing_to_withdraw(study: Study) -> None:
    walker = Walker(make_session(study, "GB"), Client())
    walker.post(consent="no")
    session = SurveySession.objects.get(pk=walker.session.pk)
    assert Client().post("/withdraw/", {"receipt": session.receipt}).status_code == 422


# --- Flags -------------------------------------------------------------------------------------


def given(choice: Choice | None, order: OptionOrder = OptionOrder.CULTURE_FIRST, seconds: float = 9) -> Given:
    return Given(choice, order, seconds)


def test_measures_look_at_how_answers_were_given() -> None:
    answers = [
        given(Choice.CULTURE, seconds=2),
        given(Choice.PREFERENCE, OptionOrder.PREFERENCE_FIRST, 3),
        given(Choice.PREFERENCE, seconds=10),
        given(None, seconds=4),
    ]
    measured = measure(Evidence(answers, n_attention_failed=1, n_comprehension_wrong=0, is_within_quota=False))
    assert measured == {
        "too_fast": 3.5,
        "same_position_run": 2,
        "same_choice_run": 2,
        "attention_failed": 1,
        "comprehension_retry": 0,
        "declined": 0.25,
        "beyond_quota": 1.0,
    }


def test_flags_are_raised_below_or_from_their_limit_on() -> None:
    measured = {"too_fast": 3.9, "declined": 0.2, "same_choice_run": 11}
    assert raise_flags(measured, {"too_fast": 4, "declined": 0.2, "same_choice_run": 12}) == {
        "too_fast": 3.9,
        "declined": 0.2,
    }


def test_longest_run_of_nothing_is_nothing() -> None:
    assert (longest_run([]), longest_run("aabbba")) == (0, 3)


def test_time_flags_are_for_people_not_for_simulated_participants(study: Study) -> None:
    person = Walker(make_session(study, "GB"), Client())
    person.finish()
    simulated = Walker(make_session(study, "GB"), Client())
    Participant.objects.filter(pk=simulated.session.participant_id).update(is_simulated=True)
    simulated.finish()
    raised = QualityFlag.objects.filter(name="too_fast").values_list("session", flat=True)
    assert list(raised) == [person.session.pk]


# --- Demographics at the end, without screening ------------------------------------------------


def test_demographics_may_be_asked_last_and_then_only_count(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "late"))
    path = folder / "instrument.yaml"
    text = path.read_text(encoding="utf-8")
    blocks = "[consent, instructions, scenario, demographics, debrief]"
    path.write_text(re.sub(r"blocks: \[.*\]", f"blocks: {blocks}", text), encoding="utf-8")
    version = load_instrument(read_instrument(folder)).version
    study = create_study(code="late", title="Late", version=version, panel=PanelName.DIRECT, target_per_cell=0)
    override_texts(study, by="tests", reason="drafts")
    launch_study(study)
    walker = Walker(make_session(study, "GB"), Client())
    walker.walk_to(Page.DEMOGRAPHICS)
    assert walker.post(age_band="65+", gender="man").status_code == 422
    walker.post(age_band="65+", gender="man", country="undisclosed")
    walker.finish()
    assert walker.session.status == Status.COMPLETE
    told = Demographics.objects.get(session=walker.session)
    assert (told.age_band, told.gender, told.country, told.is_country_undisclosed) == ("65+", "man", "", True)
    assert not Lease.objects.exists()  # the cell is full: the answers are kept all the same
