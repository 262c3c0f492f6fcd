"""Whatever a page offers to somebody, they may open: no link leads to a refusal."""

import re
from collections import Counter
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from analysis.alarms.domain import add_receiver, check_study, set_rule
from analysis.alarms.kinds import Kind
from analysis.alarms.models import Receiver
from pact_site.roles import FOR_ANYBODY, Role
from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.models import Study
from tests.factories import make_session, make_study
from tests.staff import make_staff, note_login
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
MOST_OF_A_KIND = 2  # pages of one address's name that are opened


@pytest.fixture
def study() -> Study:
    study = make_study("ways")
    Walker(make_session(study, "BR")).finish()
    make_session(study, "IN")
    make_study("draft", live=False)
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    create_alignment_run(study, specs=[spec], limit=1)
    set_rule(study, Kind.QUOTA_NEARLY_FULL, limit=0.1, is_on=True)
    add_receiver(study, Receiver.Channel.EMAIL, "a@example.org", kinds=[], tells_closing=True, by="ada")
    assert check_study(study)
    return study


def links_of(page: str) -> set[str]:
    """Give the addresses that a page leads to, without files and what participants meet."""
    found = set()
    for href in re.findall(r'<a [^>]*?href="([^"#]+)', page):
        parts = urlsplit(unescape(href))
        try:
            name = resolve(parts.path).view_name if parts.path and not parts.netloc else ""
        except Resolver404:
            name = ""
        if name and name not in FOR_ANYBODY and not name.startswith("admin:"):
            found.add(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return found


def refused_ways(client: Client, start: str) -> list[tuple[str, str]]:
    """Walk from page to page; give where a link led to a refusal, and from which page."""
    refused: list[tuple[str, str]] = []
    opened: set[str] = set()
    waiting, counts = [(start, "")], Counter[str]()
    while waiting:
        path, seen_on = waiting.pop(0)
        name = resolve(urlsplit(path).path).view_name
        if path in opened or counts[name] >= MOST_OF_A_KIND:
            continue
        opened.add(path)
        counts[name] += 1
        reply = client.get(path)
        if reply.status_code == 403:
            refused.append((path, seen_on))
        elif reply.status_code == 200 and not reply.streaming and "html" in reply["Content-Type"]:
            waiting += [(link, path) for link in sorted(links_of(reply.content.decode()))]
    assert len(opened) > 3
    return refused


@pytest.mark.parametrize("role", list(Role))
def test_no_link_leads_to_a_refusal(study: Study, role: Role) -> None:
    user: User = make_staff("somebody", role)
    client = Client()
    client.force_login(user)
    note_login(client, user)
    assert refused_ways(client, reverse("home")) == []
