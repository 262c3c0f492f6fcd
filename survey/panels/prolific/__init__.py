"""Prolific: entry links (signed where an arm asks for it), exits, its interface for programs, its events."""

from survey.panels.prolific.adapter import Prolific

__all__ = ["Prolific"]
