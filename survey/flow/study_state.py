"""Which state may follow which in the life of a study. Pure."""

from survey.enums import StudyState

STUDY_TRANSITIONS: dict[StudyState, frozenset[StudyState]] = {
    StudyState.DRAFT: frozenset({StudyState.LIVE}),
    StudyState.LIVE: frozenset({StudyState.PAUSED, StudyState.CLOSED}),
    StudyState.PAUSED: frozenset({StudyState.LIVE, StudyState.CLOSED}),
    StudyState.CLOSED: frozenset(),
}


def study_may_become(old: StudyState, new: StudyState) -> bool:
    """Say whether a study of state ``old`` may become ``new``."""
    return new in STUDY_TRANSITIONS[old]
