"""A finished analysis as its page shows it: per family a finding, figures, tables and doubts. Light: no pandas.

One module per family, with `show` (figures and tables) and `sentence` (what the numbers say).
"""

from __future__ import annotations

from analysis.figures import Figure
from analysis.results import agreement, alignment, drop_one, effect_sizes, own_culture, paper, plan, rates, shift
from analysis.results.shown import Family
from analysis.results.stored import Results

FAMILIES = (
    plan.show,
    rates.show,
    agreement.show,
    own_culture.show,
    effect_sizes.show,
    drop_one.show,
    alignment.show,
    shift.show,
    paper.show,
)


def families(results: Results) -> list[Family]:
    """Give all families in the order of the page."""
    return [show(results) for show in FAMILIES]


def find_figure(results: Results, name: str) -> Figure | None:
    """Find a figure by its name."""
    for family in families(results):
        for panel in (*family.panels, *family.more_panels):
            for drawn in panel.figures:
                if drawn.name == name:
                    return drawn
    return None
