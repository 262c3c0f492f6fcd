"""A panel's visits beside our sessions, one row for each. Reads only; personal identifiers, for staff alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Count, IntegerField, Max
from django.db.models.expressions import Func
from django.utils import timezone

from survey.enums import (
    ActState,
    AgeBucket,
    CheckKind,
    Discrepancy,
    Gender,
    LeaseState,
    Outcome,
    PanelName,
    PanelVerb,
    Signature,
    Status,
    SubmissionStatus,
)
from survey.flow.outcomes import Ended, Rules, outcome_of
from survey.flow.reconciling import UNTOLD, Advice, Visit, advise, is_clean, is_owed
from survey.models import Arm, CheckAnswer, PanelAct, PanelSubmission, Response, Study, SurveySession
from survey.panels import exit_code
from survey.panels.terms import Terms, read_terms

LATE_NEWS = timedelta(hours=1)  # a panel tells of a visit at the latest so long after of one that began later
WITHOUT_VISITS = (PanelName.DIRECT, PanelName.SIMULATED)
PAID = (SubmissionStatus.APPROVED, SubmissionStatus.PARTIALLY_APPROVED)
WITH_CODE = (SubmissionStatus.AWAITING_REVIEW, *PAID)
COUNTED_BY_PANEL = (*WITH_CODE, SubmissionStatus.SCREENED_OUT)  # the panel pays these, or is about to
SESSION = {
    "session": "pk",
    "session_status": "status",
    "outcome": "outcome",
    "landed_at": "landed_at",
    "finished_at": "finished_at",
    "identity_submission": "participant__panel_identity__panel_submission",
    "said_country": "demographics__country",
    "is_country_undisclosed": "demographics__is_country_undisclosed",
    "lease": "lease__state",
    "cell_age": "lease__cell__age_bucket",
    "cell_gender": "lease__cell__gender",
}
SUBMISSION = (
    "pk", "arm_id", "panel", "submission", "person", "status", "status_at", "started_at", "completed_at",
    "time_taken_s", "code", "signature", "entered_at", "seen_at",
)  # fmt: skip


class Details(NamedTuple):
    """What is read of a session only where it is shown."""

    answered: int = 0
    expected: int = 0
    attention_failed: int = 0
    comprehension_wrong: int = 0


NO_DETAILS = Details()


class Act(NamedTuple):
    """What was done at the panel about a visit."""

    pk: int
    verb: PanelVerb
    state: ActState
    amount: Decimal | None
    by: str
    at: datetime
    reply: str


@dataclass(frozen=True)
class Row:
    """One visit as both sides know it."""

    arm: Arm
    terms: Terms
    visit: Visit
    submission_pk: int | None  # None: the panel's side is missing altogether
    session_pk: int | None
    person: str
    submission: str
    status: Status | None
    came_at: datetime | None
    our_seconds: int | None
    panel_seconds: int | None
    code_used: str
    lease: str
    cell: str
    acts: Sequence[Act]
    is_paid_elsewhere: bool = False  # another visit of the same person is paid, waits to be, or has a bonus
    details: Details = NO_DETAILS

    @cached_property
    def advices(self) -> list[Advice]:
        return advise(self.visit)

    @cached_property
    def discrepancies(self) -> frozenset[Discrepancy]:
        return frozenset(advice.discrepancy for advice in self.advices)

    @cached_property
    def is_clean(self) -> bool:
        return is_clean(self.visit) and not self.has_act(PanelVerb.APPROVE)

    @property
    def is_owed(self) -> bool:
        return is_owed(self.visit)

    @property
    def our_minutes(self) -> str:
        return "–" if self.our_seconds is None else f"{self.our_seconds / 60:.1f}"

    @property
    def panel_minutes(self) -> str:
        return "–" if self.panel_seconds is None else f"{self.panel_seconds / 60:.1f}"

    @property
    def code_issued(self) -> str:
        """Give the code that the session's last page leads back with."""
        return exit_code(self.arm, self.visit.outcome) if self.visit.outcome and self.session_pk else ""

    @property
    def bonus_paid(self) -> Decimal:
        return self._bonus({ActState.CONFIRMED})

    @property
    def bonus_due(self) -> Decimal | None:
        """Give what is marked to be paid and not confirmed yet; else the reward that is owed, None if not known."""
        marked = self._bonus({ActState.PLANNED, ActState.SENT, ActState.UNCONFIRMED})
        is_settled = self.is_paid_elsewhere or self.has_act(PanelVerb.BONUS) or self.has_act(PanelVerb.COMPLETE)
        if is_settled or not self.is_owed:
            return marked
        return self.terms.reward

    @property
    def is_reward_to_come(self) -> bool:
        """Say whether the panel is still to pay the reward: it has not told of the end, or was asked to complete."""
        if self.is_paid_elsewhere or not self.visit.is_answered or self.has_act(PanelVerb.BONUS):
            return False
        return self.visit.panel_status in UNTOLD or (self.is_owed and self.has_act(PanelVerb.COMPLETE))

    def _bonus(self, states: set[ActState]) -> Decimal:
        bonuses = [act for act in self.acts if act.verb == PanelVerb.BONUS and act.state in states]
        return sum((act.amount or Decimal(0) for act in bonuses), Decimal(0))

    def has_act(self, verb: PanelVerb) -> bool:
        """Say whether something is done or under way already; what failed may be asked for again."""
        return any(act.verb == verb and act.state != ActState.FAILED for act in self.acts)


