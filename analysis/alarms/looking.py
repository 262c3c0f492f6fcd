"""Reads how a study stands and gives what rings: a fixed number of queries, none of which goes through the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Max, OuterRef, Subquery, Value
from django.utils import timezone

from analysis.alarms import judging
from analysis.alarms.kinds import Finding, Kind, Limits
from analysis.alarms.models import Heartbeat
from analysis.fieldwork import CountryFill, Dropout, Fieldwork
from analysis.stand import StudyStand
from survey.domain.panel_totals import count_discrepancies
from survey.domain.visits import panel_arms, read_rows
from survey.enums import StudyChangeKind, StudyState
from survey.llm.enums import RunState
from survey.llm.models import Pace, Run
from survey.models import Study, StudyChange

SLOW = frozenset({Kind.RECONCILIATION})  # goes through every visit: looked at less often
TAKES_IN = (StudyState.LIVE,)
FIELDED = (StudyState.LIVE, StudyState.PAUSED)
UNDER_WAY = (RunState.QUEUED, RunState.RUNNING)
WITHOUT_END = (*UNDER_WAY, RunState.PAUSED, RunState.FAILED)
BACKUP = "backup"  # whose sign of life is the moment of the newest good backup
QUEUES = {"celery": "The timer or the workers", "llm": "The workers that ask language models"}


def look(study: Study, limits: Limits, *, is_thorough: bool) -> list[Finding]:
    """Give everything that rings of a study now, of the kinds that it wants to hear of."""
    stand = StudyStand(study)
    found = [*_of_people(stand, limits), *_of_money(stand, limits), *_of_runs(study, stand.now, limits)]
    found += _of_backups(study, stand.now, limits)
    if is_thorough and study.state != StudyState.DRAFT and panel_arms(study):
        counts = [(one.label, n) for one, n in count_discrepancies(read_rows(study))]
        found += judging.judge_reconciliation(counts, limits=limits)
    return [finding for finding in found if limits.is_on(finding.kind)]


def _of_people(stand: StudyStand, limits: Limits) -> Iterator[Finding]:
    study, whole = stand.study, stand.whole
    if study.state in FIELDED:
        yield from judging.judge_dropouts("country", _groups(whole.dropouts_by_country), limits=limits)
        yield from judging.judge_dropouts("locale", _groups(_own_locales(whole)), limits=limits)
        yield from judging.judge_pay(_paid(stand))
    if study.state in TAKES_IN:
        if whole.n_missing or not whole.n_target:
            yield from judging.judge_silence(stand.now, _last_answer(stand), limits=limits)
        yield from judging.judge_quotas([_filled(one) for one in whole.countries], limits=limits)
        offered = {locale for arm in whole.arms for locale in arm.locales}
        yield from judging.judge_texts([(one.locale, one.n_stale) for one in whole.locales if one.locale in offered])


def _of_money(stand: StudyStand, limits: Limits) -> Iterator[Finding]:
    lines = [
        judging.Spent(
            f"country:{line.country}",
            line.country.label,
            line.totals.currency,
            (line.totals.spent or Decimal(0)) + (line.totals.committed or Decimal(0)),
            line.totals.budget,
        )
        for line in stand.spending.lines
        if line.totals.spent is not None and stand.study.state in FIELDED
    ]
    open_runs = Run.objects.filter(study=stand.study, budget__isnull=False, state__in=[*UNDER_WAY, RunState.PAUSED])
    lines += [judging.Spent(f"run:{run.pk}", f"Run {run.pk}", run.currency, run.spent, run.budget) for run in open_runs]
    yield from judging.judge_budgets(lines, limits=limits)


def _of_runs(study: Study, now: datetime, limits: Limits) -> Iterator[Finding]:
    latest = Pace.objects.filter(run=OuterRef("pk")).order_by().values("run").annotate(latest=Max("at"))
    runs = Run.objects.filter(study=study, state__in=WITHOUT_END).annotate(
        ended_at=Subquery(latest.values("latest")), stopped=StringAgg("stops__reason", " ", default=Value(""))
    )
    asked = [
        judging.Asked(
            f"run:{run.pk}",
            f"Run {run.pk}",
            is_under_way=run.state in UNDER_WAY,
            is_stopped=run.state == RunState.FAILED
            or (run.state == RunState.PAUSED and bool(run.error))
            or (run.state in UNDER_WAY and bool(run.stopped)),
            error=run.error or run.stopped,
            quiet_since=max(run.created_at, run.ended_at or run.created_at),
        )
        for run in runs
    ]
    yield from judging.judge_runs(now, asked, limits=limits)
    needs = {"celery"} if study.state in FIELDED else set()
    needs |= {"celery", "llm"} if any(run.is_under_way for run in asked) else set()
    yield from silent(needs, now, limits)


def silent(queues: set[str], now: datetime, limits: Limits) -> Iterator[Finding]:
    """Give the queues that nobody has served for too long; of one never heard of, time counts from now on."""
    if not queues:
        return
    heard = _heard(queues)
    signs = [judging.Sign(queue, QUEUES[queue], at) for queue, at in sorted(heard.items())]
    yield from judging.judge_signs(now, signs, limits=limits)


def _of_backups(study: Study, now: datetime, limits: Limits) -> Iterator[Finding]:
    if settings.BACKUP_DIR and study.state in FIELDED:
        for made_at in _heard({BACKUP}).values():
            yield from judging.judge_backup(now, made_at, limits=limits)


def _heard(queues: set[str]) -> dict[str, datetime]:
    """Give when each was last heard of; of one that never was, time counts from now on."""
    heard = dict(Heartbeat.objects.filter(queue__in=queues).values_list("queue", "at"))
    for queue in queues - set(heard):
        Heartbeat.objects.get_or_create(queue=queue, defaults={"at": timezone.now()})
    return heard


def _groups(dropouts: list[Dropout]) -> list[judging.Group]:
    return [judging.Group(one.key, one.label, one.n_stopped, one.n) for one in dropouts]


def _own_locales(whole: Fieldwork) -> list[Dropout]:
    """Give the locales by drop-out, unless each is one country's only one: then the countries have said it all."""
    offered = Counter(locale for arm in whole.arms for locale in arm.locales)
    is_same = all(len(arm.locales) == 1 for arm in whole.arms) and all(n == 1 for n in offered.values())
    return [] if is_same else whole.dropouts_by_locale


def _paid(stand: StudyStand) -> list[judging.Paid]:
    return [
        judging.Paid(
            str(line.country), line.country.label, line.totals.currency, line.totals.hourly, line.floor, line.n_timed
        )
        for line in stand.spending.lines
    ]


def _filled(one: CountryFill) -> judging.Filled:
    is_full = bool(one.cells) and all(not cell.is_open or cell.n_complete >= cell.target for cell in one.cells)
    return judging.Filled(str(one.country), one.country.label, one.total.n_complete, one.total.target, is_full)


def _last_answer(stand: StudyStand) -> datetime:
    """Give when somebody last answered, or when the study last began to take people in."""
    changes = StudyChange.objects.filter(study=stand.study, kind=StudyChangeKind.STATE)
    times: list[datetime | None] = [
        stand.study.launched_at,
        changes.aggregate(latest=Max("at"))["latest"],
        stand.whole.last_answers[0].at if stand.whole.last_answers else None,
    ]
    return max(at for at in times if at is not None)
