"""How much each answer, and each item, moves a measure of agreement: the derivatives that intervals are made of.

An answer's influence depends only on its item and its category, so that it is a table like the counts: a million
answers look their values up.
"""

from typing import NamedTuple

import numpy as np

from analysis.stats.agreement_points import AgreementPoint, ac1_chance, fleiss_chance, mean_shares, unlike_pairs
from analysis.stats.observations import Floats


class Influence(NamedTuple):
    """Derivatives of one measure by the weight of an answer (items by categories) and by the weight of each item."""

    by_answer: Floats
    by_item: Floats


def influences(counts: Floats, point: AgreementPoint) -> dict[str, Influence]:
    """Differentiate the measures of `agreement_from_counts` by weights.

    Parameters
    ----------
    counts : array of shape (items, categories)
        As there; items without answers have zeros.
    point : AgreementPoint
        The measures at these counts, with at least one item that has two answers.

    Returns
    -------
    dict of Influence
        By measure; `alpha` and `fleiss_kappa` are zero where every answer is the same.

    Notes
    -----
    A pair of answers weighs w_r w_s (r ≠ s: nobody is paired with themselves). Alpha weighs items by their
    answers, so the influence of an item is the sum of its answers'. The others count every item once: there
    the influence of an item is its own deviation from the mean.
    """
    sizes = counts.sum(axis=1)
    pairwise = _pairwise(counts, sizes, point.pairwise_agreement)
    uniform = 1 / counts.shape[1]
    return {
        "pairwise_agreement": pairwise,
        "alpha": combined(counts, _alpha(counts, sizes)),
        "ac1": _chance_corrected(counts, sizes, pairwise, point.pairwise_agreement, is_fleiss=False),
        "brennan_prediger": Influence(pairwise.by_answer / (1 - uniform), pairwise.by_item / (1 - uniform)),
        "fleiss_kappa": _chance_corrected(counts, sizes, pairwise, point.pairwise_agreement, is_fleiss=True),
    }


def combined(counts: Floats, by_answer: Floats) -> Influence:
    """Give an item the sum of its answers' influence, as where items weigh by their answers."""
    return Influence(by_answer, np.asarray((counts * by_answer).sum(axis=1)))


def disagreement(counts: Floats) -> tuple[float, Floats]:
    """Give the observed disagreement of alpha, and its derivative by answer (items by categories).

    D_o = sum_i n_i (1 - A_i) / W over items with n_i >= 2, as in `agreement_from_counts`.
    """
    sizes = counts.sum(axis=1)
    paired = sizes >= 2
    total = float(sizes[paired].sum())
    pairs = np.where(paired, sizes * (sizes - 1), 1.0)
    unlike = unlike_pairs(counts, sizes)
    weighted = float((sizes * unlike / pairs)[paired].sum())
    n, pair, odd = sizes[:, None], pairs[:, None], unlike[:, None]
    change = odd / pair + 2 * n * (n - counts) / pair - n * odd * 2 * (n - 1) / pair**2
    return weighted / total, np.where(paired[:, None], change / total - weighted / total**2, 0.0)


def _pairwise(counts: Floats, sizes: Floats, mean: float) -> Influence:
    paired = sizes >= 2
    pairs = np.where(paired, sizes * (sizes - 1), 1.0)
    unlike = unlike_pairs(counts, sizes)
    change = 2 * (sizes[:, None] - counts) / pairs[:, None]
    change -= (unlike * 2 * (sizes - 1) / pairs**2)[:, None]
    deviations = np.where(paired, 1 - unlike / pairs - mean, 0.0)
    return Influence(np.where(paired[:, None], -change, 0.0) / paired.sum(), deviations / paired.sum())


def _chance_corrected(counts: Floats, sizes: Floats, pairwise: Influence, mean: float, *, is_fleiss: bool) -> Influence:
    used = sizes > 0
    n = np.where(used, sizes, 1.0)[:, None]
    shares = counts / n
    overall = mean_shares(counts[used], sizes[used])
    slope = 2 * overall if is_fleiss else (1 - 2 * overall) / (counts.shape[1] - 1)
    chance = fleiss_chance(overall) if is_fleiss else ac1_chance(overall)
    if chance == 1:
        return Influence(np.zeros_like(counts), np.zeros(len(counts)))
    by_item = np.where(used, (shares - overall) @ slope, 0.0) / used.sum()
    by_answer = np.where(used[:, None], slope - (shares @ slope)[:, None], 0.0) / (n * used.sum())
    to_mean, to_chance = 1 / (1 - chance), (mean - 1) / (1 - chance) ** 2
    return Influence(
        to_mean * pairwise.by_answer + to_chance * by_answer, to_mean * pairwise.by_item + to_chance * by_item
    )


def _alpha(counts: Floats, sizes: Floats) -> Floats:
    paired = sizes >= 2
    total = sizes[paired].sum()
    by_category = counts[paired].sum(axis=0)
    unlike = total**2 - (by_category**2).sum()
    if unlike == 0:
        return np.zeros_like(counts)
    expected = unlike / total**2
    observed, change = disagreement(counts)
    expected_change = 2 * (total - by_category) / total**2 - 2 * unlike / total**3
    moved = -change / expected + observed * expected_change / expected**2
    return np.asarray(np.where(paired[:, None], moved, 0.0))
