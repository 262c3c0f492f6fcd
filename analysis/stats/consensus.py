"""Is there one culture behind the answers, or several? The consensus model of cultural anthropology, as a check."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, Mask, Observations, binary, count_used, has_repeats

NAN = float("nan")
LEAST_SHARED = 4
MOST_RESPONDENTS = 400
LEAST_PAIRS = 0.8
MOST_STEPS = 500
STILL = 1e-9


class Consensus(NamedTuple):
    """How well one shared key explains who agrees with whom; `reason` says why a number is missing."""

    eigenvalue_ratio: float
    first: float
    second: float
    mean_competence: float
    n_negative: int
    n_respondents: int
    n_items: int
    share_of_pairs: float
    reason: str


def consensus(frame: pd.DataFrame, *, value: str, respondent: str, item: str, seed: int) -> Consensus:
    """Fit the formal consensus model to 0/1 answers.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent and item; missing answers are left out.
    value, respondent, item : str
        Columns: 0/1 answers, who answered, about what.
    seed : int
        Of the draw of 400 respondents where there are more.

    Returns
    -------
    Consensus
        A ratio of the first to the second eigenvalue above 3 and no negative competence speak for one culture; a
        smaller ratio or many negative ones for several, or for none.

    Notes
    -----
    Agreement of two people freed of guessing, 2 m - 1 with m their share of matching answers, is modelled as d_i d_j,
    the product of their competences. Least squares with unknown diagonal (principal axes, iterated); pairs with fewer
    than four common items are filled in from the model, and where more than a fifth of the pairs are, nothing is
    said. No interval: a description, not a test.

    References
    ----------
    Romney, Weller & Batchelder (1986), American Anthropologist 88, 313-338; Batchelder & Romney (1988), Psychometrika
    53, 71-92. R: AnthroTools::ConsensusPipeline.
    """
    answers = _drawn(binary(frame, value, respondent, item), np.random.default_rng(seed))
    if has_repeats(answers.respondent, answers.item):
        raise ValueError("consensus needs at most one answer per respondent and item")
    people, items = (_compact(numbers) for numbers in (answers.respondent, answers.item))
    sizes = count_used(answers.respondent), count_used(answers.item)
    if sizes[0] < 3:
        return _missing(sizes, NAN, "fewer than three respondents")
    table = np.zeros(sizes)
    table[people, items] = 2 * answers.value - 1
    shared = np.abs(table) @ np.abs(table).T
    is_known = (shared >= LEAST_SHARED) & ~np.eye(sizes[0], dtype=bool)
    share = float(is_known.sum() / (sizes[0] * (sizes[0] - 1)))
    if share < LEAST_PAIRS:
        return _missing(sizes, share, f"too few pairs of respondents share {LEAST_SHARED} items")
    agreement = np.where(is_known, table @ table.T / np.maximum(shared, 1), 0.0)
    competence, roots = _fit(agreement, is_known)
    if not roots[0] > 0:
        return _missing(sizes, share, "people agree no more than by guessing")
    ratio = float(roots[0] / abs(roots[1])) if abs(roots[1]) > STILL else float("inf")
    n_negative = int((competence < 0).sum())
    return Consensus(ratio, float(roots[0]), float(roots[1]), float(competence.mean()), n_negative, *sizes, share, "")


def _fit(agreement: Floats, is_known: Mask) -> tuple[Floats, Floats]:
    """Give the competences and the eigenvalues of the completed matrix, the largest first."""
    competence = np.full(len(agreement), np.sqrt(max(agreement[is_known].mean(), 0.01)))
    roots = np.zeros(2)
    for _ in range(MOST_STEPS):
        filled = np.where(is_known, agreement, np.outer(competence, competence))
        values, axes = np.linalg.eigh(filled)
        rest = values[:-1]
        roots = np.array([values[-1], rest[np.argmax(np.abs(rest))]])
        found = np.sqrt(max(values[-1], 0.0)) * axes[:, -1]
        found = found if found.sum() >= 0 else -found
        moved = float(np.abs(found - competence).max())
        competence = found
        if moved < STILL:
            break
    return competence, roots


def _drawn(answers: Observations, rng: np.random.Generator) -> Observations:
    people = np.unique(answers.respondent)
    if len(people) <= MOST_RESPONDENTS:
        return answers
    return answers.where(np.isin(answers.respondent, rng.choice(people, MOST_RESPONDENTS, replace=False)))


def _compact(numbers: Codes) -> Codes:
    return np.unique(numbers, return_inverse=True)[1].astype(np.intp)


def _missing(sizes: tuple[int, int], share: float, reason: str) -> Consensus:
    return Consensus(NAN, NAN, NAN, NAN, 0, *sizes, share, reason)
