"""Statements that are written once read and store what the ORM does."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from survey.models import Arm, Assignment, Participant, StatusChange, Study, SurveySession
from survey.statements import Read, insert, insert_all, rows, run
from tests.factories import get_arm, make_session, make_study

pytestmark = pytest.mark.django_db


def values(made: Any) -> dict[str, Any]:
    return {field.attname: getattr(made, field.attname) for field in made._meta.concrete_fields}


def test_read_gives_what_the_orm_gives_with_what_keys_lead_to() -> None:
    session = make_session(make_study(), "IN")
    read = Read(SurveySession, "arm", "study", where="survey_surveysession.token = %s")
    found = read.first(session.token)
    assert found is not None
    known = SurveySession.objects.select_related("arm__study").get(pk=session.pk)
    with CaptureQueriesContext(connection) as asked:
        assert found == known
        assert [values(each) for each in (found, found.arm, found.arm.study)] == [
            values(each) for each in (known, known.arm, known.arm.study)
        ]
    assert not asked.captured_queries
    assert read.first("nobody") is None


def test_read_row_can_be_saved_like_any_other() -> None:
    arm = get_arm(make_study(), "GB")
    found = Read(Arm, where="id = %s").first(arm.pk)
    assert found is not None
    found.locales = ["en-US"]
    found.save()
    arm.refresh_from_db()
    assert arm.locales == ["en-US"]
    assert Arm.objects.count() == 5


def test_insert_stores_what_create_stores() -> None:
    first = make_session(make_study(), "BR")
    fields = model_to_dict(first, exclude=["id", "participant", "arm", "version", "token", "receipt"])
    participant = insert(Participant, study=first.arm.study, is_simulated=True)
    own = {"participant": participant, "token": "t", "receipt": "r"}
    second = insert(SurveySession, arm=first.arm, version_id=first.version_id, **own, **fields)
    assert (second._state.adding, second._state.db) == (False, "default")
    stored = SurveySession.objects.get(pk=second.pk)
    assert values(stored) == values(second)
    same = set(values(first)) - {"id", "participant_id", "token", "receipt"}
    assert {name: values(stored)[name] for name in same} == {name: values(first)[name] for name in same}
    assert stored.participant.is_simulated
    assert stored.participant.created_at == participant.created_at


def test_rows_are_stored_in_one_statement_and_know_their_keys() -> None:
    session = make_session(make_study(), "BR")
    made = [StatusChange(session=session, old="", new=f"n{number}", reason="test") for number in range(3)]
    with CaptureQueriesContext(connection) as asked:
        insert_all(made)
        insert_all([])
    assert len(asked.captured_queries) == 1
    assert [StatusChange.objects.get(pk=each.pk).new for each in made] == ["n0", "n1", "n2"]


def test_what_the_database_refuses_is_an_error_of_django() -> None:
    held = Assignment.objects.filter(session=make_session(make_study(), "BR"))[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Assignment, session=held.session, item=held.item, relation=held.relation, number=1)


def test_run_says_how_many_rows_it_changed() -> None:
    study = make_study()
    assert run("UPDATE survey_arm SET locales = locales WHERE study_id = %s", (study.pk,)) == 5
    assert rows("SELECT count(*) FROM survey_arm WHERE study_id = %(study)s", {"study": study.pk}) == [(5,)]
    assert Study.objects.count() == 1
