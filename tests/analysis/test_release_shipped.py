"""A release of the shipped instrument: its real texts in six languages pass every check of a release."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from survey.models import Participant
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db


def test_shipped_instrument_can_be_released(tmp_path: Path) -> None:
    study = make_study("shipped-1")
    for country in ("BR", "IN"):
        Walker(make_session(study, country)).finish()
    Participant.objects.update(is_simulated=True)
    call_command(
        "release", "shipped-1", out=tmp_path / "out", number="1.0.0", authors=["Curie, Marie"], simulated="label",
        url="https://example.org/data", analysis="none", stdout=StringIO(), stderr=StringIO(),
    )  # fmt: skip
    texts = (tmp_path / "out" / "data" / "study-shipped1_description-texts_data.csv").read_text()
    assert all(f",{locale},machine draft," in texts for locale in ("pt-BR", "hi-IN", "en-ZA"))
    pages = (tmp_path / "out" / "materials" / "pages" / "IN_hi-IN.md").read_text()
    assert "हिन्दी (भारत)" in pages  # the page that offers the languages
