"""What training from base to instruct changes: the same instances decided by both, with what cannot be read bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, stdtrit

from analysis.stats.alignment.delta import Function, Means, Part, fixed, influences
from analysis.stats.observations import Codes, Floats, Mask, codes, require
from analysis.stats.twoway import NEGLIGIBLE, require_level, t_test

NAN = float("nan")
MEASURES = (
    "rate_first",
    "rate_second",
    "net_shift",
    "flip_plus",
    "flip_minus",
    "flips",
    "rerun_flips",
    "excess_flips",
    "kappa",
)
NO_PAIRS = "no instance was decided by both"
NO_RERUNS = "no instance was decided twice by both: flips of a rerun are not known"
ONE_DECISION = "every decision is the same"
LIMITS = {"net_shift": (-1.0, 1.0), "excess_flips": (-1.0, 1.0), "kappa": (-1.0, 1.0)}  # others lie in [0, 1]
BOUNDED = ("rate_first", "rate_second", "net_shift")


@dataclass(frozen=True)
class Shift:
    """One measure with its interval clustered by source, and the bounds that undecided answers leave."""

    measure: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    p_value: float
    bound_low: float
    bound_high: float
    bounds_ci_low: float
    bounds_ci_high: float
    n_pairs: int
    n_sources: int
    n_undecided: int
    reason: str


class McNemar(NamedTuple):
    """The test of two paired shares that takes all pairs as independent."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class Pairs:
    """Instances that both stages were asked about: answers, decided ones and ones of each, and the source of each."""

    asked: tuple[Floats, Floats]
    decided: tuple[Floats, Floats]
    ones: tuple[Floats, Floats]
    source: Codes

    def rate(self, side: int) -> Floats:
        """Give the share of ones among decided answers; 0 where none was."""
        return self.ones[side] / np.maximum(self.decided[side], 1)

    @property
    def both(self) -> Mask:
        return (self.decided[0] > 0) & (self.decided[1] > 0)


SHIFT_COLUMNS = list(Shift.__dataclass_fields__)


