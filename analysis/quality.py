"""How a study's sessions were answered: flags, checks, exclusions and times, in a fixed number of queries.

Nothing here says what anybody answered: the page can be watched during fieldwork without a look at the results.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Q, QuerySet

from analysis.parameters import COMPLETE_ONLY, NO_SIMULATED, choose, without
from survey.enums import CheckKind, Country, Status
from survey.flow.quality import FLAGS, limit_of
from survey.models import CheckAnswer, QualityFlag, Study, SurveySession

DURATIONS = """
SELECT arm.country, participant.is_simulated, count(*),
    percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP
        (ORDER BY extract(epoch FROM session.finished_at - session.landed_at)),
    percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY pages.seconds)
FROM survey_surveysession session
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_participant participant ON participant.id = session.participant_id
LEFT JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM submitted_at - served_at)) AS seconds
    FROM survey_response WHERE session_id = session.id
) pages ON true
WHERE arm.study_id = %s AND session.status = 'complete' AND (NOT participant.is_simulated OR %s)
GROUP BY 1, 2
"""
ANSWERED = """
SELECT session.status = 'complete', participant.is_simulated, coalesce(flagged.names, '{}'), count(*),
    sum(answered.n)::bigint
FROM survey_surveysession session
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_participant participant ON participant.id = session.participant_id
JOIN LATERAL (SELECT count(*) AS n FROM survey_response WHERE session_id = session.id) answered ON answered.n > 0
LEFT JOIN LATERAL (
    SELECT array_agg(name::text ORDER BY name) AS names FROM survey_qualityflag WHERE session_id = session.id
) flagged ON true
WHERE arm.study_id = %s AND session.status <> 'withdrew'
GROUP BY 1, 2, 3
"""


class Share(NamedTuple):
    """So many of so many."""

    n: int
    of: int

    @property
    def percent(self) -> float | None:
        return 100 * self.n / self.of if self.of else None


class FlagLine(NamedTuple):
    """One flag: what it measures, from where on it is raised, on how many sessions of each arm it was."""

    name: str
    label: str
    limit: str
    by_arm: Sequence[Share]
    is_exclusion: bool

    @property
    def total(self) -> Share:
        return Share(sum(share.n for share in self.by_arm), sum(share.of for share in self.by_arm))


class CheckLine(NamedTuple):
    """One check: passed by how many of those who answered it, by arm."""

    name: str
    by_arm: Sequence[Share]

    @property
    def total(self) -> Share:
        return Share(sum(share.n for share in self.by_arm), sum(share.of for share in self.by_arm))


class ExclusionStep(NamedTuple):
    """One exclusion in its place: respondents and answers before and after."""

    name: str
    n_respondents_before: int
    n_respondents_after: int
    n_answers_before: int
    n_answers_after: int

    @property
    def n_left_out(self) -> int:
        return self.n_respondents_before - self.n_respondents_after


class TimeLine(NamedTuple):
    """Times of the complete sessions of one arm, in seconds: tenth percentile, median, ninetieth."""

    country: Country
    is_simulated: bool
    n: int
    session: Sequence[float]
    scenario: Sequence[float]

    @property
    def minutes(self) -> list[float]:
        return [seconds / 60 for seconds in self.session]


class _Answered(NamedTuple):
    is_complete: bool
    is_simulated: bool
    flags: Sequence[str]
    n_respondents: int
    n_answers: int


class Quality:
    """What is known of how one study's sessions were answered; each part is read when it is first asked for."""

    def __init__(self, study: Study, *, include_simulated: bool = True) -> None:
        self.study = study
        self.include_simulated = include_simulated

    @cached_property
    def countries(self) -> list[Country]:
        codes = self.study.arms.values_list("country", flat=True).order_by()
        return sorted(map(Country, codes), key=lambda country: country.label)

    @cached_property
    def n_complete(self) -> Counter[str]:
        """Count the complete sessions by country: flags are raised when a session is completed."""
        rows = self._of_study(SurveySession.objects.filter(status=Status.COMPLETE), "")
        return Counter(dict(rows.values_list("arm__country").annotate(n=Count("pk")).order_by()))

    @cached_property
    def flags(self) -> list[FlagLine]:
        """Give the flags that the instrument sets a limit for, in the vocabulary's order."""
        raised = self._of_study(QualityFlag.objects.filter(session__status=Status.COMPLETE), "session__")
        rows = raised.values_list("name", "session__arm__country").annotate(n=Count("pk")).order_by()
        counts = Counter({(name, country): n for name, country, n in rows})
        limits, exclusions = self.study.version.structure["flags"], self.study.version.structure["exclusions"]
        return [
            FlagLine(
                name,
                flag.label,
                limit_of(flag, limits[name]),
                [Share(counts[name, country], self.n_complete[country]) for country in self.countries],
                name in exclusions,
            )
            for name, flag in FLAGS.items()
            if name in limits
        ]

    @cached_property
    def checks(self) -> list[CheckLine]:
        """Give each attention check, and the comprehension check's first and last try."""
        answers = self._of_study(CheckAnswer.objects.exclude(session__status=Status.WITHDREW), "session__")
        rows = answers.values_list("kind", "number", "attempt", "session__arm__country")
        counts: dict[str, dict[str, Share]] = defaultdict(dict)
        groups = rows.annotate(n=Count("pk"), n_correct=Count("pk", filter=Q(is_correct=True)))
        for kind, number, attempt, country, n, n_correct in groups.order_by("-kind", "number", "attempt"):
            name = f"Comprehension, try {attempt}" if kind == CheckKind.COMPREHENSION else f"Attention check {number}"
            counts[name][country] = Share(n_correct, n)
        nobody = Share(0, 0)
        return [CheckLine(name, [by.get(one, nobody) for one in self.countries]) for name, by in counts.items()]

    @cached_property
    def exclusions(self) -> list[ExclusionStep]:
        """Apply the exclusions as an analysis does, in the order in which the instrument names them in advance."""
        with connection.cursor() as cursor:
            cursor.execute(ANSWERED, [self.study.pk])
            groups = [_Answered(*row) for row in cursor.fetchall()]
        flags = self.study.version.structure["exclusions"]
        steps = []
        for name in choose(include_simulated=self.include_simulated, flags=flags).exclusions:
            kept = [group for group in groups if keeps(name, group)]
            steps.append(
                ExclusionStep(name, *_totals("n_respondents", groups, kept), *_totals("n_answers", groups, kept))
            )
            groups = kept
        return steps

    @cached_property
    def times(self) -> list[TimeLine]:
        with connection.cursor() as cursor:
            cursor.execute(DURATIONS, [self.study.pk, self.include_simulated])
            rows = cursor.fetchall()
        lines = [
            TimeLine(Country(country), is_simulated, n, [float(x) for x in session], [float(x) for x in pages or ()])
            for country, is_simulated, n, session, pages in rows
        ]
        return sorted(lines, key=lambda line: (line.country.label, line.is_simulated))

    def _of_study(self, rows: QuerySet[Any], prefix: str) -> QuerySet[Any]:
        rows = rows.filter(**{f"{prefix}arm__study": self.study})
        return rows if self.include_simulated else rows.filter(**{f"{prefix}participant__is_simulated": False})


