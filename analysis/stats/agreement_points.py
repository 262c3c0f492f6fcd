"""Agreement in a matrix of counts, items by categories: the measures without intervals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.observations import Floats

NAN = float("nan")
NO_PAIR = "no item has two answers"
ONE_CATEGORY = "every answer is the same"


@dataclass(frozen=True)
class AgreementPoint:
    """Agreement in one count matrix; `reason` says why alpha and Fleiss' kappa (or all) are missing."""

    pairwise_agreement: float
    pair_weighted_agreement: float
    alpha: float
    ac1: float
    brennan_prediger: float
    fleiss_kappa: float
    majority_agreement: float
    n_items: int
    n_paired_items: int
    n_ratings: int
    reason: str


def agreement_from_counts(counts: npt.ArrayLike) -> AgreementPoint:
    """Compute agreement from a matrix of counts, items by categories.

    Parameters
    ----------
    counts : array of shape (items, categories)
        How many people gave each answer; items may have different totals, and categories nobody used still
        count as categories for AC1 and Brennan-Prediger.

    Returns
    -------
    AgreementPoint

    Notes
    -----
    With n_ic answers c of n_i to item i, and items with n_i >= 2 unless said otherwise:
    pairwise agreement A_i = sum_c n_ic (n_ic - 1) / (n_i (n_i - 1)), unbiased for the chance that two
    people agree; its mean over items and its mean over pairs; alpha = 1 - D_o / D_e with D_o = sum_i n_i (1
    - A_i) / W and D_e = (W² - sum_c N_c²) / (W (W - 1)). With pi_c the mean share over all items with an
    answer: AC1 = (A - e) / (1 - e) with e = sum_c pi_c (1 - pi_c) / (K - 1), Fleiss' kappa the same with e =
    sum_c pi_c² (Gwet's form for items with different numbers of answers; Fleiss' own where all have the same),
    Brennan-Prediger with e = 1 / K. `majority_agreement` is the mean share of the largest category over all
    items with an answer: biased upwards, for comparison only.

    References
    ----------
    Krippendorff (2011), "Computing Krippendorff's alpha-reliability"; Gwet (2008), BJMSP 61, 29-48; Fleiss
    (1971), Psychological Bulletin 76, 378-382; Brennan & Prediger (1981), EPM 41, 687-699. R:
    irr::kripp.alpha, irrCAC::gwet.ac1.raw, irrCAC::fleiss.kappa.raw, irrCAC::bp.coeff.raw.
    """
    table = _checked(counts)
    sizes = table.sum(axis=1)
    table, sizes = table[sizes > 0], sizes[sizes > 0]
    paired = sizes >= 2
    totals = len(sizes), int(paired.sum()), int(sizes.sum())
    majority = float((table.max(axis=1) / sizes).mean()) if len(sizes) else NAN
    if not paired.any():
        return AgreementPoint(NAN, NAN, NAN, NAN, NAN, NAN, majority, *totals, reason=NO_PAIR)
    pairs = sizes[paired] * (sizes[paired] - 1)
    disagreeing = unlike_pairs(table, sizes)[paired]
    mean = float((1 - disagreeing / pairs).mean())
    shares = mean_shares(table, sizes)
    alpha = _alpha(table[paired], sizes[paired])
    is_constant = bool((shares == 1).any())
    return AgreementPoint(
        pairwise_agreement=mean,
        pair_weighted_agreement=float(1 - disagreeing.sum() / pairs.sum()),
        alpha=alpha,
        ac1=_beyond(mean, ac1_chance(shares)),
        brennan_prediger=_beyond(mean, 1 / table.shape[1]),
        fleiss_kappa=NAN if is_constant else _beyond(mean, fleiss_chance(shares)),
        majority_agreement=majority,
        n_items=totals[0],
        n_paired_items=totals[1],
        n_ratings=totals[2],
        reason=ONE_CATEGORY if np.isnan(alpha) else "",
    )


def _checked(counts: npt.ArrayLike) -> Floats:
    """Refuse what is no matrix of counts."""
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError("counts must be a matrix with a row per item and at least two categories")
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError("counts must be finite and not negative")
    return table


def unlike_pairs(table: Floats, sizes: Floats) -> Floats:
    """Count the ordered pairs of unlike answers of each item."""
    return np.asarray(sizes**2 - (table**2).sum(axis=1))


def mean_shares(table: Floats, sizes: Floats) -> Floats:
    """Average the items' shares of each category; every item has an answer."""
    return np.asarray((table / sizes[:, None]).mean(axis=0))


def ac1_chance(shares: Floats) -> float:
    """Give the agreement by chance that AC1 takes away."""
    return float((shares * (1 - shares)).sum() / (len(shares) - 1))


def fleiss_chance(shares: Floats) -> float:
    """Give the agreement by chance that Fleiss' kappa takes away."""
    return float((shares**2).sum())


def _beyond(agreed: float, chance: float) -> float:
    return (agreed - chance) / (1 - chance)


def _alpha(table: Floats, sizes: Floats) -> float:
    total = sizes.sum()
    observed = float((unlike_pairs(table, sizes) / (sizes - 1)).sum() / total)
    expected = float((total**2 - (table.sum(axis=0) ** 2).sum()) / (total * (total - 1)))
    return 1 - observed / expected if expected > 0 else NAN
