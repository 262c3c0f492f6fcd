"""Every write of alarms and of whom they are told to, one verb a function."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from analysis.alarms.kinds import DEFINITIONS, Finding, Kind, Limits
from analysis.alarms.looking import SLOW, look, silent
from analysis.alarms.models import Alarm, AlarmRule, Heartbeat, Notice, Receiver
from survey.enums import StudyState
from survey.llm.enums import RunState
from survey.models import Study

STUDY_LOCK = 7202  # with the study's key: one look at a time, so that an older one never overrules a newer
SURELY_ALIVE = timedelta(seconds=90)  # the sign comes every minute
OPEN_RUNS = [RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.FAILED]


def read_limits(study: Study) -> Limits:
    """Give a study's own limits."""
    rules = list(AlarmRule.objects.filter(study=study))
    own = {rule.kind: rule.limit for rule in rules if rule.limit is not None}
    return Limits(own, frozenset(rule.kind for rule in rules if not rule.is_on))


def studies_to_watch() -> list[Study]:
    """Give the studies that something can ring of: launched ones, those with runs under way or with open alarms."""
    wanted = ~Q(state=StudyState.DRAFT) | Q(runs__state__in=OPEN_RUNS) | Q(alarms__closed_at=None, alarms__isnull=False)
    return list(Study.objects.filter(wanted).select_related("version__instrument").distinct())


@transaction.atomic
def check_study(study: Study, *, is_thorough: bool = True) -> list[Alarm]:
    """Look at a study, open what rings, close what is over; give what opened.

    Whoever looks holds the study's lock from before the first read, so two workers never disagree; should somebody
    write past the lock, the database still holds one open alarm per cause.
    """
    _lock(study)
    limits = read_limits(study)
    looked_at = set(Kind) - (set() if is_thorough else SLOW)
    return _settle(study, look(study, limits, is_thorough=is_thorough), looked_at)


def check_silence(study: Study) -> list[Alarm]:
    """Ring where nobody works in the background: for the web process, which alone is left to notice it then."""
    if study.state not in (StudyState.LIVE, StudyState.PAUSED):
        return []
    if Heartbeat.objects.filter(queue="celery", at__gt=timezone.now() - SURELY_ALIVE).exists():
        return []
    return _ring_of_silence(study)


@transaction.atomic
def _ring_of_silence(study: Study) -> list[Alarm]:
    limits = read_limits(study)
    found = [one for one in silent({"celery"}, timezone.now(), limits) if limits.is_on(one.kind)]
    if not found:
        return []
    _lock(study)
    return _settle(study, found, set())


def _lock(study: Study) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [STUDY_LOCK, study.pk])


def _settle(study: Study, findings: Sequence[Finding], looked_at: set[Kind]) -> list[Alarm]:
    now = timezone.now()
    known = {(alarm.kind, alarm.subject): alarm for alarm in Alarm.objects.filter(study=study, closed_at=None)}
    opened, seen = [], []
    for finding in findings:
        alarm = known.pop((finding.kind, finding.subject), None)
        if alarm is None:
            opened.append(_new(study, finding, now))
        else:
            alarm.text, alarm.details, alarm.seen_at = finding.text[:600], dict(finding.details), now
            seen.append(alarm)
    Alarm.objects.bulk_update(seen, ["text", "details", "seen_at"])
    over = [alarm for alarm in known.values() if Kind(alarm.kind) in looked_at and _is_calm(alarm, now)]
    Alarm.objects.filter(pk__in=[alarm.pk for alarm in over]).update(closed_at=now)
    stored = _store(opened)
    _plan_notices(study, stored, Notice.Event.OPENED)
    _plan_notices(study, over, Notice.Event.CLOSED)
    return stored


def _new(study: Study, finding: Finding, now: datetime) -> Alarm:
    return Alarm(
        study=study,
        kind=finding.kind,
        subject=finding.subject,
        text=finding.text[:600],
        details=dict(finding.details),
        opened_at=now,
        seen_at=now,
    )


def _store(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Insert alarms one by one; one that somebody else opened meanwhile is theirs."""
    stored = []
    for alarm in alarms:
        is_new = not Alarm.objects.filter(
            study=alarm.study, kind=alarm.kind, subject=alarm.subject, closed_at=None
        ).exists()
        if is_new:
            alarm.save(force_insert=True)
            stored.append(alarm)
    return stored


def _is_calm(alarm: Alarm, now: datetime) -> bool:
    return now - alarm.seen_at >= DEFINITIONS[Kind(alarm.kind)].calm


def _plan_notices(study: Study, alarms: Sequence[Alarm], event: Notice.Event) -> None:
    """Note who is to be told; an end is told to those alone who were told of the beginning."""
    if not alarms:
        return
    notices = []
    for receiver in Receiver.objects.filter(study=study):
        wanted = [alarm for alarm in alarms if not receiver.kinds or alarm.kind in receiver.kinds]
        if event == Notice.Event.CLOSED:
            told = set(Notice.objects.filter(receiver=receiver, alarm__in=wanted).values_list("alarm", flat=True))
            wanted = [alarm for alarm in wanted if receiver.tells_closing and alarm.pk in told]
        notices += [Notice(alarm=alarm, receiver=receiver, event=event) for alarm in wanted]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)


def acknowledge(alarm: Alarm, *, by: str, note: str = "") -> bool:
    """Note that somebody has taken an alarm on; a later note takes the place of the former. False once it is over."""
    changes = {"acknowledged_at": Now(), "acknowledged_by": by, "note": note.strip()[:300]}
    return bool(Alarm.objects.filter(pk=alarm.pk, closed_at=None).update(**changes))


def set_rule(study: Study, kind: Kind, *, limit: float | None, is_on: bool) -> None:
    """Set from where on a kind rings in a study, and whether at all; `ValueError` for a limit that cannot be."""
    standard = DEFINITIONS[kind].limit
    if limit is not None and (standard is None or limit <= 0):
        raise ValueError(f"{kind.label}: a limit must be above zero")
    if is_on and limit in (None, standard):
        AlarmRule.objects.filter(study=study, kind=kind).delete()
        return
    AlarmRule.objects.update_or_create(study=study, kind=kind, defaults={"limit": limit, "is_on": is_on})


def add_receiver(
    study: Study, channel: Receiver.Channel, address: str, *, kinds: Sequence[Kind], tells_closing: bool, by: str
) -> Receiver:
    """Have a study's alarms told to an address, or change what is told to it."""
    wanted = {"kinds": [str(kind) for kind in kinds], "tells_closing": tells_closing}
    receiver, _ = Receiver.objects.update_or_create(
        study=study,
        channel=channel,
        address=address,
        defaults=wanted,
        create_defaults={**wanted, "nonce": secrets.token_hex(16), "created_by": by},
    )
    return receiver


def renew_secret(receiver: Receiver) -> None:
    """Give a webhook another secret; the former is void at once."""
    receiver.nonce = secrets.token_hex(16)
    receiver.save(update_fields=["nonce"])


def give_sign_of_life(queue: str, *, at: datetime | None = None) -> None:
    """Note that a queue's workers are at work, or when a job of the night was last done."""
    Heartbeat.objects.update_or_create(queue=queue, defaults={"at": at or timezone.now()})


def last_sign(queue: str) -> datetime | None:
    return Heartbeat.objects.filter(queue=queue).values_list("at", flat=True).first()
