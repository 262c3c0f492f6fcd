"""Raise quality flags on a finished session."""

from __future__ import annotations

from survey.enums import CheckKind, Choice, OptionOrder
from survey.flow.quality import FLAGS, Evidence, Given, measure, raise_flags
from survey.models import PanelIdentity, SurveySession
from survey.panels.simulated import TIMED
from survey.queries import version_structure
from survey.statements import rows, run

IS_SIMULATED = "SELECT is_simulated FROM survey_participant WHERE id = %s"
STORE_FLAG = "INSERT INTO survey_qualityflag (session_id, name, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


def flag_session(session: SurveySession, evidence: Evidence) -> frozenset[str]:
    """Store a row for each flag that the instrument's limits raise on the session's answers; give their names.

    A simulated participant needs no time to read: flags on time are for people, and for those sent to take time.
    """
    limits = version_structure(session.version_id)["flags"]
    ((is_simulated,),) = rows(IS_SIMULATED, (session.participant_id,))
    if is_simulated and not is_timed(session):
        limits = {name: limit for name, limit in limits.items() if FLAGS[name].unit != "seconds"}
    raised = raise_flags(measure(evidence), limits)
    for name, value in raised.items():
        run(STORE_FLAG, (session.pk, name, value))
    return frozenset(raised)


def is_timed(session: SurveySession) -> bool:
    """Say whether a simulated participant takes time for the pages."""
    return PanelIdentity.objects.filter(participant=session.participant_id, panel_study=TIMED).exists()


FAILED_CHECKS = "SELECT kind FROM survey_checkanswer WHERE session_id = %s AND NOT is_correct"
ANSWERS = """
SELECT choice, option_order, EXTRACT(epoch FROM submitted_at - served_at)::float8
FROM survey_response WHERE session_id = %s ORDER BY position, id
"""


def gather_evidence(session: SurveySession, *, is_within_quota: bool) -> Evidence:
    failed = [kind for (kind,) in rows(FAILED_CHECKS, (session.pk,))]
    answers = [
        Given(Choice(choice) if choice else None, OptionOrder(order), seconds)
        for choice, order, seconds in rows(ANSWERS, (session.pk,))
    ]
    return Evidence(
        answers=answers,
        n_attention_failed=failed.count(CheckKind.ATTENTION),
        n_comprehension_wrong=failed.count(CheckKind.COMPREHENSION),
        is_within_quota=is_within_quota,
    )
