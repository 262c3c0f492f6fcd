"""Alarms as rows: opened once, kept up, closed by themselves; acknowledged; limits of a study's own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analysis.alarms import domain, looking
from analysis.alarms.kinds import DEFINITIONS, Kind
from analysis.alarms.models import Alarm, Heartbeat
from survey.enums import PanelName, Status, StudyState, SubmissionStatus
from survey.llm.enums import RunState
from survey.models import PanelSubmission, Study, SurveySession, Text
from tests.analysis.conftest import Made, make_run, make_session, make_spec, make_study

LOOK_QUERIES = 23


def kinds_open(study: Study) -> set[str]:
    return set(Alarm.objects.filter(study=study, closed_at=None).values_list("kind", flat=True))


def be_fresh(study: Study) -> None:
    """Have the study opened a moment ago, so that nothing is missed yet."""
    Study.objects.filter(pk=study.pk).update(launched_at=timezone.now())
    study.refresh_from_db()


def test_nothing_rings_of_a_study_that_just_opened(made: Made) -> None:
    be_fresh(made.study)
    assert domain.check_study(made.study) == []


def test_silence_opens_one_alarm_and_closes_it_by_itself(made: Made) -> None:
    (alarm,) = domain.check_study(made.study)
    assert (alarm.kind, alarm.subject) == (Kind.NO_ANSWERS, "")
    assert domain.check_study(made.study) == []  # still open: no second one
    be_fresh(made.study)
    domain.check_study(made.study)
    alarm.refresh_from_db()
    assert alarm.closed_at is not None
    Study.objects.filter(pk=made.study.pk).update(launched_at=timezone.now() - timedelta(days=1))
    made.study.refresh_from_db()
    assert [one.kind for one in domain.check_study(made.study)] == [Kind.NO_ANSWERS]
    assert Alarm.objects.count() == 2


def test_paused_study_misses_no_answers(made: Made) -> None:
    domain.check_study(made.study)
    made.study.state = StudyState.PAUSED
    made.study.save()
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()


def test_answer_of_late_keeps_silence_away(made: Made) -> None:
    session = make_session(made, status=Status.ACTIVE)
    session.responses.update(served_at=timezone.now(), submitted_at=timezone.now())
    assert domain.check_study(made.study) == []


def test_measured_causes_close_only_when_they_stay_gone(made: Made) -> None:
    be_fresh(made.study)
    now = timezone.now()
    old = Alarm.objects.create(
        study=made.study, kind=Kind.DROP_OUT, subject="locale:pt-BR", text="t", opened_at=now, seen_at=now
    )
    domain.check_study(made.study)
    old.refresh_from_db()
    assert old.is_open
    Alarm.objects.filter(pk=old.pk).update(seen_at=now - DEFINITIONS[Kind.DROP_OUT].calm)
    domain.check_study(made.study)
    old.refresh_from_db()
    assert not old.is_open


def drop_out(made: Made, country: str, n: int, n_stopped: int) -> None:
    for number in range(n):
        status = Status.ACTIVE if number < n_stopped else Status.COMPLETE
        make_session(made, country, status=status, answers={})


def test_locale_that_loses_people_rings_with_its_numbers(made: Made) -> None:
    be_fresh(made.study)
    drop_out(made, "BR", 24, 12)
    drop_out(made, "US", 24, 2)
    opened = [alarm for alarm in domain.check_study(made.study) if alarm.kind == Kind.DROP_OUT]
    assert [alarm.subject for alarm in opened] == ["country:BR"]  # its only locale would say the same again
    assert opened[0].text == "Brazil: 12 of 24 (50%) did not finish, of all others 2 of 24 (8%)."


def test_pay_budget_and_reconciliation_ring_of_the_panel_side(made: Made) -> None:
    be_fresh(made.study)
    arm = made.arms["BR"]
    arm.panel, arm.panel_settings = PanelName.PROLIFIC, {"reward": 100, "currency": "GBP", "budget": 1200}
    arm.save()
    for number in range(10):
        PanelSubmission.objects.create(
            study=made.study, arm=arm, panel=PanelName.PROLIFIC, submission=f"s{number}", person=f"p{number}",
            status=SubmissionStatus.APPROVED, time_taken_s=1200,
        )  # fmt: skip
    assert {alarm.kind for alarm in domain.check_study(made.study)} == {
        Kind.PAY_LOW, Kind.BUDGET_NEARLY_SPENT, Kind.RECONCILIATION,
    }  # fmt: skip
    found = {alarm.kind: alarm.text for alarm in Alarm.objects.all()}
    assert found[Kind.PAY_LOW] == "Brazil: GBP 3.00 by the hour, of 10 people; the floor is GBP 6."
    assert found[Kind.BUDGET_NEARLY_SPENT] == "Brazil: GBP 10.00 of 12.00 (83%)."
    assert found[Kind.RECONCILIATION] == "10 in all: 10 × paid, but no complete answers."


def test_quick_look_leaves_what_it_did_not_look_at(made: Made) -> None:
    be_fresh(made.study)
    now = timezone.now()
    Alarm.objects.create(study=made.study, kind=Kind.RECONCILIATION, text="t", opened_at=now, seen_at=now)
    domain.check_study(made.study, is_thorough=False)
    assert kinds_open(made.study) == {Kind.RECONCILIATION}
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()


def test_full_quotas_and_stale_texts_ring(made: Made) -> None:
    be_fresh(made.study)
    made.arms["US"].quota_cells.update(is_open=False)
    with connection.cursor() as cursor:  # as it is when a study was launched over stale texts: none changes later
        cursor.execute("SET LOCAL session_replication_role = replica")
        Text.objects.filter(locale="pt-BR", key="items.BR00.scenario").update(staleness="source")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert {(alarm.kind, alarm.subject) for alarm in domain.check_study(made.study)} == {
        (Kind.QUOTA_FULL, "US"),
        (Kind.TEXTS_STALE, "pt-BR"),
    }


def test_runs_ring_when_stopped_and_when_nobody_asks(made: Made) -> None:
    be_fresh(made.study)
    stopped = make_run(made, make_spec(), state=RunState.PAUSED)
    stopped.error = "the budget leaves no room for the next call"
    stopped.save()
    still = make_run(made, make_spec("b"), state=RunState.RUNNING)
    type(still).objects.filter(pk=still.pk).update(created_at=timezone.now() - timedelta(minutes=20))
    make_run(made, make_spec("c"), state=RunState.PAUSED)  # paused by hand: no reason stands there
    assert {(alarm.kind, alarm.subject) for alarm in domain.check_study(made.study)} == {
        (Kind.RUN_STOPPED, f"run:{stopped.pk}"),
        (Kind.RUN_STALLED, f"run:{still.pk}"),
    }


def test_silent_workers_are_noticed_by_whoever_is_left(made: Made) -> None:
    be_fresh(made.study)
    assert domain.check_silence(made.study) == []  # never heard of: time counts from now on
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=6))
    (alarm,) = domain.check_silence(made.study)
    assert (alarm.kind, alarm.subject) == (Kind.WORKER_SILENT, "celery")
    domain.give_sign_of_life("celery")
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()


def test_missing_backup_rings_where_backups_are_made(made: Made, settings: LazySettings, tmp_path: Path) -> None:
    be_fresh(made.study)
    settings.BACKUP_DIR = tmp_path
    domain.check_study(made.study)  # never heard of: time counts from now on
    assert kinds_open(made.study) == set()
    domain.give_sign_of_life("backup", at=timezone.now() - timedelta(hours=49))
    (alarm,) = domain.check_study(made.study)
    assert (alarm.kind, alarm.text) == (Kind.BACKUP_OLD, "No backup for 49 hours.")
    domain.give_sign_of_life("backup", at=timezone.now() - timedelta(hours=47))
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()
    domain.give_sign_of_life("backup", at=timezone.now() - timedelta(hours=49))
    settings.BACKUP_DIR = None
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()


def test_own_limits_and_silenced_kinds_hold(made: Made) -> None:
    domain.set_rule(made.study, Kind.NO_ANSWERS, limit=1_000_000, is_on=True)
    assert domain.check_study(made.study) == []
    domain.set_rule(made.study, Kind.NO_ANSWERS, limit=6, is_on=True)  # the standard: no rule is kept
    assert not made.study.alarm_rules.exists()
    domain.check_study(made.study)
    domain.set_rule(made.study, Kind.NO_ANSWERS, limit=None, is_on=False)
    domain.check_study(made.study)
    assert kinds_open(made.study) == set()
    for kind, limit in ((Kind.NO_ANSWERS, 0.0), (Kind.QUOTA_FULL, 5.0)):
        with pytest.raises(ValueError, match="above zero"):
            domain.set_rule(made.study, kind, limit=limit, is_on=True)


def test_acknowledging_names_who_and_leaves_it_open(made: Made) -> None:
    (alarm,) = domain.check_study(made.study)
    assert domain.acknowledge(alarm, by="ana", note=" panel is asleep ")
    alarm.refresh_from_db()
    assert (alarm.acknowledged_by, alarm.note, alarm.is_open) == ("ana", "panel is asleep", True)
    Alarm.objects.update(closed_at=timezone.now())
    assert not domain.acknowledge(alarm, by="bo")


def test_database_holds_one_open_alarm_per_cause(made: Made) -> None:
    (alarm,) = domain.check_study(made.study)
    again = Alarm(study=made.study, kind=alarm.kind, text="x", opened_at=alarm.opened_at, seen_at=alarm.seen_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save()


@pytest.mark.django_db(transaction=True)
def test_two_workers_open_an_alarm_once() -> None:
    made = make_study()
    start = Barrier(4)

    def look(_: int) -> int:
        try:
            start.wait(timeout=30)
            return len(domain.check_study(made.study))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(look, range(4))) == 1
    assert Alarm.objects.count() == 1


@pytest.mark.parametrize("n", [1, 4])
def test_look_costs_the_same_queries_at_any_size(
    made: Made, django_assert_num_queries: DjangoAssertNumQueries, n: int
) -> None:
    be_fresh(made.study)
    for number in range(n):
        make_session(made, "BR" if number % 2 else "US")
        make_run(made, make_spec(f"m{number}"))
    with django_assert_num_queries(LOOK_QUERIES):
        domain.check_study(made.study)


def test_watched_are_launched_studies_and_those_with_runs(made: Made) -> None:
    draft = make_study("draft")
    Study.objects.filter(pk=draft.study.pk).update(state=StudyState.DRAFT)
    assert [study.code for study in domain.studies_to_watch()] == ["tiny"]
    make_run(draft, make_spec(), state=RunState.RUNNING)
    assert [study.code for study in domain.studies_to_watch()] == ["draft", "tiny"]


def test_command_looks_from_outside_the_workers(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_alarms", "--send")
    assert "tiny  No answers come in  Nobody has answered" in capsys.readouterr().out
    assert SurveySession.objects.count() == 0


def test_command_goes_on_where_the_look_at_one_study_fails(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_study("other")
    look = looking.look

    def fail(study: Study, *args: Any, **more: Any) -> Any:
        if study.code == "other":
            raise ZeroDivisionError
        return look(study, *args, **more)

    monkeypatch.setattr("analysis.alarms.domain.look", fail)
    with pytest.raises(CommandError, match="the look failed at other"):
        call_command("check_alarms", "--send")
    assert "ZeroDivisionError" in caplog.text
    assert kinds_open(made.study) == {Kind.NO_ANSWERS}
