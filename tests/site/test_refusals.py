"""What staff are told when a form cannot be taken: what happened, and how to mend it, in the site's own words."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_study
from tests.staff import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff("ada"))
    return client


def test_form_from_before_the_login_is_to_be_sent_once_more(staff: Client) -> None:
    study = make_study("kept")
    reply = staff.post(reverse("survey:setup_state", args=["kept"]), {"action": "pause"})
    study.refresh_from_db()
    assert (reply.status_code, study.state) == (403, "live")
    page = reply.content.decode()
    assert all(told in page for told in ("Send it once more", "Nothing was changed", "reload the page", "ada"))


@pytest.mark.parametrize(
    "sent", [{"text": "a" * 300_000}, {f"field_{n}": "1" for n in range(300)}], ids=["too long", "too many fields"]
)
def test_form_that_is_too_large_is_refused_in_words(staff: Client, sent: dict[str, str]) -> None:
    assert staff.get(reverse("home")).status_code == 200  # the browser has the form's cookie
    reply = staff.post(reverse("team"), sent)
    page = reply.content.decode()
    assert reply.status_code == 400
    assert all(told in page for told in ("This could not be read", "Nothing was changed", "All studies"))


def test_form_sent_after_the_login_has_ended_leads_back_to_its_page() -> None:
    make_study("kept")
    make_staff("ada", password="a long pass phrase")
    page = reverse("survey:setup", args=["kept"])
    visitor = Client()
    reply = visitor.post(
        reverse("survey:setup_state", args=["kept"]),
        {"action": "pause"},
        headers={"referer": f"http://testserver{page}"},
    )
    login = visitor.get(reply["Location"])
    assert "your login had ended" in login.content.decode()
    sent = {"login": "ada", "password": "a long pass phrase", "next": login.context["redirect_field_value"]}
    assert visitor.post(reverse("login"), sent)["Location"].endswith(page)


def test_address_of_a_form_says_that_it_is_no_page(staff: Client) -> None:
    make_study("kept")
    reply = staff.get(reverse("survey:setup_state", args=["kept"]))
    assert (reply.status_code, reply["Allow"]) == (405, "POST")
    assert "takes a form" in reply.content.decode()
