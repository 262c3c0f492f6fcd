"""Who comes too often is asked to wait, in their language and for a told time; nobody else is, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.test import Client

from survey import rates
from survey.broker import client_address
from survey.enums import Page, PanelName
from survey.models import PanelEvent, SurveySession
from survey.rates import Rate, seconds_to_wait
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def behind_proxy(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whose network is told, in the midst of a minute: none ends in between."""
    settings.BEHIND_PROXY = True
    monkeypatch.setattr(rates, "clock", lambda: 1_800_000_010.0)
    rates.counts.cache_clear()
    yield
    rates.counts.cache_clear()


def few(monkeypatch: pytest.MonkeyPatch, where: str, name: str, most: int) -> None:
    """Allow so many of one of the rates; a decorated view holds its own copy."""
    allowed = getattr(rates, name)._replace(most=most)
    monkeypatch.setattr(f"{where}.{name}", allowed)


def test_count_ends_with_its_minute_and_says_how_long_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate("test", 2)
    assert [seconds_to_wait(rate, "a") for _ in range(3)] == [0, 0, 50]
    assert seconds_to_wait(rate, "b") == 0
    assert seconds_to_wait(rate, "") == 0
    monkeypatch.setattr(rates, "clock", lambda: 1_800_000_060.0)
    assert seconds_to_wait(rate, "a") == 0


def test_looking_counts_nothing() -> None:
    rate = Rate("test", 1)
    assert [seconds_to_wait(rate, "a", adding=0) for _ in range(3)] == [0, 0, 0]
    assert [seconds_to_wait(rate, "a"), seconds_to_wait(rate, "a", adding=0)] == [0, 50]


def test_counts_name_nobody_and_go_by_themselves(settings: LazySettings) -> None:
    seconds_to_wait(Rate("test", 1), "198.51.100.0/24")
    client = redis.Redis.from_url(client_address(settings.REDIS_URL))
    name = rates.key(Rate("test", 1), 1_800_000_010 // 60, "198.51.100.0/24")
    assert client.get(name) == b"1"
    assert 0 < int(client.ttl(name)) <= 120
    assert name not in (rates.key(Rate("test", 1), 1_800_000_010 // 60 + 1, "198.51.100.0/24"), "")
    client.close()


def test_nobody_is_counted_while_redis_is_away(settings: LazySettings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [seconds_to_wait(Rate("test", 0), "a") for _ in range(3)] == [0, 0, 0]
    assert len([r for r in caplog.records if r.name == rates.__name__]) == 1  # then it is left alone


@pytest.mark.parametrize(
    ("country", "lang", "heading"),
    [
        ("BR", "pt-BR", "Muitas visitas ao mesmo tempo"),
        ("IN", "hi-IN", "एक साथ बहुत ज़्यादा लोग आए हैं"),
        ("GB", "en-GB", "Very many visits at once"),
    ],
)
def test_network_that_comes_too_often_reads_when_to_come_again(
    settings: LazySettings, country: str, lang: str, heading: str
) -> None:
    study = make_study()
    key = rates.key(rates.ENTRIES, 1_800_000_010 // 60, "203.0.113.0/24")
    rates.counts(settings.REDIS_URL).redis.set(key, rates.ENTRIES.most - 1, ex=60)
    headers = {"X-Client-Network": "203.0.113.0/24", "Accept-Language": lang}
    first, second = (Client().get(f"/join/{study.code}/{country}/", headers=headers) for _ in range(2))
    assert first.status_code == 303
    assert (second.status_code, second.headers["Retry-After"]) == (429, "50")
    text = second.content.decode()
    assert f'<html lang="{lang}">' in text
    assert f"<h1>{heading}</h1>" in text
    assert f'href="/join/{study.code}/{country}/"' in text
    assert SurveySession.objects.count() == 1
    elsewhere = Client().get(f"/join/{study.code}/{country}/", headers={"X-Client-Network": "198.51.100.0/24"})
    assert elsewhere.status_code == 303


def test_entries_are_as_many_as_the_settings_allow() -> None:
    show = "import django; django.setup(); from survey.rates import ENTRIES; print(ENTRIES.most)"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "pact_site.settings", "ENTRIES_A_MINUTE": "2400"}
    done = subprocess.run([sys.executable, "-c", show], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "2400\n"


def test_person_of_a_panel_who_reloads_without_end_waits_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, "survey.views.entry", "VISITS", 2)
    study = make_study(panel=PanelName.PROLIFIC)

    def visit(person: str) -> int:
        query = {"PROLIFIC_PID": person, "STUDY_ID": "60aa", "SESSION_ID": f"61{person}"}
        return Client().get(f"/join/{study.code}/GB/", query).status_code

    assert [visit("5f0c") for _ in range(3)] == [303, 303, 429]
    assert visit("5f0d") == 303


def test_answers_are_never_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not those of a network that may not enter now; sending a page again is one answer as ever."""
    walker = Walker(make_session(make_study()))
    walker.walk_to(Page.SCENARIO)
    monkeypatch.setattr(rates.Counts, "seconds_to_wait", lambda *_: 60)
    replies = [walker.client.post(walker.url, {"stamp": "x"}, headers={"X-Client-Network": "a"}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [303, 303]
    assert walker.client.get(walker.url, headers={"X-Client-Network": "a"}).status_code == 200


def test_forged_events_make_their_sender_wait_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, "survey.views.panel_events", "FORGED_EVENTS", 2)

    def send(network: str) -> Any:
        return Client().post(
            "/panels/prolific/events/", b"{}", content_type="application/json", headers={"X-Client-Network": network}
        )

    assert [send("a").status_code for _ in range(3)] == [401, 401, 429]
    assert send("a").headers["Retry-After"] == "50"
    assert send("b").status_code == 401
    assert not PanelEvent.objects.exists()


@pytest.mark.parametrize("path", ["/login/", "/withdraw/"])
def test_guessing_from_one_network_is_slowed_down(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Whatever the account or the code; looking at the form goes on."""
    monkeypatch.setattr(rates.Counts, "seconds_to_wait", lambda self, rate, who, adding: 50 if who == "a" else 0)
    form = {"login": "ada", "password": "guessed", "receipt": "ABC"}
    reply = Client().post(path, form, headers={"X-Client-Network": "a"})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "50")
    assert Client().get(path, headers={"X-Client-Network": "a"}).status_code == 200
    assert Client().post(path, form, headers={"X-Client-Network": "b"}).status_code in (200, 422)


def test_networks_are_believed_of_the_proxy_only(settings: LazySettings, rf: Any) -> None:
    request = rf.get("/", headers={"X-Client-Network": "203.0.113.0/24"})
    assert rates.network_of(request) == "203.0.113.0/24"
    settings.BEHIND_PROXY = False
    assert rates.network_of(request) == ""
