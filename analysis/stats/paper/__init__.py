"""The paper's own numbers, frozen with their quirks; better estimators live beside this package."""

from analysis.stats.paper.tables import paper_tables

__all__ = ["paper_tables"]
