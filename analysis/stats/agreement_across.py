"""Do people agree more with people of their own group than with those of other groups, about the same items?"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.agreement import count, spread
from analysis.stats.agreement_difference import DIFFERENCE_COLUMNS
from analysis.stats.agreement_influence import Influence
from analysis.stats.agreement_points import NAN
from analysis.stats.observations import Floats, Mask, binary, codes, count_used, has_repeats, require
from analysis.stats.rated import Rated
from analysis.stats.twoway import require_level, t_test, why_no_interval

ALL_GROUPS = "all"
NO_SHARED = "no item has two answers in each of two groups"
COLUMNS = ["within", "across", *(name for name in DIFFERENCE_COLUMNS if name != "measure")]


class _Table(NamedTuple):
    """Answers per item and group: ones, all, the rate, and whether there are two answers."""

    ones: Floats
    sizes: Floats
    rate: Floats
    usable: Mask


class _Found(NamedTuple):
    """The two means, what carries them, and the derivatives of their difference (items by groups by answer).

    `used` are the items, `units` the items by groups, with answers enough.
    """

    within: float
    across: float
    used: Mask
    units: Mask
    by_answer: Floats
    by_item: Floats


def agreement_across(
    frame: pd.DataFrame, *, value: str, respondent: str, item: str, group: str, level: float = 0.95
) -> pd.DataFrame:
    """Compare the agreement of two people of one group with that of two people of different groups.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent and item; missing answers are left out.
    value, respondent, item, group : str
        Columns: 0/1 answers, who answered, about what, and the respondent's group (their country).
    level : float
        Confidence level of the difference.

    Returns
    -------
    DataFrame
        One row for all groups together ("all") and one per group: `within`, `across`, and within minus across
        (`estimate`) with the columns of `AgreementDifference`; `n_items` counts the items with two answers in
        each of two groups, which alone say something.

    Notes
    -----
    Per item, with a_g ones among n_g answers of group g and p_g = a_g / n_g, over groups with n_g >= 2: within
    W_g = 1 - 2 a_g b_g / (n_g (n_g - 1)), across X_gh = p_g p_h + (1 - p_g)(1 - p_h). All together: the mean of
    W_g over groups and of X_gh over pairs of groups, averaged over items; their difference is unbiased for the
    mean of (p_g - p_h)² over pairs of groups and items, and 0 only where groups have the same rates on every
    item. A group's own row: W_g against the mean of X_gh over the other groups; it can be below 0 where
    another group is more of one mind. Standard error: two-way, from the derivative by each answer's weight,
    items by their own deviation.

    References
    ----------
    Wong, Paritosh & Aroyo (2021), "Cross-replication reliability"; Prabhakaran et al. (2024), "GRASP".
    """
    require_level(level)
    require(frame, [group])
    answered = binary(frame, value, respondent, item)
    if has_repeats(answered.respondent, answered.item):
        raise ValueError("agreement needs at most one answer per respondent and item")
    given = frame.loc[frame[value].notna(), [group]]
    of_answer = codes(given, [group])
    names = given[group].unique()
    n_groups = max(len(names), 1)
    n_items = int(answered.item.max(initial=-1)) + 1
    rated = Rated(
        category=answered.value.astype(np.intp),
        respondent=answered.respondent,
        unit=answered.item * n_groups + of_answer,
        cluster=np.repeat(np.arange(n_items), n_groups),
        n_categories=2,
    )
    table = _table(rated.counts().reshape(n_items, n_groups, 2))
    order = sorted(range(len(names)), key=lambda place: str(names[place]))
    rows = [_row(ALL_GROUPS, _compare_all(table), rated, level)]
    rows += [_row(str(names[place]), _compare_one(table, place), rated, level) for place in order]
    return pd.DataFrame(rows, columns=["group", *COLUMNS])


def _table(counts: Floats) -> _Table:
    ones, sizes = counts[:, :, 1], counts.sum(axis=2)
    usable = sizes >= 2
    return _Table(ones, sizes, np.where(usable, ones / np.maximum(sizes, 1), 0.0), usable)


def _compare_all(table: _Table) -> _Found:
    n_groups = table.usable.sum(axis=1)
    used = n_groups >= 2
    share = 1 / np.where(used, n_groups, 1)[:, None]
    weight = np.where(used[:, None] & table.usable, share, 0.0)
    signed = np.where(table.usable, 2 * table.rate - 1, 0.0)
    others = signed.sum(axis=1, keepdims=True) - signed
    slope = np.where(weight > 0, others * 2 * share / np.where(used, n_groups - 1, 1)[:, None], 0.0)
    # X_gh = (1 + s_g s_h) / 2 with s = 2p - 1, so that a mean over pairs is that of the products.
    products = (signed * others).sum(axis=1) / np.where(used, n_groups * (n_groups - 1), 1)
    return _found(table, weight, slope, (1 + products) / 2, used)


def _compare_one(table: _Table, place: int) -> _Found:
    signed = np.where(table.usable, 2 * table.rate - 1, 0.0)
    n_others = table.usable.sum(axis=1) - table.usable[:, place]
    used = table.usable[:, place] & (n_others >= 1)
    share = np.where(used, 1 / np.maximum(n_others, 1), 0.0)
    others = (signed.sum(axis=1) - signed[:, place]) * share
    weight = np.zeros(table.rate.shape)
    weight[:, place] = used
    slope = np.where(table.usable, (signed[:, place] * share)[:, None], 0.0)
    slope[:, place] = np.where(used, others, 0.0)
    return _found(table, weight, slope, (1 + signed[:, place] * others) / 2, used)


def _found(table: _Table, weight: Floats, slope: Floats, across: Floats, used: Mask) -> _Found:
    """Put the means and derivatives together.

    `weight` is each group's share in the item's agreement within, `slope` the derivative of the item's agreement
    across by each group's rate, `across` that agreement.
    """
    n_used = int(used.sum())
    units = table.usable & used[:, None]
    if n_used == 0:
        return _Found(NAN, NAN, used, units, np.zeros((*weight.shape, 2)), np.zeros(len(used)))
    ones, zeros = table.ones, table.sizes - table.ones
    pairs = np.where(table.usable, table.sizes * (table.sizes - 1), 1.0)
    unlike = 2 * ones * zeros
    within = (weight * (1 - unlike / pairs)).sum(axis=1)
    difference = np.where(used, within - across, 0.0)
    by_answer = np.empty((*weight.shape, 2))
    for category, opposite in ((0, ones), (1, zeros)):
        change = -(2 * opposite / pairs - unlike * 2 * (table.sizes - 1) / pairs**2)
        by_answer[:, :, category] = weight * change - slope * (category - table.rate) / np.maximum(table.sizes, 1)
    means = within[used].mean(), across[used].mean()
    deviations = np.where(used, difference - (means[0] - means[1]), 0.0)
    return _Found(float(means[0]), float(means[1]), used, units, by_answer / n_used, deviations / n_used)


def _row(name: str, found: _Found, rated: Rated, level: float) -> dict[str, object]:
    n_groups = found.by_answer.shape[1]
    by_unit = found.by_answer.reshape(-1, 2)
    carrying = found.units.ravel()[rated.unit]
    sizes = {
        "n": int(carrying.sum()),
        "n_respondents": count_used(rated.respondent[carrying]) if carrying.any() else 0,
        "n_items": int(found.used.sum()),
    }
    start = {"group": name, "within": found.within, "across": found.across, "estimate": found.within - found.across}
    if not found.used.any():
        return {**start, **sizes, "reason": NO_SHARED}
    on_first = np.zeros((len(found.used), n_groups))
    on_first[:, 0] = found.by_item
    se = spread(Influence(by_unit, on_first.ravel()), count(rated)).twoway
    if reason := why_no_interval(se, sizes["n_respondents"], sizes["n_items"]):
        return {**start, **sizes, "reason": reason}
    df = min(sizes["n_respondents"], sizes["n_items"]) - 1
    test = t_test(found.within - found.across, se, df, level, most=1.0)
    return {**start, **test._asdict(), "se": se, "df": df, **sizes, "reason": ""}
