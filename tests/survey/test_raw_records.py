"""Raw records: lists of the administration that may have a hundred rows a page."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from survey.enums import AgeBand, Gender
from survey.models import Consent, Demographics, Study
from tests.factories import make_session, make_study


def add_sessions(study: Study, n: int) -> None:
    for _ in range(n):
        session = make_session(study)
        Consent.objects.create(session=session, consent_version="1", locale="pt-BR", text_hash="0" * 64, is_given=True)
        Demographics.objects.create(session=session, age_band=AgeBand.A25_34, gender=Gender.WOMAN, country="BR")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["consent", "demographics", "participant", "surveysession"])
def test_queries_of_a_list_do_not_grow_with_its_rows(name: str, admin_client: Client) -> None:
    study, address = make_study(), reverse(f"admin:survey_{name}_changelist")
    counts = []
    for n_more in (2, 6):
        add_sessions(study, n_more)
        with CaptureQueriesContext(connection) as made:
            page = admin_client.get(address).content.decode()
        counts.append((len(made), page.count('name="_selected_action"') or page.count("<tr>")))
    (few, n_few), (many, n_many) = counts
    assert many == few
    assert n_many > n_few
