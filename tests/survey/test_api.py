"""The API over studies, items and responses: staff only, nothing personal, a schema that says what is there."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from survey.domain.study_states import unblind_study
from survey.models import Response, Study
from tests.factories import make_session
from tests.staff import make_staff, program_of
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
PATHS = ["/api/studies/", "/api/items/", "/api/responses/", "/api/schema/"]


@pytest.fixture
def staff() -> Client:
    return program_of(make_staff("staff"))


@pytest.mark.parametrize("path", PATHS)
def test_strangers_and_plain_users_are_refused(path: str) -> None:
    user = User.objects.create_user("plain")
    assert Client().get(path).status_code == 401
    assert program_of(user).get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_staff_with_a_token_can_read(study: Study, staff: Client, path: str) -> None:
    assert staff.get(path).status_code == 200


def test_nothing_can_be_written(study: Study, staff: Client) -> None:
    for path in PATHS[:3]:
        assert staff.post(path, {}, content_type="application/json").status_code == 405


def test_study_tells_its_arms_and_content(study: Study, staff: Client) -> None:
    data = staff.get("/api/studies/s1/").json()
    assert data["version"] == "pact v1"
    assert data["content_hash"] == study.version.content_hash
    assert {arm["country"]: arm["locales"] for arm in data["arms"]}["IN"] == ["en-IN", "hi-IN"]


def test_items_carry_their_texts_in_all_locales(study: Study, staff: Client) -> None:
    data = staff.get("/api/items/", {"study": "s1", "scenario_country": "BR"}).json()
    assert [item["code"] for item in data["results"]] == [f"BR{n:02}" for n in range(1, 17)]
    assert set(data["results"][0]["texts"]) == {"en-US", "en-GB", "en-ZA", "en-IN", "pt-BR", "hi-IN"}
    assert data["results"][2]["texts"]["en-US"]["actor"] == "Sérgio"


def test_responses_filter_and_tell_nothing_personal(study: Study, staff: Client) -> None:
    unblind_study(study, by="pi", reason="tests")
    for country in ("GB", "US"):
        Walker(make_session(study, country)).finish()
    data = staff.get("/api/responses/", {"study": "s1", "country": "GB", "question": "norm"}).json()
    assert len(data["results"]) == 18
    assert {row["choice"] for row in data["results"]} == {"preference"}
    token = Response.objects.values_list("session__token", flat=True)[0]
    assert token not in str(data)
    assert not {"served_at", "submitted_at", "token"} & set(data["results"][0])


def test_unknown_filter_value_is_a_clear_error(study: Study, staff: Client) -> None:
    reply = staff.get("/api/responses/", {"question": "both"})
    assert reply.status_code == 400
    assert reply["Content-Type"] == "application/problem+json"
    assert reply.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "question: Select a valid choice. both is not one of the available choices.",
        "errors": {"question": ["Select a valid choice. both is not one of the available choices."]},
    }


@pytest.mark.parametrize("country", ["GB", "US"])
def test_queries_do_not_grow_with_the_rows(
    study: Study, staff: Client, country: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(1 if country == "GB" else 3):
        Walker(make_session(study, country)).finish()
    staff.get("/api/studies/")  # notes the token's use for a minute
    with django_assert_num_queries(8):  # token, roles, answers; 5 write the look into the log
        staff.get("/api/responses/")
