"""Logistic mixed models with crossed random effects, by Laplace's approximation."""

from analysis.stats.mixed.fit import MixedFit, fit_mixed, likelihood_ratio_p
from analysis.stats.mixed.layout import RandomTerm

__all__ = ["MixedFit", "RandomTerm", "fit_mixed", "likelihood_ratio_p"]
