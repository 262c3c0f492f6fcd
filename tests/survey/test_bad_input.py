"""Whatever is sent to a participant's address: a clear page, and no answer lost or changed."""

import re
from itertools import product
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survey.enums import Page, PanelName
from survey.models import Arm, Response, Study, SurveySession
from survey.views.faults import MOST_BYTES
from tests.factories import get_arm, make_session
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
ANSWERS = {"personal": "culture", "norm": "preference"}


@pytest.fixture
def walker(walker: Walker) -> Walker:
    """A participant at the second scenario, the first one answered."""
    walker.post(**ANSWERS)
    walker.client.raise_request_exception = False
    return walker


@pytest.fixture
def used_stamp(walker: Walker) -> str:
    stamp = walker.stamp()
    walker.post(stamp, **ANSWERS)
    return stamp


def state(session: SurveySession) -> tuple[Any, ...]:
    session.refresh_from_db()
    answers = Response.objects.filter(session=session).order_by("pk").values_list("item", "question", "choice")
    return session.status, session.position, session.locale, list(answers)


REFUSED = [
    (FORM, b"stamp=x&personal=" + b"a" * MOST_BYTES, 413),
    (MULTIPART, b"--x\r\n" + b"a" * MOST_BYTES, 413),
    (FORM, b"&".join(b"f%d=1" % n for n in range(300)), 400),
    ("multipart/form-data", b"no boundary", 400),
    (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n' * 150, 400),
]
WITHOUT_STAMP = [
    (MULTIPART, b"no multipart at all"),
    (f"{MULTIPART}; charset=zlib", b"--x--\r\n"),
    (f"{FORM}; charset=utf-16", b"stamp=x"),
    (f"{FORM}; charset=zlib", b"stamp=x"),
    (f"{FORM}; charset=nonsense", b"stamp=%ff%fe&personal=\xff"),
    (FORM, b"stamp=%00&personal=%00"),
    (FORM, b"%ff=%ff&stamp=%ed%a0%80"),
    ("application/json", b'{"personal": "culture"}'),
    ("text/plain", b"\x00\xff"),
    ("", b"stamp=x"),
]


def test_parts_of_a_form_that_is_refused_are_not_read(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in one would be kept on the disk, however large, for the sake of the language of the refusal."""
    read: list[object] = []
    monkeypatch.setattr("django.http.request.MultiPartParser", lambda *given: read.append(given))
    large = b"--x\r\n" + b"a" * MOST_BYTES
    assert walker.client.post(walker.url, large, content_type=MULTIPART).status_code == 413
    assert walker.client.post("/s/nobodys/", large, content_type=MULTIPART).status_code in {404, 413}
    assert walker.client.post("/join/nobodys/US/", large, content_type=MULTIPART).status_code in {404, 405, 413}
    assert read == []


def test_unreadable_form_gets_a_clear_page_and_changes_nothing(walker: Walker) -> None:
    before = state(walker.session)
    for content_type, body, status in REFUSED:
        reply = walker.client.generic(
            "POST", walker.url, body, content_type=content_type, headers={"accept-language": "pt-BR"}
        )
        html = reply.content.decode()
        assert reply.status_code == status, body[:60]
        assert '<html lang="pt-BR">' in html
        assert "Não conseguimos ler o que seu navegador enviou" in html
        assert f'<a class="button" href="{walker.url}">' in html
        assert "mailto:" in html
    assert state(walker.session) == before
    assert walker.post(**ANSWERS).status_code == 303  # the page is answered as ever


def test_form_without_a_stamp_leads_back_and_changes_nothing(walker: Walker) -> None:
    before = state(walker.session)
    for content_type, body in WITHOUT_STAMP:
        reply = walker.client.generic("POST", walker.url, body, content_type=content_type)
        assert (reply.status_code, reply.headers.get("Location")) == (303, walker.url), body
    assert state(walker.session) == before


def test_refused_form_is_logged_without_its_content(walker: Walker, caplog: pytest.LogCaptureFixture) -> None:
    walker.client.post(walker.url, b"secret=" + b"a" * MOST_BYTES, content_type=FORM)
    messages = [record.getMessage() for record in caplog.records if record.name == "survey.views.faults"]
    assert messages == ["a form was refused: RequestDataTooBig: more bytes than a page sends"]


def test_unknown_method_gets_a_clear_page(walker: Walker) -> None:
    before = state(walker.session)
    for method, path in product(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"], ["", "stop/"]):
        reply = walker.client.generic(method, f"{walker.url}{path}", b"x", headers={"accept-language": "hi"})
        assert (reply.status_code, reply.headers["Allow"]) == (405, "GET, HEAD, POST")
        assert '<html lang="hi-IN">' in reply.content.decode()
    assert state(walker.session) == before


def test_address_that_leads_nowhere_says_so_in_the_readers_language(study: Study) -> None:
    for path, lang in [
        ("/join/nowhere/BR/", "pt-BR"),
        ("/join/s1/FR/", "en-GB"),
        ("/join/s1/%ff/", "en-GB"),
        ("/s/%00/", "en-GB"),
        ("/s/%ff%fe/", "en-GB"),
        ("/s/../../etc/passwd", "en-GB"),
        ("/withdraw/x", "en-GB"),
    ]:
        reply = Client().get(path, headers={"accept-language": "en-GB"})
        html = reply.content.decode()
        assert reply.status_code == 404, path
        assert f'<html lang="{lang}">' in html, path
        assert "mailto:" in html, path


def test_address_outside_the_survey_is_answered_in_all_languages() -> None:
    html = Client().get("/jion/s1/BR/").content.decode()
    assert all(heading in html for heading in ("Page not found", "Página não encontrada", "पेज नहीं मिला"))


def test_damaged_query_lets_nobody_down(walker: Walker) -> None:
    for query in ["a=%ff", "%00=%00", "a" * 6000]:
        assert walker.client.get(f"{walker.url}?{query}").status_code == 200
        assert walker.client.get(f"/join/s1/BR/?{query}").status_code == 303
        reply = walker.client.post(f"{walker.url}?{query}", {"stamp": walker.stamp(), **ANSWERS})
        assert reply.status_code == 303
    assert Response.objects.filter(session=walker.session).count() == 8
    many = "&".join(f"a{n}" for n in range(300))
    assert "mailto:" in walker.client.get(f"{walker.url}?{many}").content.decode()


def test_stamp_of_a_page_further_on_is_never_valid(walker: Walker) -> None:
    """A participant cannot skip a page: the position stands under the signature."""
    position, rest = walker.stamp().split(".", 1)
    before = state(walker.session)
    assert walker.post(f"{int(position) + 1}.{rest}", **ANSWERS).status_code == 303
    assert state(walker.session) == before


WORDS = st.one_of(st.text(max_size=20), st.sampled_from(["culture", "preference", "declined", "yes", ""]))
CONTENT_TYPES = st.one_of(
    st.sampled_from([FORM, MULTIPART, f"{FORM}; charset=utf-7", "multipart/form-data; charset=hex; boundary=x"]),
    st.from_regex(r"[a-z]{1,10}/[a-z.+-]{1,10}(; ?charset=[a-z0-9_-]{1,12})?", fullmatch=True),
)
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@FUZZ
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
    path=st.sampled_from(["", "stop/", "trouble/", "events/", "x/", "%00"]),
    query=st.binary(max_size=40),
    content_type=CONTENT_TYPES,
    body=st.binary(max_size=400),
)
def test_any_request_without_a_valid_stamp_changes_nothing(
    walker: Walker, method: str, path: str, query: bytes, content_type: str, body: bytes
) -> None:
    if path == "stop/" and method == "POST":
        return  # that is the wish to stop
    before = state(walker.session)
    address = f"{walker.url}{path}"
    reply = walker.client.generic(
        method, address, body, content_type=content_type, query_string=query.decode("latin-1")
    )
    assert reply.status_code < 500
    assert state(walker.session) == before


PARAMETERS = st.sampled_from(
    ["PROLIFIC_PID", "STUDY_ID", "SESSION_ID", "participantId", "assignmentId", "projectId", "RID", "pid", "simulated"]
)
VALUES = st.one_of(st.text(max_size=80), st.from_regex(r"[0-9a-f]{24}", fullmatch=True), st.just("\x00"))


@FUZZ
@given(
    panel=st.sampled_from(PanelName),
    parameters=st.dictionaries(st.one_of(PARAMETERS, st.text(max_size=10)), VALUES, max_size=5),
)
def test_any_entry_link_begins_a_session_or_says_what_is_wrong(
    study: Study, panel: PanelName, parameters: dict[str, str]
) -> None:
    arm = get_arm(study)
    Arm.objects.filter(pk=arm.pk).update(panel=panel)
    before = SurveySession.objects.count()
    reply = Client().get("/join/s1/BR/", parameters)
    assert reply.status_code in {303, 400}
    if reply.status_code == 400:
        assert '<html lang="pt-BR">' in reply.content.decode()
        assert SurveySession.objects.count() == before
    else:
        assert Client().get(reply.headers["Location"]).status_code == 200


@FUZZ
@given(receipt=st.text(max_size=40))
def test_any_receipt_takes_out_only_its_own_answers(walker: Walker, receipt: str) -> None:
    before = state(walker.session)
    reply = Client().post("/withdraw/", {"receipt": receipt})
    assert reply.status_code == 422
    assert state(walker.session) == before


@FUZZ
@given(
    stamp=st.sampled_from(["valid", "used", "of another", "tampered", "cut", "none"]),
    answers=st.fixed_dictionaries({}, optional={"personal": WORDS, "norm": WORDS}),
    more=st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=5),
)
def test_answers_are_stored_only_with_the_stamp_and_as_offered(
    study: Study, walker: Walker, used_stamp: str, stamp: str, answers: dict[str, str], more: dict[str, str]
) -> None:
    walker.walk_to(Page.SCENARIO)
    valid = walker.stamp()
    other = Walker(make_session(study)).stamp() if stamp == "of another" else ""
    stamps = {
        "valid": valid,
        "used": used_stamp,
        "of another": other,
        "tampered": re.sub(r":(.)", lambda found: ":" + ("b" if found[1] == "a" else "a"), valid),
        "cut": valid[:-1],
        "none": "",
    }
    *before, stored = state(walker.session)
    reply = walker.client.post(walker.url, {**more, "stamp": stamps[stamp], **answers})
    *after, now_stored = state(walker.session)
    is_good = (
        stamp == "valid"
        and set(answers) == {"personal", "norm"}
        and set(answers.values())
        <= {
            "culture",
            "preference",
        }
    )
    assert reply.status_code < 500
    assert now_stored[: len(stored)] == stored
    assert len(now_stored) == len(stored) + 2 * is_good
    assert (after != before) == is_good
