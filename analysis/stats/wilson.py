"""An interval for a share of independent answers, such as different people's answers to one item."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from analysis.stats.observations import Floats


def wilson_interval(ones: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Give Wilson's score interval of `ones` among `n` independent answers, both arrays of one shape or numbers.

    With p = ones / n and z the normal quantile: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n); missing without
    answers. Not for answers that share respondents or items: those have `rates.rate`.

    References
    ----------
    Wilson (1927), JASA 22, 209-212; Newcombe (1998), Statistics in Medicine 17, 857-872. R:
    prop.test(correct = FALSE), binom::binom.wilson.
    """
    counts = np.asarray(n, dtype=float)
    total = np.where(counts > 0, counts, np.nan)
    share = np.asarray(ones, dtype=float) / total
    z = float(ndtri(0.5 + level / 2))
    middle = share + z**2 / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    width = 1 + z**2 / total
    return np.maximum((middle - half) / width, 0.0), np.minimum((middle + half) / width, 1.0)
