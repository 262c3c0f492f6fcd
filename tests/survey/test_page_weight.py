"""What a page costs a phone: at most 25 KB at first view and 5 KB after, gzipped."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from survey.enums import Locale, Page
from survey.models import Study
from tests.factories import make_session
from tests.survey.test_flow_pages import Walker

FIRST_VIEW, LATER_VIEW = 25_000, 5_000
STATIC = ("survey.css", "icon.svg", "paradata.js")
ARMS = {"en-US": "US", "en-GB": "GB", "en-ZA": "ZA", "en-IN": "IN", "pt-BR": "BR", "hi-IN": "IN"}


@pytest.mark.django_db
@pytest.mark.parametrize("locale", Locale.values)
def test_pages_keep_within_the_budget(study: Study, locale: str) -> None:
    walker = Walker(make_session(study, ARMS[locale]), Client())
    static = sum(len(gzip.compress(Path(settings.BASE_DIR, "static", name).read_bytes())) for name in STATIC)
    seen = set()
    while not walker.session.finished_at:
        kind = walker.kind()
        html = walker.client.get(walker.url).content
        seen.add(kind)
        assert len(gzip.compress(html)) <= LATER_VIEW, kind
        assert len(gzip.compress(html)) + static <= FIRST_VIEW, kind
        answers = {"locale": locale} if kind == Page.LANGUAGE else walker.answers(kind)
        walker.post(**answers)
        walker.session.refresh_from_db()
    assert len(gzip.compress(walker.client.get(walker.url).content)) <= LATER_VIEW
    assert seen >= set(Page) - {Page.LANGUAGE, Page.DEMOGRAPHICS}


def test_every_class_of_the_pages_has_a_rule() -> None:
    """A button marked as the second choice looked like the first, for want of a rule."""
    root = Path(settings.BASE_DIR)
    styles = (root / "static" / "survey.css").read_text(encoding="utf-8")
    pages = "".join(path.read_text(encoding="utf-8") for path in (root / "templates" / "survey").rglob("*.html"))
    used = set(re.findall(r'class="([a-z]+)"', pages))
    assert {"button", "quiet", "scenario"} <= used
    assert used - set(re.findall(r"\.([a-z]+)\b", styles)) == set()