class Choice(NamedTuple):
    """Which rows are asked for; empty stands for all."""

    country: str = ""
    discrepancy: str = ""
    status: str = ""

    def takes(self, row: Row) -> bool:
        if self.country and row.arm.country != self.country:
            return False
        if self.status and row.visit.panel_status != self.status:
            return False
        return self._takes_discrepancy(row)

    def _takes_discrepancy(self, row: Row) -> bool:
        if self.discrepancy == CLEAN:
            return row.is_clean
        if self.discrepancy == ANY:
            return bool(row.advices)
        return not self.discrepancy or self.discrepancy in row.discrepancies


ANY, CLEAN = "any", "clean"


def panel_arms(study: Study) -> list[Arm]:
    """Give the arms whose participants a panel counts and pays."""
    return [arm for arm in study.arms.all() if arm.panel not in WITHOUT_VISITS]


def read_rows(study: Study) -> list[Row]:
    """Read every visit of a study, those with a discrepancy first, the newest of them first."""
    facts = [*_submissions(study), *_sessions_alone(study)]
    rows = _rows(study, facts, read_acts(study), _asked(facts))
    rows.sort(key=lambda row: (not row.advices, -(row.came_at.timestamp() if row.came_at else 0)))
    return rows


def read_some(study: Study, pks: Collection[int]) -> dict[int, Row]:
    """Read chosen visits of a study by their keys, as `read_rows` has them, without reading the others."""
    people = PanelSubmission.objects.filter(study=study, pk__in=pks).values_list("person", flat=True)
    known = set(people)  # what else a person did says whether a visit is a second one
    visits = _submissions(study, known)
    facts, acts = [*visits, *_sessions_alone(study, known)], read_acts(study, [one["pk"] for one in visits])
    told = PanelSubmission.objects.filter(study=study, seen_at__isnull=False).values_list("arm_id").order_by()
    asked = dict(told.annotate(at=Max("seen_at")))
    rows = _rows(study, facts, acts, asked)
    return {pk: row for row in rows if (pk := row.submission_pk) is not None and pk in pks}


def _rows(
    study: Study,
    facts: Sequence[Mapping[str, Any]],
    acts: Mapping[int, Sequence[Act]],
    asked: Mapping[int, datetime],
) -> list[Row]:
    """Make rows of what was read of all visits of the people concerned."""
    arms = {arm.pk: arm for arm in study.arms.all()}
    terms = {pk: read_terms(arm) for pk, arm in arms.items()}
    second, elsewhere = _seconds(facts), _paid_elsewhere(facts, acts)
    now = timezone.now()
    rows = []
    for one in facts:
        arm = arms[one["arm_id"]]
        visit = _visit(one, arm, terms[arm.pk], is_second=id(one) in second, asked_at=asked.get(arm.pk), now=now)
        row = _row(one, arm, terms[arm.pk], visit, acts.get(one["pk"], []))
        rows.append(replace(row, is_paid_elsewhere=id(one) in elsewhere))
    return rows