def keeps(name: str, group: _Answered) -> bool:
    """Say whether an exclusion keeps a group of sessions; the analysis does the same on its frame of answers."""
    if name == COMPLETE_ONLY:
        return group.is_complete
    if name == NO_SIMULATED:
        return not group.is_simulated
    return all(name != without(flag) for flag in group.flags)


def _totals(field: str, before: Sequence[_Answered], after: Sequence[_Answered]) -> tuple[int, int]:
    return sum(getattr(group, field) for group in before), sum(getattr(group, field) for group in after)


def flag_rows(quality: Quality) -> Iterator[list[Any]]:
    yield ["flag", "measures", "raised", "country", "n_flagged", "n_complete", "percent"]
    for line in quality.flags:
        for country, share in zip(quality.countries, line.by_arm, strict=True):
            yield [line.name, line.label, line.limit, str(country), *share, share.percent]


def check_rows(quality: Quality) -> Iterator[list[Any]]:
    yield ["check", "country", "n_passed", "n_answered", "percent"]
    for line in quality.checks:
        for country, share in zip(quality.countries, line.by_arm, strict=True):
            yield [line.name, str(country), *share, share.percent]


def exclusion_rows(quality: Quality) -> Iterator[list[Any]]:
    yield ["exclusion", *ExclusionStep._fields[1:]]
    yield from map(list, quality.exclusions)


def time_rows(quality: Quality) -> Iterator[list[Any]]:
    parts = [f"{what}_seconds_{share}" for what in ("session", "scenario") for share in ("p10", "median", "p90")]
    yield ["country", "is_simulated", "n_complete", *parts]
    for line in quality.times:
        yield [str(line.country), line.is_simulated, line.n, *line.session, *(line.scenario or (None,) * 3)]
