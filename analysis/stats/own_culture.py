"""Do people follow the culture less (or more) in scenarios of their own country than elsewhere?"""

from dataclasses import asdict
from functools import partial

import pandas as pd

from analysis.stats.observations import require
from analysis.stats.rates import DIFFERENCE_COLUMNS, difference

ALL_COUNTRIES = "all"


def own_culture_effect(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str,
    question: str,
    country: str,
    relation: str,
    own: str = "same",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the share that follows culture in own-country scenarios with that in each other relation.

    Parameters
    ----------
    frame : DataFrame
        One answer per row, personal and norm answers stacked.
    value, respondent, item, question, country, relation : str
        Columns: 0/1 answers (1 = follows culture), who answered, about what, which question, the
        respondent's country and the relation of the scenario's country to it.
    own : str
        The level of `relation` that means one's own country.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row per question, country ("all" first) and other relation: the own-country rate minus the other
        (`estimate`) with the columns of `rates.Difference`. A relation nobody met in a country keeps its
        row, with the reason.

    Notes
    -----
    A difference of pooled rates: countries weigh by their answers, and relations differ in their items,
    which the two-way standard error counts and the estimate does not remove. See `rates.difference` for the
    formula.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249. R: the HC0 two-way `sandwich::vcovCL` of `lm(y ~
    relation)`.
    """
    require(frame, [value, respondent, item, question, country, relation])
    others = [name for name in sorted(frame[relation].dropna().unique()) if name != own]
    rows = []
    for asked, answers in frame.groupby(question, observed=True):
        for place, group in [(ALL_COUNTRIES, answers), *answers.groupby(country, observed=True)]:
            compare = partial(difference, group, value=value, respondent=respondent, item=item, level=level)
            for other in others:
                effect = compare(group=relation, first=own, second=other)
                labels = {question: asked, country: place, "contrast": f"{own} - {other}"}
                rows.append({**labels, **asdict(effect)})
    return pd.DataFrame(rows, columns=[question, country, "contrast", *DIFFERENCE_COLUMNS])
