"""How well the share of people who follow the culture is known of an item: what agreement makes of many answers."""

from typing import NamedTuple

import numpy as np

from analysis.stats.agreement import AgreementEstimate
from analysis.stats.observations import Floats

NAN = float("nan")


class Reliability(NamedTuple):
    """Reliability of the items' shares at `n_per_item` answers, and the answers that `target` needs, with intervals.

    `answers_ci_high` is infinite where the interval of alpha reaches down to zero.
    """

    n_per_item: float
    reliability: float
    ci_low: float
    ci_high: float
    target: float
    answers: float
    answers_ci_low: float
    answers_ci_high: float
    reason: str


def reliability_of_mean(alpha: float, n: float) -> float:
    """Give the reliability of an item's rate from `n` answers (Spearman-Brown: n a / (1 + (n - 1) a))."""
    return n * alpha / (1 + (n - 1) * alpha)


def answers_for_reliability(alpha: float, reliability: float) -> float:
    """Give the answers per item at which a rate reaches `reliability`; missing when alpha is not positive."""
    if not 0 < reliability < 1:
        raise ValueError(f"reliability must lie between 0 and 1, not {reliability}")
    return reliability * (1 - alpha) / (alpha * (1 - reliability)) if alpha > 0 else NAN


def answers_per_item(counts: Floats) -> float:
    """Average the answers per item by the harmonic mean, which a mean over items of 1 / n asks for.

    Parameters
    ----------
    counts : array of shape (items, categories)
        Items without answers do not count.
    """
    sizes = counts.sum(axis=1)
    used = sizes[sizes > 0]
    return float(len(used) / (1 / used).sum()) if len(used) else NAN


def reliability(alpha: AgreementEstimate, n_per_item: float, target: float = 0.8) -> Reliability:
    """Give the reliability of items' shares, and the answers per item for a reliability of `target`.

    Parameters
    ----------
    alpha : AgreementEstimate
        Krippendorff's alpha with its interval.
    n_per_item : float
        Answers per item, as from `answers_per_item`.
    target : float
        The wanted reliability.

    Returns
    -------
    Reliability

    Notes
    -----
    k-rater reliability: how strongly the items' shares would correlate with those of another sample of as
    many people. Both are monotone in alpha, so the ends of its interval become the ends of theirs; an end of
    alpha at or below zero is a reliability of zero and needs infinitely many answers.

    References
    ----------
    Spearman (1910) and Brown (1910), British Journal of Psychology 3; Wong & Paritosh (2022), "k-Rater
    reliability". R: psych::ICC, the rows of average raters.
    """
    if np.isnan(alpha.estimate) or alpha.estimate <= 0:
        reason = alpha.reason or "people agree no more than by chance"
        return Reliability(n_per_item, NAN, NAN, NAN, target, NAN, NAN, NAN, reason)
    low, high = alpha.ci_low, alpha.ci_high
    has_interval = not np.isnan(low)
    least = answers_for_reliability(high, target) if has_interval else NAN
    most = answers_for_reliability(low, target) if low > 0 else np.inf
    return Reliability(
        n_per_item=n_per_item,
        reliability=reliability_of_mean(alpha.estimate, n_per_item),
        ci_low=reliability_of_mean(max(low, 0.0), n_per_item) if has_interval else NAN,
        ci_high=reliability_of_mean(high, n_per_item) if has_interval else NAN,
        target=target,
        answers=answers_for_reliability(alpha.estimate, target),
        answers_ci_low=least,
        answers_ci_high=most if has_interval else NAN,
        reason=alpha.reason,
    )
