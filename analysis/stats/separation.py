"""Complete and quasi-complete separation: directions along which a logistic likelihood rises without end."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from analysis.stats.observations import Floats
from analysis.stats.terms import Patterns

Flags = npt.NDArray[np.bool_]

NONZERO = 1e-6


def separating_direction(x: Floats, successes: Floats, trials: Floats) -> Floats | None:
    """Find a direction of the coefficients that predicts some patterns perfectly and contradicts none.

    Parameters
    ----------
    x : array (patterns, columns)
        Design matrix.
    successes, trials : array (patterns,)
        Answers that are 1, and all answers, per pattern; no pattern without answers.

    Returns
    -------
    array (columns,) or None
        None where the likelihood has a finite maximum (for a design of full rank).

    Notes
    -----
    Maximises sum(s_i x_i g) over -1 <= g <= 1 subject to s_i x_i g >= 0 where all answers of a pattern are alike
    (s = 1 or -1) and x_i g = 0 where they are not; a positive maximum is separation.

    References
    ----------
    Konis (2007), Linear programming algorithms for detecting separated data in binary logistic regression models,
    DPhil thesis, Oxford, chapter 3. R: `detectseparation::detect_separation` (`implementation = "primal"`).
    """
    sign = np.where(successes == trials, 1.0, np.where(successes == 0, -1.0, 0.0))
    is_pure = sign != 0
    if not is_pure.any():
        return None
    gains = sign[is_pure, None] * x[is_pure]
    mixed = x[~is_pure]
    found = linprog(
        -gains.sum(axis=0),
        A_ub=-gains,
        b_ub=np.zeros(len(gains)),
        A_eq=mixed if len(mixed) else None,
        b_eq=np.zeros(len(mixed)) if len(mixed) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if found.x is None or found.fun is None or -float(found.fun) <= NONZERO:
        return None
    return np.asarray(found.x, dtype=np.float64)


def name_groups(patterns: Patterns, flags: Flags) -> list[str]:
    """Name the groups that lie within the flagged patterns: single levels, then pairs not named by a single level."""
    if flags.all():
        return ["in every group"] if len(patterns) else []
    factors = {name: one for name, one in patterns.variables.items() if one.numbers is None}
    named: list[str] = []
    covered = np.zeros(len(patterns), bool)
    for size in (1, 2):
        fresh = covered.copy()
        for names in combinations(factors, size):
            code = np.zeros(len(patterns), np.intp)
            for name in names:
                code = code * len(factors[name].labels) + factors[name].codes
            for level in np.unique(code[flags & ~covered]):
                group = code == level
                if flags[group].all():
                    where = np.flatnonzero(group)[0]
                    named.append(
                        ", ".join(f"{name} {factors[name].labels[factors[name].codes[where]]}" for name in names)
                    )
                    fresh |= group
        covered = fresh
        if covered[flags].all():
            break
    return named
