"""Rates and alpha from sums over items that can be kept up by adding. Plain Python: the web process imports it."""

from typing import NamedTuple


class ItemSums(NamedTuple):
    """Sums over the items of a group, with n answers to an item of which a are 1.

    `n` and `n_culture` are over all items; the other three over items with n >= 2: the answers, the 1s among them, and
    the sum of 2 a (n - a) / (n - 1).
    """

    n: int
    n_culture: int
    n_paired: int
    n_paired_culture: int
    disagreement: float


def rate(sums: ItemSums) -> float | None:
    """Give the share of 1s; None without answers."""
    return sums.n_culture / sums.n if sums.n else None


def alpha(sums: ItemSums) -> float | None:
    """Give Krippendorff's alpha; None where no item has two answers or every answer is the same.

    alpha = 1 - D_o / D_e with D_o = disagreement / W and D_e = 2 A (W - A) / (W (W - 1)), where W = `n_paired` and A =
    `n_paired_culture`. The same number as `stats.agreement` gives from the answers.

    References
    ----------
    Krippendorff (2011), "Computing Krippendorff's alpha-reliability". R: irr::kripp.alpha.
    """
    total, ones = sums.n_paired, sums.n_paired_culture
    unlike_pairs = 2 * ones * (total - ones)
    return 1 - sums.disagreement * (total - 1) / unlike_pairs if unlike_pairs else None


Z_95 = 1.959963984540054


def wilson_95(ones: int, n: int) -> tuple[float, float] | None:
    """Give Wilson's 95% score interval of a share of different people's answers to one item; None without answers.

    The same numbers as `stats.wilson`, which gives the formula and its source.
    """
    if not n:
        return None
    share, width = ones / n, 1 + Z_95**2 / n
    middle = share + Z_95**2 / (2 * n)
    half = Z_95 * (share * (1 - share) / n + Z_95**2 / (4 * n**2)) ** 0.5
    return max(0.0, (middle - half) / width), min(1.0, (middle + half) / width)
