"""Identifiers of panels: unreadable in the database, found all the same, and carried over to a new key."""

from __future__ import annotations

from importlib import import_module
from io import StringIO
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.panels import receive_event
from survey.domain.sealing import sealed_columns
from survey.enums import PanelName
from survey.models import PanelIdentity, PanelSubmission, Participant
from survey.models.sealed import WrongKeyError, seal, unseal
from tests.factories import make_session, make_study

PERSON, SUBMISSION = "5f0c61d2e9b3a4c8d7e6f501", "60aa11bb22cc33dd44ee55ff"
LINK = {"PROLIFIC_PID": PERSON, "STUDY_ID": "study-of-the-panel", "SESSION_ID": SUBMISSION}
OLD, NEW = "an old key of the tests " * 2, "a new key of the tests " * 2


@pytest.fixture(autouse=True)
def old_key(settings: LazySettings) -> None:
    settings.IDENTIFIER_KEYS = [OLD]


def come_in() -> None:
    assert Client().get("/join/s1/GB/", LINK).status_code == 303


def rows_that_say(text: str) -> dict[str, int]:
    """Search every column of every table."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text LIKE %s", [f"%{text}%"])
            if n := cursor.fetchone()[0]:
                found[table] = n
    return found


@given(st.text(min_size=1, max_size=64))
def test_what_is_sealed_opens_again_and_is_the_same_each_time(text: str) -> None:
    assert unseal(seal(text, OLD)) == text
    assert seal(text, OLD) == seal(text, OLD) != seal(text, NEW)


@pytest.mark.django_db
def test_no_identifier_stands_readable_anywhere_in_the_database() -> None:
    make_study(panel=PanelName.PROLIFIC)
    come_in()
    identity = PanelIdentity.objects.get()
    receive_event(
        PanelName.PROLIFIC, event_id="e1", kind="submission.status.change", subject=SUBMISSION, person=PERSON,
        status="RETURNED", happened_at=identity.participant.created_at,
    )  # fmt: skip
    assert (identity.panel_person, identity.panel_submission) == (PERSON, SUBMISSION)
    assert PanelSubmission.objects.get().person == PERSON
    assert (rows_that_say(PERSON), rows_that_say(SUBMISSION)) == ({}, {})
    assert rows_that_say("study-of-the-panel") != {}  # the search finds what is there to read


@pytest.mark.django_db
def test_identifier_is_found_by_equality_and_by_nothing_else() -> None:
    study = make_study()
    known = make_session(study, person=PERSON).participant
    make_session(study, person="somebody else")
    assert PanelIdentity.objects.get(panel_person=PERSON).participant == known
    assert PanelIdentity.objects.get(panel_person__in=["nobody", PERSON]).participant == known
    assert set(PanelIdentity.objects.filter(panel_submission="")) == set(PanelIdentity.objects.all())
    assert set(PanelIdentity.objects.values_list("panel_person", flat=True)) == {PERSON, "somebody else"}
    for question in ("startswith", "contains", "icontains", "iexact", "gt", "regex"):
        with pytest.raises(FieldError, match="nsupported lookup"):
            PanelIdentity.objects.filter(**{f"panel_person__{question}": "5f"}).exists()


@pytest.mark.django_db
def test_database_still_refuses_the_same_person_twice() -> None:
    study = make_study()
    make_session(study, person=PERSON)
    other = Participant.objects.create(study=study)
    with pytest.raises(IntegrityError), transaction.atomic():
        PanelIdentity.objects.create(participant=other, study=study, panel=PanelName.PROLIFIC, panel_person=PERSON)


@pytest.mark.django_db
def test_person_who_came_under_the_old_key_is_known_under_the_new_one(settings: LazySettings) -> None:
    make_study(panel=PanelName.PROLIFIC)
    come_in()
    settings.IDENTIFIER_KEYS = [NEW, OLD]
    come_in()
    assert Participant.objects.count() == PanelSubmission.objects.count() == 1


@pytest.mark.django_db
def test_new_key_takes_over(settings: LazySettings) -> None:
    make_study(panel=PanelName.PROLIFIC)
    come_in()
    settings.IDENTIFIER_KEYS = [NEW, OLD]
    told = StringIO()
    call_command("reseal", "--dry-run", stdout=told)
    assert "4 rows would be sealed anew" in told.getvalue()
    call_command("reseal", stdout=told)
    assert "survey_panelidentity.panel_person: 1" in told.getvalue()

    settings.IDENTIFIER_KEYS = [NEW]
    assert PanelIdentity.objects.get().panel_person == PERSON
    come_in()
    assert Participant.objects.count() == 1
    again = StringIO()
    call_command("reseal", stdout=again)
    assert "0 rows sealed anew" in again.getvalue()


@pytest.mark.django_db
def test_missing_key_is_named_and_nothing_is_lost(settings: LazySettings) -> None:
    make_study(panel=PanelName.PROLIFIC)
    come_in()
    settings.IDENTIFIER_KEYS = [NEW]
    name = seal(PERSON, OLD).split(":")[1]
    with pytest.raises(WrongKeyError, match=f"no key {name}"):
        PanelIdentity.objects.get()
    with pytest.raises(CommandError, match=f"no key {name}"):
        call_command("reseal", stdout=StringIO())
    with pytest.raises(CommandError, match=f"no key {name}"):
        call_command("reseal", "--dry-run", stdout=StringIO())
    settings.IDENTIFIER_KEYS = [OLD]
    assert PanelIdentity.objects.get().panel_person == PERSON


def test_changed_bytes_do_not_open() -> None:
    sealed = seal(PERSON)
    changed = sealed[:-6] + ("AAAA" if sealed[-6:-2] != "AAAA" else "BBBB") + sealed[-2:]
    with pytest.raises(WrongKeyError, match="was changed"):
        unseal(changed)


@pytest.mark.django_db
def test_migration_seals_what_stood_readable_and_opens_it_again() -> None:
    study = make_study()
    make_session(study, person=PERSON)
    module = import_module("survey.migrations.0012_sealed_identifiers")
    listed = {(table, column) for table, columns in module.COLUMNS.items() for column in columns}
    assert listed == {(model._meta.db_table, field.column) for model, field in sealed_columns()}
    editor = SimpleNamespace(connection=connection)
    module.unseal_all(None, editor)
    assert rows_that_say(PERSON) == {"survey_panelidentity": 1, "survey_panelsubmission": 1}
    for _ in range(2):
        module.seal_all(None, editor)
        assert rows_that_say(PERSON) == {}
    assert PanelIdentity.objects.get(panel_person=PERSON).panel_person == PERSON
