"""Respondents in an order that follows from what they answered alone, so that other ids give the same bytes.

Sums of floating-point numbers depend on their order in the last digits. A release has ids of its own; with respondents
renamed and sorted by their answers, its files give exactly the numbers that the site computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.reports.inputs import Data

# A release may coarsen age and gender, so they decide only between people who answered alike. Whoever agrees in all of
# it may change places: the sums stay the same.
ANSWERED = ("respondent_country", "item_code", "question", "choice", "option_order", "item_number", "duration_ms")
TOLD = ("age_bucket", "gender")
ORDER = ["respondent_id", "item_code", "question"]


def in_canonical_order(data: Data) -> Data:
    """Rename respondents by the order of their fingerprints, in all tables, and sort by the new names."""
    names = canonical_names(data.long)
    long = data.long.assign(respondent_id=data.long["respondent_id"].astype(str).map(names))
    human = data.paper_human.assign(respondent_id=data.paper_human["respondent_id"].astype(str).map(names))
    completions = data.completions
    if "yoked_to" in completions:
        renamed = completions["yoked_to"].astype(object).map(names.to_dict())
        completions = completions.assign(yoked_to=renamed.astype("category"))
    return replace(
        data,
        long=long.sort_values(ORDER, ignore_index=True, kind="stable"),
        completions=completions,
        paper_human=human.sort_values(["respondent_id", "scenario_item_id"], ignore_index=True, kind="stable"),
    )


def canonical_names(long: pd.DataFrame) -> pd.Series:
    """Name each respondent by their rank: ``r0000001`` and so on; ties keep the order of the old ids."""
    people = long["respondent_id"].astype(str)
    prints = pd.DataFrame({"answered": _prints(long, ANSWERED, people), "told": _prints(long, TOLD, people)})
    ranked = prints.sort_values(["answered", "told"], kind="stable").index
    return pd.Series([f"r{number:07}" for number in range(1, len(ranked) + 1)], index=ranked)


def _prints(long: pd.DataFrame, names: Sequence[str], people: pd.Series) -> pd.Series:
    """Give each respondent's fingerprint: the sum of the hashes of their rows, whole numbers in any order."""
    cells = {name: long[name].astype(object).where(long[name].notna(), "").astype(str) for name in names}
    return pd.util.hash_pandas_object(pd.DataFrame(cells), index=False).groupby(people).sum()
