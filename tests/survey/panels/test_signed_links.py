"""Prolific's signed entry links."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from survey.enums import (
    Signature,
)
from survey.models import PanelSubmission, SurveySession
from survey.panels.prolific.jwks import cache
from tests.survey.panels.conftest import Field


def join(params: dict[str, str], token: str = "") -> int:
    query = {**params, "prolific_token": token} if token else params
    return Client().get(f"/join/s1/GB/?{urlencode(query)}").status_code


@pytest.fixture
def link(field: Field) -> dict[str, str]:
    field.set(signed_entry={"mode": "required"})
    return field.panel.take_place(field.panel_study, "p1")


def test_signed_link_lets_in_and_is_recorded(field: Field, link: dict[str, str]) -> None:
    assert join(link, field.panel.sign(link)) == 303
    assert PanelSubmission.objects.get().signature == Signature.VALID
    as_query = field.panel.sign(link, claim="https://study.example.org/join/s1/GB/?" + urlencode(link))
    assert join(link, as_query) == 303


def test_unsigned_forged_stale_or_foreign_links_are_refused(field: Field, link: dict[str, str]) -> None:
    forger = type(field.panel)()
    forger.server.server_close()
    other = {**link, "PROLIFIC_PID": "p2"}
    tokens = {
        "none": "",
        "not a token": "abc",
        "another key under the same name": forger.sign(link),
        "of another person": field.panel.sign(other),
        "run out": field.panel.sign(link, exp=1_700_000_000),
        "for another site": field.panel.sign(link, aud="evil.example"),
        "for anybody": field.panel.sign(link, aud=None),
        "for ever": field.panel.sign(link, exp=None),
        "of nobody": field.panel.sign(link, claim={}, prolific=None),
    }
    assert {name: join(link, token) for name, token in tokens.items()} == dict.fromkeys(tokens, 400)
    unsigned = field.panel.sign(link).rsplit(".", 1)[0] + "."
    assert join(link, unsigned) == 400
    assert not SurveySession.objects.exists()


def test_optional_signature_is_recorded_for_what_it_is(field: Field, link: dict[str, str]) -> None:
    field.set(signed_entry={"mode": "optional"})
    links = [field.panel.take_place(field.panel_study, f"o{n}") for n in range(4)]
    wanted = [Signature.VALID, Signature.MISMATCH, Signature.INVALID, Signature.ABSENT]
    tokens = [field.panel.sign(links[0]), field.panel.sign(link), "abc", ""]
    assert [join(one, token) for one, token in zip(links, tokens, strict=True)] == [303] * 4
    assert list(PanelSubmission.objects.order_by("pk").values_list("signature", flat=True)) == wanted


def test_keys_are_asked_for_rarely_and_outlive_their_server(field: Field, link: dict[str, str]) -> None:
    asked = "GET /.well-known/study/jwks.json"
    token = field.panel.sign(link)
    assert [join(link, token) for _ in range(3)] == [303] * 3
    assert field.panel.requests.count(asked) == 1
    field.panel.keys["k2"] = field.panel.keys["k1"]
    renamed = field.panel.sign(link, kid="k2")
    assert [join(link, renamed) for _ in range(3)] == [400] * 3  # asked a moment ago: not again so soon
    assert field.panel.requests.count(asked) == 1
    cache.delete("prolific-jwks-asked")
    assert join(link, renamed) == 303
    assert field.panel.requests.count(asked) == 2
    cache.delete_many(["prolific-jwks-asked", "prolific-jwks-fresh"])
    field.panel.fail("jwks", "status", 503)
    assert join(link, token) == 303


def test_study_off_signatures_takes_none(field: Field) -> None:
    link = field.panel.take_place(field.panel_study, "p9")
    assert join(link, "abc") == 303
    assert PanelSubmission.objects.get().signature == Signature.ABSENT
