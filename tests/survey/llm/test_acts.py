"""What staff decide about runs that are there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from survey.llm import domain
from survey.llm.models import ModelSpec
from survey.models import Study
from tests.survey.llm.test_work import reload

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


def test_priority_is_changed_on_the_page(study: Study, make_spec: MakeSpec, admin_client: Client) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec("one")])
    address = reverse("llm:run_priority", args=[run.pk])
    assert "Nothing changed" in admin_client.post(address, {"priority": "101"}, follow=True).content.decode()
    page = admin_client.post(address, {"priority": "7"}, follow=True).content.decode()
    assert (reload(run).priority, 'value="7"' in page) == (7, True)
