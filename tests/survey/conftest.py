"""A study, a participant in it, its team and its instrument's files, as most tests of the survey begin."""

import shutil
from pathlib import Path

import pytest
from django.test import Client

from survey.enums import Page
from survey.instruments.loader import SHIPPED
from survey.models import Study
from tests.factories import make_session, make_study
from tests.staff import sign_in
from tests.survey.test_flow_pages import Walker


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.fixture
def walker(study: Study) -> Walker:
    """A participant who has consented and reads the first scenario."""
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    return walker


@pytest.fixture
def staff() -> Client:
    return sign_in()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped instrument's files, to be changed."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "pact"))
