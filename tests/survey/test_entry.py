"""Entry links: who may come in, what they get, and that nobody comes in twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from survey.domain.enrolment import StudyNotOpen, assign_items, enrol
from survey.enums import Device, Outcome, PanelName, Relation, StudyState
from survey.flow.devices import device_of
from survey.models import Arm, Assignment, PanelIdentity, Participant, Study, SurveySession
from survey.panels import Identity
from survey.panels.prolific import Prolific
from survey.panels.simulated import PARAMETER, issue_ticket
from tests.factories import get_arm, make_session, make_study

pytestmark = pytest.mark.django_db
PROLIFIC = {"PROLIFIC_PID": "5f0c", "STUDY_ID": "60aa", "SESSION_ID": "61bb"}


def test_direct_link_gives_every_visitor_a_session_of_their_own() -> None:
    make_study()
    first, second = (Client().get("/join/s1/GB/") for _ in range(2))
    assert first.status_code == 303
    assert first.headers["Location"] != second.headers["Location"]
    assert not PanelIdentity.objects.exists()


def test_panel_link_leads_back_to_the_same_session() -> None:
    make_study(panel=PanelName.PROLIFIC)
    first, second = (Client().get("/join/s1/GB/", PROLIFIC) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    identity = PanelIdentity.objects.get()
    assert (identity.panel_person, identity.panel_study, identity.panel_submission) == ("5f0c", "60aa", "61bb")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("countries", [["GB", "GB"], ["GB", "BR"]])
def test_same_person_at_the_same_moment_gets_one_session(countries: list[str]) -> None:
    make_study(panel=PanelName.PROLIFIC)

    def visit(country: str) -> str:
        try:
            return Client().get(f"/join/s1/{country}/", PROLIFIC).headers["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(visit, countries * 4))
    assert len(set(places)) == 1
    assert Participant.objects.count() == SurveySession.objects.count() == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"PROLIFIC_PID": "x"},
        {**PROLIFIC, "PROLIFIC_PID": "x" * 65},
        {**PROLIFIC, "STUDY_ID": "a\x00b"},
        {**PROLIFIC, "SESSION_ID": " "},
        {key: f"{{{{%{key}%}}}}" for key in PROLIFIC},
    ],
)
def test_incomplete_or_malformed_panel_link_is_refused_clearly(params: dict[str, str]) -> None:
    make_study(panel=PanelName.PROLIFIC)
    reply = Client().get("/join/s1/BR/", params)
    assert reply.status_code == 400
    assert "Este link está incompleto" in reply.content.decode()
    assert not Participant.objects.exists()


def test_forged_ticket_is_refused() -> None:
    make_study()
    reply = Client().get("/join/s1/US/", {PARAMETER: "crowd:forged"})
    assert reply.status_code == 400
    assert not Participant.objects.exists()


def test_signed_ticket_marks_the_participant_as_simulated() -> None:
    make_study()
    Client().get("/join/s1/US/", {PARAMETER: issue_ticket("one")})
    Client().get("/join/s1/US/")
    assert list(Participant.objects.order_by("pk").values_list("is_simulated", flat=True)) == [True, False]


@pytest.mark.parametrize("state", [StudyState.DRAFT, StudyState.PAUSED, StudyState.CLOSED])
def test_study_that_is_not_live_takes_nobody_in(state: StudyState) -> None:
    study = make_study(panel=PanelName.PROLIFIC)
    Client().get("/join/s1/IN/", PROLIFIC)
    Study.objects.filter(pk=study.pk).update(state=state)
    assert Client().get("/join/s1/IN/", {**PROLIFIC, "PROLIFIC_PID": "new"}).status_code == 403
    assert Client().get("/join/s1/IN/", PROLIFIC).status_code == 303  # who has begun may go on
    assert Participant.objects.count() == 1


@pytest.mark.parametrize(
    ("country", "browsers", "lang", "heading"),
    [
        ("IN", "hi-IN,hi;q=0.9,en;q=0.8", "hi-IN", "अध्ययन अभी खुला नहीं है"),
        ("IN", "en-US", "en-IN", "The study is not open"),
        ("IN", "pt-BR", "en-IN", "The study is not open"),
        ("GB", "hi", "en-GB", "The study is not open"),
    ],
)
def test_who_is_not_let_in_reads_it_in_their_language_where_the_country_has_it(
    country: str, browsers: str, lang: str, heading: str
) -> None:
    study = make_study()
    Study.objects.filter(pk=study.pk).update(state=StudyState.PAUSED)
    html = Client().get(f"/join/s1/{country}/", headers={"accept-language": browsers}).content.decode()
    assert f'<html lang="{lang}">' in html
    assert f"<h1>{heading}</h1>" in html


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", Device.MOBILE),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) Version/17.1 Mobile/15E148 Safari", Device.MOBILE),
        ("Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) Version/12.1 Mobile/15E148 Safari/604.1", Device.TABLET),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", Device.TABLET),
        ("Mozilla/5.0 (Android 13; Tablet; rv:120.0) Gecko/120.0 Firefox/120.0", Device.TABLET),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", Device.DESKTOP),
        ("", Device.DESKTOP),
    ],
)
def test_kind_of_device_follows_from_what_the_browser_says(agent: str, expected: Device) -> None:
    assert device_of({"User-Agent": agent}) == expected
    assert device_of({"User-Agent": agent, "Sec-CH-UA-Mobile": "?0"}) == expected


def test_browser_that_says_only_that_it_is_mobile_is_a_phones() -> None:
    assert device_of({"User-Agent": "Mozilla/5.0 (X11) Chrome/120.0", "Sec-CH-UA-Mobile": "?1"}) == Device.MOBILE


def test_device_that_an_arm_leaves_out_is_turned_away_at_the_door_and_never_later() -> None:
    study = make_study(panel=PanelName.PROLIFIC)
    codes = {"incompatible_device": "DEV1", "complete": "C1"}
    study.arms.filter(country="BR").update(exit_codes=codes, panel_settings={"devices": ["tablet", "desktop"]})
    phone, computer = Client(headers={"user-agent": "Android; Mobile"}), Client(headers={"user-agent": "X11"})
    reply = phone.get("/join/s1/BR/", PROLIFIC)
    assert reply.status_code == 403
    assert "Este estudo requer outro aparelho" in reply.content.decode()
    assert "somente com: computador, tablet." in reply.content.decode()
    assert "https://app.prolific.com/submissions/complete?cc=DEV1" in reply.content.decode()
    assert not Participant.objects.exists()
    begun = computer.get("/join/s1/BR/", PROLIFIC).headers["Location"]
    assert phone.get("/join/s1/BR/", PROLIFIC).headers["Location"] == begun
    assert phone.get(begun).status_code == 200
    simulated = {PARAMETER: issue_ticket("one")}
    assert phone.get("/join/s1/BR/", simulated).status_code == 303
    assert phone.get("/join/s1/US/", {**PROLIFIC, "PROLIFIC_PID": "5f0d", "SESSION_ID": "61bc"}).status_code == 303


def test_question_for_the_headers_alone_begins_no_session() -> None:
    make_study()
    assert Client().head("/join/s1/US/").status_code == 200
    assert not SurveySession.objects.exists()


@pytest.mark.parametrize(
    "agent",
    [
        "WhatsApp/2.23.20.0 A",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (Macintosh) AppleWebKit/601.2.4 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ],
)
def test_link_preview_says_what_the_study_is_and_begins_no_session(agent: str) -> None:
    make_study()
    reply = Client(headers={"user-agent": agent}).get("/join/s1/BR/")
    assert reply.status_code == 200
    assert "Somos pesquisadores universitários" in reply.content.decode()
    assert not SurveySession.objects.exists()


@pytest.mark.parametrize("header", [{"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}])
def test_browser_that_fetches_ahead_begins_no_session(header: dict[str, str]) -> None:
    make_study()
    assert Client().get("/join/s1/BR/", headers=header).status_code == 403  # so that it asks anew
    assert not SurveySession.objects.exists()


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; wv) Version/4.0 Chrome/120.0 Mobile Safari/537.36 Instagram 309.0.0.40.113",
        "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 [FBAN/FBIOS;FBAV/442.0.0.39.116;FBDV/iPhone12,1]",
        "Mozilla/5.0 (Linux; Android 13; wv) Version/4.0 Chrome/120.0 Mobile Safari/537.36 WhatsApp/2.23",
    ],
)
def test_people_in_messengers_own_browsers_come_in(agent: str) -> None:
    make_study()
    assert Client(headers={"user-agent": agent}).get("/join/s1/BR/").status_code == 303


@pytest.mark.parametrize(
    "path", ["/join/nowhere/US/", "/join/s1/FR/", "/join/s1/usa/", "/join/s1/%00/", "/s/%00/", "/s/a%2Fb/"]
)
def test_unknown_study_or_country_is_not_found(path: str) -> None:
    make_study()
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("country", ["BR", "IN", "ZA", "GB", "US"])
def test_items_are_drawn_from_the_core_and_per_relation(country: str) -> None:
    study = make_study()
    session = make_session(study, country)
    arm = study.version.structure["arms"][country]
    drawn = list(Assignment.objects.filter(session=session).select_related("item"))
    own = [one for one in drawn if not one.item.is_core]
    assert len(drawn) - len(own) == arm["items"]["core"]
    assert Counter(one.relation for one in own) == Counter({r: arm["items"][r] for r in Relation if arm["items"][r]})
    places = {Relation.SAME: {country}, Relation.CLOSE: set(arm["close"]), Relation.FAR: set(arm["far"])}
    assert all(one.item.scenario_country in places[Relation(one.relation)] for one in own)
    shown = [page["item"] for page in session.plan if page["kind"] == "scenario"]
    assert shown == [one.item.code for one in drawn]


def test_core_item_of_an_unlisted_country_counts_as_far() -> None:
    study = make_study()
    make_session(study, "BR")
    core = Assignment.objects.filter(item__is_core=True).values_list("relation", "item__scenario_country")
    assert all((relation == Relation.SAME) == (country == "BR") for relation, country in core)
    assert {relation for relation, _ in core} <= {Relation.SAME, Relation.FAR}


def test_least_filled_items_come_first_within_the_arm() -> None:
    study = make_study()
    for _ in range(10):
        make_session(study, "US")
    own = Assignment.objects.filter(session__arm__country="US", relation=Relation.SAME, item__is_core=False)
    loads = Counter(own.values_list("item", flat=True))
    assert sum(loads.values()) == 40
    assert set(loads.values()) == {5}  # 8 items of which 4 are drawn, 10 times


def test_idle_sessions_give_their_items_back() -> None:
    study = make_study()
    idle = make_session(study, "US")
    held = set(
        idle.assignments.filter(relation=Relation.SAME, item__is_core=False).values_list("item__code", flat=True)
    )
    arm = get_arm(study, "US")
    assert not held & set(assign_items(arm, seed=1))
    SurveySession.objects.update(last_activity_at=timezone.now() - timedelta(hours=2))
    assert held <= {code for seed in range(30) for code in assign_items(arm, seed=seed)}


def test_draw_is_the_same_for_the_same_seed_and_loads() -> None:
    study = make_study()
    arm = get_arm(study, "ZA")
    assert assign_items(arm, seed=7) == assign_items(arm, seed=7)
    assert assign_items(arm, seed=7) != assign_items(arm, seed=8)


def test_option_orders_are_balanced_over_participants() -> None:
    study = make_study()
    orders = Counter(make_session(study, "GB").option_order for _ in range(60))
    assert min(orders["culture_first"], orders["preference_first"]) >= 15


def test_prolific_exit_carries_the_code_of_the_outcome() -> None:
    arm, nobody = Arm(exit_codes={"complete": "CDONE", "no_consent": "CNO"}), Identity(PanelName.PROLIFIC)
    done = Prolific().exit(arm, Outcome.COMPLETE, nobody).url
    assert done == "https://app.prolific.com/submissions/complete?cc=CDONE"
    assert Prolific().exit(arm, Outcome.NO_CONSENT, nobody).url.endswith("cc=CNO")
    assert Prolific().exit(Arm(), Outcome.COMPLETE, nobody).url == ""


def test_country_removed_since_its_page_was_asked_for_takes_nobody_in() -> None:
    arm = get_arm(make_study(), "GB")
    Arm.objects.filter(pk=arm.pk).delete()
    with pytest.raises(StudyNotOpen):
        enrol(arm, identity=Identity(PanelName.DIRECT))
    assert not SurveySession.objects.exists()
