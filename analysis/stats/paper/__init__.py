"""The paper's own numbers, frozen with their quirks; better estimators live beside this package."""

from analysis.stats.paper.behaviour import behaviour_tables
from analysis.stats.paper.model_only import model_only_tables
from analysis.stats.paper.tables import paper_tables

__all__ = ["behaviour_tables", "model_only_tables", "paper_tables"]
