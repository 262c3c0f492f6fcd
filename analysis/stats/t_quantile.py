"""Quantiles of the t distribution without numerical libraries, for pages of the web process. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

N_HALVINGS = 100
TINY = 1e-300


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: float) -> float:
    """Give the value below which t with `freedom` degrees of freedom falls with `probability` (above one half)."""
    low, high = 0.0, 1.0
    while _below(high, freedom) < probability:
        low, high = high, high * 2
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _below(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def _below(t: float, freedom: float) -> float:
    """Give P(T <= t) for t >= 0: 1 - I(df / (df + t²); df/2, 1/2) / 2."""
    return 1 - _beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """Give the regularised incomplete beta function, by the continued fraction of Abramowitz & Stegun 26.5.8."""
    if x in (0.0, 1.0):
        return x
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction by Lentz's method."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 500):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _not_zero(1 + step * d), _not_zero(1 + step / c)
            found *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return found


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
