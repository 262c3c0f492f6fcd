"""Raise quality flags on a finished session."""

from __future__ import annotations

from survey.enums import CheckKind, Choice, OptionOrder
from survey.flow.quality import FLAGS, Evidence, Given, measure, raise_flags
from survey.models import CheckAnswer, PanelIdentity, QualityFlag, Response, SurveySession
from survey.panels.simulated import TIMED
from survey.queries import version_structure


def flag_session(session: SurveySession, evidence: Evidence) -> frozenset[str]:
    """Store a row for each flag that the instrument's limits raise on the session's answers; give their names.

    A simulated participant needs no time to read: flags on time are for people, and for those sent to take time.
    """
    limits = version_structure(session.version_id)["flags"]
    if session.participant.is_simulated and not is_timed(session):
        limits = {name: limit for name, limit in limits.items() if FLAGS[name].unit != "seconds"}
    raised = raise_flags(measure(evidence), limits)
    QualityFlag.objects.bulk_create(
        [QualityFlag(session=session, name=name, value=value) for name, value in raised.items()], ignore_conflicts=True
    )
    return frozenset(raised)


def is_timed(session: SurveySession) -> bool:
    """Say whether a simulated participant takes time for the pages."""
    return PanelIdentity.objects.filter(participant=session.participant_id, panel_study=TIMED).exists()


def gather_evidence(session: SurveySession, *, is_within_quota: bool) -> Evidence:
    wrong = CheckAnswer.objects.filter(session=session, is_correct=False).values_list("kind", flat=True)
    failed = list(wrong)
    rows = Response.objects.filter(session=session).order_by("position", "pk")
    answers = [
        Given(
            choice=Choice(row.choice) if row.choice else None,
            option_order=OptionOrder(row.option_order),
            duration_s=(row.submitted_at - row.served_at).total_seconds(),
        )
        for row in rows
    ]
    return Evidence(
        answers=answers,
        n_attention_failed=failed.count(CheckKind.ATTENTION),
        n_comprehension_wrong=failed.count(CheckKind.COMPREHENSION),
        is_within_quota=is_within_quota,
    )