def _submissions(study: Study, people: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Read what the panel tells of its visits, and their sessions: of all people, or of some."""
    paths = [f"participant__session__{path}" for path in SESSION.values()]
    visits = PanelSubmission.objects.filter(study=study)
    if people is not None:
        visits = visits.filter(person__in=people)
    rows = visits.values_list(*SUBMISSION, *paths)
    return [dict(zip((*SUBMISSION, *SESSION), row, strict=True)) for row in rows]


def _sessions_alone(study: Study, people: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Read the sessions of people whom a panel sent and of whose visit nothing is stored: of all people, or of some."""
    identity = "participant__panel_identity__"
    sent = {f"{identity}isnull": False, "arm__study": study, "participant__panel_submissions": None}
    sessions = SurveySession.objects.filter(**sent).exclude(**{f"{identity}panel__in": WITHOUT_VISITS})
    if people is not None:
        sessions = sessions.filter(**{f"{identity}panel_person__in": people})
    paths = ("arm_id", f"{identity}panel", f"{identity}panel_person", "landed_at")
    names = ("arm_id", "panel", "person", "entered_at")
    rows = sessions.values_list(*paths, *SESSION.values())
    blank = {**dict.fromkeys(SUBMISSION), "submission": "", "code": ""}
    return [{**blank, **dict(zip((*names, *SESSION), row, strict=True))} for row in rows]


def _seconds(facts: Iterable[Mapping[str, Any]]) -> set[int]:
    """Find the visits (by their place in memory) of people whose answers are credited to another visit of theirs."""
    second: set[int] = set()
    for visits in _by_person(facts):
        if len(visits) > 1:
            first = max(visits, key=lambda one: (_is_credited(one), -(one["pk"] or 0)))
            second |= {id(one) for one in visits if one is not first}
    return second


def _paid_elsewhere(facts: Iterable[Mapping[str, Any]], acts: Mapping[int, Sequence[Act]]) -> set[int]:
    """Find the visits of people one of whose other visits is paid or on the way to it: nobody is paid twice."""
    found: set[int] = set()
    for visits in _by_person(facts):
        paying = [one for one in visits if one["status"] in COUNTED_BY_PANEL or _has_bonus(acts.get(one["pk"], []))]
        found |= {id(one) for one in visits if any(other is not one for other in paying)}
    return found


def _has_bonus(acts: Sequence[Act]) -> bool:
    return any(act.verb == PanelVerb.BONUS and act.state != ActState.FAILED for act in acts)


def _by_person(facts: Iterable[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    people: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in facts:
        people[one["panel"], one["person"]].append(one)
    return people.values()


def _is_credited(one: Mapping[str, Any]) -> bool:
    return bool(one["session"]) and one["submission"] == (one["identity_submission"] or one["person"])


def _asked(facts: Iterable[Mapping[str, Any]]) -> dict[int, datetime]:
    """Give by arm when its panel last told of any visit."""
    asked: dict[int, datetime] = {}
    for one in facts:
        if one["seen_at"] is not None:
            asked[one["arm_id"]] = max(one["seen_at"], asked.get(one["arm_id"], one["seen_at"]))
    return asked


def _visit(
    one: Mapping[str, Any], arm: Arm, terms: Terms, *, is_second: bool, asked_at: datetime | None, now: datetime
) -> Visit:
    outcome = _outcome(one)
    came_at, waits_from = one["entered_at"], one["completed_at"] or one["status_at"]
    told = one["session"] is not None and one["said_country"] is not None and not one["is_country_undisclosed"]
    code = one["code"].strip().casefold()
    return Visit(
        outcome,
        SubmissionStatus(one["status"] or SubmissionStatus.UNKNOWN),
        is_unlisted=bool(one["seen_at"] is None and asked_at and came_at and came_at < asked_at - LATE_NEWS),
        waiting_days=(now - waits_from).total_seconds() / 86400 if waits_from else None,
        code_outcomes=terms.codes.get(code, frozenset()) if terms.codes and code else None,
        signature=Signature(one["signature"] or Signature.ABSENT),
        is_second=is_second,
        country=arm.country,
        said_country=one["said_country"] if told else None,
        has_researcher_code=outcome in terms.researcher_outcomes,
        review_days=terms.review_days,
    )


def _outcome(one: Mapping[str, Any]) -> Outcome | None:
    if one["outcome"]:
        return Outcome(one["outcome"])
    return outcome_of(Ended(Status(one["session_status"])), Rules(0)) if one["session_status"] else None


def _row(one: Mapping[str, Any], arm: Arm, terms: Terms, visit: Visit, acts: Sequence[Act]) -> Row:
    landed, finished = one["landed_at"], one["finished_at"]
    return Row(
        arm,
        terms,
        visit,
        submission_pk=one["pk"],
        session_pk=one["session"],
        person=one["person"],
        submission=one["submission"],
        status=Status(one["session_status"]) if one["session_status"] else None,
        came_at=one["entered_at"] or one["started_at"],
        our_seconds=round((finished - landed).total_seconds()) if landed and finished else None,
        panel_seconds=one["time_taken_s"],
        code_used=one["code"],
        lease=LeaseState(one["lease"]).label if one["lease"] else "",
        cell=_cell(one) if one["lease"] else "",
        acts=acts,
    )


def _cell(one: Mapping[str, Any]) -> str:
    parts = [AgeBucket(one["cell_age"]).label] if one["cell_age"] else []
    parts += [Gender(one["cell_gender"]).label.lower()] if one["cell_gender"] else []
    return " ".join(parts) or "Everybody else"


def read_acts(study: Study, submissions: Collection[int] | None = None) -> dict[int, list[Act]]:
    """Read what was done at the panel, by visit: about all of them, or about some."""
    acts: dict[int, list[Act]] = defaultdict(list)
    found = PanelAct.objects.filter(study=study)
    if submissions is not None:
        found = found.filter(submission__in=submissions)
    rows = found.values_list("submission_id", "pk", "verb", "state", "amount", "by__username", "at", "reply")
    for submission, pk, verb, state, amount, by, at, reply in rows:
        acts[submission].append(Act(pk, PanelVerb(verb), ActState(state), amount, by or "the site", at, reply))
    return acts


def with_details(rows: Sequence[Row]) -> list[Row]:
    """Add to rows what is read of their sessions only where it is shown: answers and failed checks."""
    pks = [row.session_pk for row in rows if row.session_pk]
    questions = Func(
        "plan", function="jsonb_path_query_array", template="%(function)s(%(expressions)s, '$[*].questions[*]')"
    )
    n_expected = Func(questions, function="jsonb_array_length", output_field=IntegerField())
    sessions = SurveySession.objects.filter(pk__in=pks)
    expected = dict(sessions.annotate(n_expected=n_expected).values_list("pk", "n_expected"))
    responses = Response.objects.filter(session__in=pks).values_list("session")
    answered = dict(responses.annotate(n=Count("pk")).order_by())
    wrong = CheckAnswer.objects.filter(session__in=pks, is_correct=False).values_list("session", "kind")
    failed = {(pk, kind): n for pk, kind, n in wrong.annotate(n=Count("pk")).order_by()}
    details = {
        pk: Details(
            answered.get(pk, 0),
            expected.get(pk, 0),
            failed.get((pk, CheckKind.ATTENTION), 0),
            failed.get((pk, CheckKind.COMPREHENSION), 0),
        )
        for pk in pks
    }
    return [replace(row, details=details[row.session_pk]) if row.session_pk else row for row in rows]
