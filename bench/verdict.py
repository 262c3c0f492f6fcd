"""Hold the database against what the crowd was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Count, Q

from bench.crowd import Crowd, Walker
from bench.harm import WAITING, Harm, by_cause, errors_of, too_long
from survey.enums import LeaseState, Status
from survey.flow.status import FINAL
from survey.models import PanelIdentity, QuotaCell, Response, StatusChange, SurveySession
from survey.views.faults import PATIENCE

if TYPE_CHECKING:
    from bench.chaos import Report

COUNTED = ("requests", "lost_requests", "lost_replies", "doubled_forms", "contradicted_forms", "broken_connections")


def judge(crowd: Crowd, report: Report, harms: Sequence[Harm]) -> None:
    """Fill the report with what the logs and the tables say."""
    connection.close()  # PostgreSQL restarted meanwhile
    counts: Counter[str] = Counter()
    for walker in crowd.walkers:
        counts += walker.counts
    for name in COUNTED:
        setattr(report, name, counts[name])
    seen = [one for walker in crowd.walkers for one in walker.seen]
    report.waiting_pages = sum(one.what == WAITING for one in seen)
    report.seen = by_cause(seen, harms)
    for harm in harms:
        report.away.setdefault(harm.kind, []).append(round(harm.ended - harm.begun, 1))
    report.too_long = [f"{harm.kind}: away for {harm.ended - harm.begun:.1f} s" for harm in too_long(harms, PATIENCE)]
    errors = errors_of(seen, harms, PATIENCE, is_proxied=bool(report.proxy))
    report.errors_shown = [
        f"{number} × {what}: {cause}" for cause, counts in errors.items() for what, number in counts.items()
    ]
    report.n_errors_shown = sum(sum(counts.values()) for counts in errors.values())
    report.slowest_seconds = round(max(walker.slowest for walker in crowd.walkers), 1)
    for walker in crowd.walkers:
        judge_walker(walker, report)
    judge_tables(report)


def judge_walker(walker: Walker, report: Report) -> None:
    """Compare one participant's log with their session."""
    name = walker.person.name
    session = SurveySession.objects.filter(token=walker.token).first()
    if session is None:
        report.stuck.append(f"{name}: no session; {walker.trouble}")
        return
    if not walker.is_finished or session.status not in FINAL:
        report.stuck.append(f"{name}: {session.status} at {session.position}; {walker.trouble}")
    rows = Response.objects.filter(session=session).values_list("position", "question", "choice")
    stored = {(position, question): choice for position, question, choice in rows}
    for position, sent in walker.sent.items():
        for question, choice in sent.answers.items() if sent.is_acknowledged else ():
            report.acknowledged += 1
            found = stored.get((position, question))
            if found != ("" if choice == "declined" else choice):
                report.lost.append(f"{name}: {question} of page {position} was {choice}, is {found}")


def judge_tables(report: Report) -> None:
    """Look for anything twice, and for cells with more in them than they hold."""
    twice = Response.objects.values("session", "position", "question").annotate(n=Count("pk")).filter(n__gt=1)
    report.doubled += [f"answer {row}" for row in twice]
    persons = PanelIdentity.objects.values("panel_person").annotate(n=Count("pk")).filter(n__gt=1)
    report.doubled += [f"participant {row}" for row in persons]
    ends = StatusChange.objects.filter(new__in=FINAL).values("session").annotate(n=Count("pk")).filter(n__gt=1)
    report.doubled += [f"end {row}" for row in ends]
    for cell in QuotaCell.objects.annotate(n=Count("leases", filter=~Q(leases__state=LeaseState.FREED))):
        if cell.n > cell.hard_limit:
            report.over_quota.append(f"{cell}: {cell.n} of {cell.hard_limit}")
    statuses = Counter(SurveySession.objects.values_list("status", flat=True))
    report.statuses = dict(statuses)
    report.complete, report.turned_away = statuses[Status.COMPLETE], statuses[Status.QUOTA_FULL]
