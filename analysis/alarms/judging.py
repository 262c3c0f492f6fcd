"""From how a study stands to what rings. Pure: numbers in, findings out; `looking` beside it reads the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from analysis.alarms.kinds import LEAST_DROPOUTS, LEAST_TIMED, MOST_CHANCE, STANDARD, Finding, Kind, Limits

HUNDRED = Decimal(100)


class Group(NamedTuple):
    """People of one country or locale who are over: so many did not finish."""

    key: str
    label: str
    n_stopped: int
    n: int


class Paid(NamedTuple):
    key: str
    label: str
    currency: str
    hourly: Decimal | None
    floor: Decimal | None
    n: int


class Filled(NamedTuple):
    """A country's places; ``is_full``: none of its cells takes anybody in."""

    key: str
    label: str
    n_complete: int
    target: int
    is_full: bool


class Spent(NamedTuple):
    key: str
    label: str
    currency: str
    spent: Decimal
    budget: Decimal | None


class Asked(NamedTuple):
    """A model run: what it does, and since when no question of it has ended."""

    key: str
    label: str
    is_under_way: bool
    is_stopped: bool
    error: str
    quiet_since: datetime


class Sign(NamedTuple):
    """When somebody who works in the background was last heard of."""

    key: str
    label: str
    at: datetime


def chance_of_as_many(k: int, n: int, others_k: int, others_n: int) -> float:
    """Give the chance that a group of n has k or more of all the drop-outs if groups do not differ.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.
    """
    total, stopped = n + others_n, k + others_k

    def log_choose(of: int, take: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(take + 1) - math.lgamma(of - take + 1)

    whole = log_choose(total, n)
    ways = range(max(k, n - (total - stopped)), min(n, stopped) + 1)
    return min(1.0, sum(math.exp(log_choose(stopped, i) + log_choose(total - stopped, n - i) - whole) for i in ways))


def judge_silence(now: datetime, last: datetime, *, limits: Limits = STANDARD) -> Iterator[Finding]:
    """Ring where the last answer, or the launch if that is later, is too long ago."""
    hours = (now - last) / timedelta(hours=1)
    if hours >= limits.of(Kind.NO_ANSWERS):
        text = f"Nobody has answered an item for {_so_many(hours, 'hour')}."
        yield Finding(Kind.NO_ANSWERS, "", text, {"last": last.isoformat()})


def judge_dropouts(by: str, groups: Sequence[Group], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    """Ring for groups that drop out far more than all others together, unless they are few or chance would do it."""
    total, stopped = sum(group.n for group in groups), sum(group.n_stopped for group in groups)
    for group in groups:
        others_n, others_k = total - group.n, stopped - group.n_stopped
        if group.n < LEAST_DROPOUTS or not others_n or not group.n_stopped:
            continue
        share, others = group.n_stopped / group.n, others_k / others_n
        chance = chance_of_as_many(group.n_stopped, group.n, others_k, others_n)
        if share >= limits.of(Kind.DROP_OUT) * others and chance < MOST_CHANCE:
            text = (
                f"{group.label}: {group.n_stopped} of {group.n} ({100 * share:.0f}%) did not finish, "
                f"of all others {others_k} of {others_n} ({100 * others:.0f}%)."
            )
            yield Finding(Kind.DROP_OUT, f"{by}:{group.key}", text, {"chance": round(chance, 6)})


def judge_pay(lines: Sequence[Paid]) -> Iterator[Finding]:
    for line in lines:
        if line.hourly is None or line.floor is None or line.n < LEAST_TIMED or line.hourly >= line.floor:
            continue
        text = (
            f"{line.label}: {line.currency} {line.hourly} by the hour, of {line.n} people; "
            f"the floor is {line.currency} {line.floor}."
        )
        yield Finding(Kind.PAY_LOW, line.key, text)


def judge_reconciliation(counts: Sequence[tuple[str, int]], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    """Ring once for all visits that do not agree, with what they are."""
    found = [(label, n) for label, n in counts if n]
    total = sum(n for _, n in found)
    if total and total >= limits.of(Kind.RECONCILIATION):
        parts = ", ".join(f"{n} × {label[:1].lower() + label[1:]}" for label, n in found)
        yield Finding(Kind.RECONCILIATION, "", f"{total} in all: {parts}.", dict(found))


def judge_quotas(lines: Sequence[Filled], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    for line in lines:
        text = f"{line.label}: {line.n_complete} of {line.target} complete."
        if line.is_full:
            yield Finding(Kind.QUOTA_FULL, line.key, f"{text} No cell takes anybody in.")
        elif line.target and 100 * line.n_complete >= limits.of(Kind.QUOTA_NEARLY_FULL) * line.target:
            yield Finding(Kind.QUOTA_NEARLY_FULL, line.key, text)


def judge_budgets(lines: Sequence[Spent], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    for line in lines:
        if not line.budget:
            continue
        percent = HUNDRED * line.spent / line.budget
        text = f"{line.label}: {line.currency} {line.spent:.2f} of {line.budget:.2f} ({percent:.0f}%)."
        if percent >= HUNDRED:
            yield Finding(Kind.BUDGET_SPENT, line.key, text)
        elif percent >= Decimal(str(limits.of(Kind.BUDGET_NEARLY_SPENT))):
            yield Finding(Kind.BUDGET_NEARLY_SPENT, line.key, text)


def judge_runs(now: datetime, runs: Sequence[Asked], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    for run in runs:
        minutes = (now - run.quiet_since) / timedelta(minutes=1)
        if run.is_stopped:
            yield Finding(Kind.RUN_STOPPED, run.key, f"{run.label}: {run.error or 'no reason is stored'}"[:500])
        elif run.is_under_way and minutes >= limits.of(Kind.RUN_STALLED):
            yield Finding(
                Kind.RUN_STALLED, run.key, f"{run.label}: no question has ended for {_so_many(minutes, 'minute')}."
            )


def judge_signs(now: datetime, signs: Sequence[Sign], *, limits: Limits = STANDARD) -> Iterator[Finding]:
    for sign in signs:
        minutes = (now - sign.at) / timedelta(minutes=1)
        if minutes >= limits.of(Kind.WORKER_SILENT):
            text = f"{sign.label}: no sign of life for {_so_many(minutes, 'minute')}."
            yield Finding(Kind.WORKER_SILENT, sign.key, text, {"last": sign.at.isoformat()})


def judge_backup(now: datetime, made_at: datetime, *, limits: Limits = STANDARD) -> Iterator[Finding]:
    """Ring where the newest good backup is too old."""
    hours = (now - made_at) / timedelta(hours=1)
    if hours >= limits.of(Kind.BACKUP_OLD):
        text = f"No backup for {_so_many(hours, 'hour')}."
        yield Finding(Kind.BACKUP_OLD, "", text, {"last": made_at.isoformat()})


def judge_texts(stale: Sequence[tuple[str, int]]) -> Iterator[Finding]:
    for locale, n in stale:
        if n:
            yield Finding(Kind.TEXTS_STALE, locale, f"{locale}: {n} text{'' if n == 1 else 's'} stale.")


def _so_many(n: float, what: str) -> str:
    return f"{n:.0f} {what}{'' if round(n) == 1 else 's'}"
