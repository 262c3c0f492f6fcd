"""Pages for staff. They read; the one button starts an analysis."""

from analysis.views.studies import study_list

__all__ = ["study_list"]