def shift_table(
    frame: pd.DataFrame,
    *,
    value: str,
    stage: str,
    first: str,
    second: str,
    instance: Sequence[str],
    source: str,
    by: Sequence[str],
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two stages of a model on the instances that both were asked about, in every group.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; several answers of a stage to an instance are reruns of it.
    value : str
        Column of 0/1 decisions; missing where the answer could not be read.
    stage, first, second : str
        Column of the stage, and the two stages compared.
    instance, source : sequence of str, str
        Columns that together name an instance, and the item it was made from.
    by : sequence of str
        Columns that name a group, such as the model family and the prompt condition.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `by`, then the fields of `Shift`, one row per measure in `MEASURES`; groups without one of the stages are
        left out.
    """
    require(frame, [value, stage, source, *instance, *by])
    require_level(level)
    rows: list[dict[str, Any]] = []
    groups = frame.groupby(list(by), dropna=False, observed=True) if by else [((), frame)]
    for key, group in groups:
        if {first, second} <= set(group[stage].dropna().unique()):
            pairs = pair_stages(
                group, value=value, stage=stage, stages=(first, second), instance=instance, source=source
            )
            rows += [{**dict(zip(by, key, strict=True)), **asdict(found)} for found in shift(pairs, level)]
    return pd.DataFrame(rows, columns=[*by, *SHIFT_COLUMNS])


def pair_stages(
    frame: pd.DataFrame, *, value: str, stage: str, stages: tuple[str, str], instance: Sequence[str], source: str
) -> Pairs:
    """Count answers of both stages by instance; instances that one stage was not asked about are left out."""
    keys = list(dict.fromkeys([source, *instance]))
    values = frame[value].astype(float)
    if not values.dropna().isin([0, 1]).all():
        raise ValueError(f"{value}: decisions must be 0, 1 or missing")
    sides = []
    for side, name in enumerate(stages):
        mine = frame[stage] == name
        rows = frame.loc[mine, keys].assign(asked=1, decided=values[mine].notna(), ones=values[mine].fillna(0))
        sides.append(rows.groupby(keys, dropna=False, observed=True).sum().add_suffix(f"_{side}"))
    joined = sides[0].join(sides[1], how="inner").reset_index()

    def both(name: str) -> tuple[Floats, Floats]:
        return joined[f"{name}_0"].to_numpy(float), joined[f"{name}_1"].to_numpy(float)

    return Pairs(both("asked"), both("decided"), both("ones"), codes(joined, [source]))


def shift(pairs: Pairs, level: float = 0.95) -> list[Shift]:
    """Estimate shift, flips, flips beyond those of a rerun, kappa and bounds, with errors clustered by source.

    Notes
    -----
    b, i: the shares of ones of an instance before and after, over its decided answers. Over the instances that both
    decided: rates mean b and mean i; net shift mean (i - b); flip+ mean i (1 - b), flip- mean b (1 - i), flips their
    sum; kappa = (P - Pe) / (1 - Pe), P = 1 - flips, Pe from the two rates. Rerun flips: the mean over both stages of
    2 k b (1 - b) / (k - 1), k >= 2 the decided answers of the instance: how often a stage contradicts itself. Excess
    flips: flips minus rerun flips over those instances, which estimates mean (i - b)² of the true shares: 0 where
    nothing changed, however random the answers.

    Bounds: every undecided answer counted as 0, or as 1, over all instances (of the shift: as 1 before and 0 after,
    and the reverse); no assumption about why it could not be read. Their interval covers the bounds' own sampling:
    bound ± t × SE. t with sources - 1 degrees of freedom. The t test of the net shift is the clustered McNemar test.

    References
    ----------
    Obuchowski (1998), Statistics in Medicine 17, 1495-1507 (clustered McNemar). Manski (1990), AER 80, 319-323
    (bounds). Horowitz & Manski (2000), JASA 95, 77-84. R: `lm(difference ~ 1)` with `sandwich::vcovCL(~ source)`, HC0
    without small-sample factor; `psych::cohen.kappa`.
    """
    estimands = _estimands(pairs)
    return [_shift(pairs, name, *estimands[name], level) for name in MEASURES]


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """Test whether two paired shares are equal, all pairs independent: (n10 - n01)² / (n10 + n01) on χ² with 1 df.

    McNemar (1947), Psychometrika 12, 153-157. R: mcnemar.test(correct = FALSE).
    """
    if first_only + second_only == 0:
        return McNemar(NAN, NAN)
    statistic = (first_only - second_only) ** 2 / (first_only + second_only)
    return McNemar(statistic, float(chdtrc(1, statistic)))


def _estimands(pairs: Pairs) -> dict[str, tuple[Function, dict[str, Part], Mask, str]]:
    b, i, both = pairs.rate(0), pairs.rate(1), pairs.both
    why_no_kappa = ONE_DECISION if both.any() else NO_PAIRS
    twice = (pairs.decided[0] >= 2) & (pairs.decided[1] >= 2)
    plus, minus = i * (1 - b), b * (1 - i)
    rerun = (_self_flips(pairs, 0) + _self_flips(pairs, 1)) / 2

    def mean(values: Floats, mask: Mask, why_not: str) -> tuple[Function, dict[str, Part], Mask, str]:
        return lambda means: means["value"], {"value": fixed(values[mask])}, mask, why_not

    return {
        "rate_first": mean(b, both, NO_PAIRS),
        "rate_second": mean(i, both, NO_PAIRS),
        "net_shift": mean(i - b, both, NO_PAIRS),
        "flip_plus": mean(plus, both, NO_PAIRS),
        "flip_minus": mean(minus, both, NO_PAIRS),
        "flips": mean(plus + minus, both, NO_PAIRS),
        "rerun_flips": mean(rerun, twice, NO_RERUNS),
        "excess_flips": mean(plus + minus - rerun, twice, NO_RERUNS),
        "kappa": (
            _kappa,
            {"b": fixed(b[both]), "i": fixed(i[both]), "flips": fixed((plus + minus)[both])},
            both,
            why_no_kappa,
        ),
    }


def _self_flips(pairs: Pairs, side: int) -> Floats:
    k, rate = pairs.decided[side], pairs.rate(side)
    flips: Floats = 2 * k * rate * (1 - rate) / np.maximum(k - 1, 1)
    return flips


def _kappa(means: Means) -> complex:
    chance = means["b"] * means["i"] + (1 - means["b"]) * (1 - means["i"])
    if abs(1 - chance) <= NEGLIGIBLE:
        return complex(NAN)
    return (1 - means["flips"] - chance) / (1 - chance)


def _shift(
    pairs: Pairs, name: str, function: Function, parts: dict[str, Part], mask: Mask, why_not: str, level: float
) -> Shift:
    bounds = _bounds(pairs, name, level) if name in BOUNDED else (NAN, NAN, NAN, NAN)
    source = pairs.source[mask]
    n_sources = len(np.unique(source))
    undecided = sum(float((pairs.asked[side] - pairs.decided[side]).sum()) for side in (0, 1))
    sizes = int(mask.sum()), n_sources, int(undecided)
    if not mask.any():
        return Shift(name, NAN, NAN, NAN, NAN, NAN, NAN, *bounds, *sizes, why_not)
    found = influences(parts, function)
    if np.isnan(found.estimate):
        return Shift(name, NAN, NAN, NAN, NAN, NAN, NAN, *bounds, *sizes, why_not)
    se = _clustered(found.item, source)
    if n_sources < 2:
        return Shift(name, found.estimate, NAN, NAN, NAN, NAN, NAN, *bounds, *sizes, "fewer than two sources")
    if not se > NEGLIGIBLE:
        return Shift(name, found.estimate, NAN, NAN, NAN, NAN, NAN, *bounds, *sizes, "no variation between sources")
    test = t_test(found.estimate, se, n_sources - 1, level)
    p_value = test.p_value if name in ("net_shift", "excess_flips", "kappa") else NAN
    low, high = LIMITS.get(name, (0.0, 1.0))
    interval = max(test.ci_low, low), min(test.ci_high, high), n_sources - 1, p_value
    return Shift(name, found.estimate, se, *interval, *bounds, *sizes, "")


def _bounds(pairs: Pairs, name: str, level: float) -> tuple[float, float, float, float]:
    low, high = ([pairs.ones[side] / pairs.asked[side] for side in (0, 1)] for _ in range(2))
    for side in (0, 1):
        high[side] = high[side] + 1 - pairs.decided[side] / pairs.asked[side]
    ends = {
        "rate_first": (low[0], high[0]),
        "rate_second": (low[1], high[1]),
        "net_shift": (low[1] - high[0], high[1] - low[0]),
    }[name]
    if len(pairs.source) == 0:
        return NAN, NAN, NAN, NAN
    means = [float(end.mean()) for end in ends]
    n_sources = len(np.unique(pairs.source))
    if n_sources < 2:
        return means[0], means[1], NAN, NAN
    t = float(stdtrit(n_sources - 1, 0.5 + level / 2))
    errors = [_clustered((end - end.mean()) / len(end), pairs.source) for end in ends]
    floor = -1.0 if name == "net_shift" else 0.0
    return means[0], means[1], max(means[0] - t * errors[0], floor), min(means[1] + t * errors[1], 1.0)


def _clustered(influence: Floats, source: Codes) -> float:
    return float(np.sqrt((np.bincount(source, influence) ** 2).sum()))
