"""Is there more disagreement inside items, or has only the mean moved? Two groups told apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.agreement import AgreementEstimate, count, interval_of
from analysis.stats.agreement_difference import AgreementDifference, agreement_difference, compare
from analysis.stats.agreement_influence import combined, disagreement
from analysis.stats.agreement_points import NAN, NO_PAIR, ONE_CATEGORY
from analysis.stats.latent import disagreement_of, disagreement_slope, latent_icc
from analysis.stats.observations import Floats
from analysis.stats.rated import Rated, read_pair, read_rated
from analysis.stats.twoway import require_level

MEASURES = ("disagreement", "from_mean", "given_mean", "latent_icc", "alpha")
BINARY = (0.0, 1.0)
NO_LATENT = "nobody disagrees about an item, or more people than can by chance"


class _Group(NamedTuple):
    """One group: share of 1s, disagreement, latent correlation, and the tables of what an answer moves of each."""

    counts: Floats
    share: float
    disagreement: float
    latent: float
    moves_share: Floats
    moves_disagreement: Floats
    moves_latent: Floats
    reason: str


def latent_agreement(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    cluster: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> AgreementEstimate:
    """Estimate how far items rather than people decide 0/1 answers, free of the mean, with a clustered interval.

    Parameters
    ----------
    frame, value, respondent, item, cluster, level
        As in `agreement.agreement`, answers 0 and 1.

    Returns
    -------
    AgreementEstimate
        Of measure `latent_icc`: 0 where everybody is split about every item in the same way, 1 where everybody
        agrees about every item.

    Notes
    -----
    Formula: `latent.latent_icc` of the share of 1s and alpha's observed disagreement, both over items with two
    answers; standard error from the influence of each answer on both, two-way.
    """
    require_level(level)
    rated = read_rated(frame, value, respondent, item, cluster, BINARY)
    group = _read(rated)
    influence = combined(group.counts, group.moves_latent)
    return interval_of("latent_icc", group.latent, influence, count(rated), group.reason, level)


def pluralism(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    group: str,
    first: str,
    second: str,
    cluster: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> tuple[AgreementDifference, ...]:
    """Compare disagreement inside items between two groups, and tell a shift of the mean from real disagreement.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent, item and group; missing answers are left out.
    value, respondent, item, cluster, level
        As in `agreement.agreement`, answers 0 and 1.
    group, first, second : str
        The column of groups and the two levels that are compared; other rows are ignored.

    Returns
    -------
    tuple of AgreementDifference
        First minus second, in the order of `MEASURES`. `disagreement`: the chance that two people answer an item
        differently; `from_mean` and `given_mean` are its two parts. The test of pluralism is that of
        `given_mean`; `latent_icc` and `alpha` are the same question on other scales.

    Notes
    -----
    D(p, rho) = 4 T(Phi^-1(p), sqrt((1-rho)/(1+rho))) as in `latent.latent_icc`, with p the share of 1s and rho the
    latent correlation of each group. given_mean = [D(p1, rho1) - D(p1, rho2) + D(p2, rho1) - D(p2, rho2)] / 2: what
    the disagreement would change if only rho did, at both means; from_mean the same with p changing at both rho. They
    add up to the difference. Standard errors and degrees of freedom: closed derivatives by each answer, two-way and
    corrected for few clusters as in `agreement_difference`; respondents and items in both groups are one cluster each.

    References
    ----------
    Owen (1956), Annals of Mathematical Statistics 27, 1075-1090; Das Gupta (1993), "Standardization and
    decomposition of rates"; Cameron, Gelbach & Miller (2011), JBES 29, 238-249.
    """
    require_level(level)
    pair = read_pair(frame, value, respondent, item, group, (first, second), cluster, BINARY)
    alphas = agreement_difference(
        frame,
        value=value,
        respondent=respondent,
        item=item,
        group=group,
        first=first,
        second=second,
        cluster=cluster,
        level=level,
    )
    return (*_compared(pair, level), next(difference for difference in alphas if difference.measure == "alpha"))


def _compared(pair: Sequence[Rated], level: float) -> list[AgreementDifference]:
    """Compare the groups in all measures but alpha."""
    one, other = _read(pair[0]), _read(pair[1])
    tables = _tables(one, other)
    reason = one.reason or other.reason
    estimates = {
        "disagreement": one.disagreement - other.disagreement,
        "latent_icc": one.latent - other.latent,
        **(_parts(one, other) if not reason else {"from_mean": NAN, "given_mean": NAN}),
    }
    found = []
    for measure in MEASURES[:-1]:
        first_table, second_table = tables[measure]
        parts = [combined(one.counts, first_table), combined(other.counts, -second_table)]
        why = _no_pair(one, other) if measure == "disagreement" else reason
        found.append(compare(measure, estimates[measure], pair, parts, why, level))
    return found


def _no_pair(*groups: _Group) -> str:
    return NO_PAIR if any(group.reason == NO_PAIR for group in groups) else ""


def _read(rated: Rated) -> _Group:
    counts = rated.counts()
    paired = counts.sum(axis=1) >= 2
    nothing = np.zeros_like(counts)
    if not paired.any():
        return _Group(counts, NAN, NAN, NAN, nothing, nothing, nothing, NO_PAIR)
    total = counts[paired].sum()
    share = float(counts[paired, 1].sum() / total)
    moves_share = np.where(paired[:, None], (np.array([0.0, 1.0]) - share) / total, 0.0)
    unlike, moves_unlike = disagreement(counts)
    latent = latent_icc(share, unlike)
    if np.isnan(latent.value):
        reason = ONE_CATEGORY if share in (0.0, 1.0) else NO_LATENT
        return _Group(counts, share, unlike, NAN, moves_share, moves_unlike, nothing, reason)
    moves_latent = latent.slope.by_share * moves_share + latent.slope.by_other * moves_unlike
    return _Group(counts, share, unlike, latent.value, moves_share, moves_unlike, moves_latent, "")


def _parts(one: _Group, other: _Group) -> dict[str, float]:
    crossed = disagreement_of(one.share, other.latent) - disagreement_of(other.share, one.latent)
    whole = one.disagreement - other.disagreement
    return {"from_mean": (whole + crossed) / 2, "given_mean": (whole - crossed) / 2}


def _tables(one: _Group, other: _Group) -> dict[str, tuple[Floats, Floats]]:
    """Give what an answer of either group moves of each difference."""
    tables = {
        "disagreement": (one.moves_disagreement, -other.moves_disagreement),
        "latent_icc": (one.moves_latent, -other.moves_latent),
    }
    if one.reason or other.reason:
        nothing = np.zeros_like(one.counts), np.zeros_like(other.counts)
        return {**tables, "from_mean": nothing, "given_mean": nothing}
    own_share = disagreement_slope(one.share, other.latent)
    other_share = disagreement_slope(other.share, one.latent)
    crossed = (
        own_share.by_share * one.moves_share - other_share.by_other * one.moves_latent,
        own_share.by_other * other.moves_latent - other_share.by_share * other.moves_share,
    )
    both = list(zip(tables["disagreement"], crossed, strict=True))
    mean_first, mean_second = ((whole + cross) / 2 for whole, cross in both)
    given_first, given_second = ((whole - cross) / 2 for whole, cross in both)
    return {**tables, "from_mean": (mean_first, mean_second), "given_mean": (given_first, given_second)}
