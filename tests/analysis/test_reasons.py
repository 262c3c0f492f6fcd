"""Reasons for missing numbers are shown in words, whatever columns and levels the statistics name."""

from typing import Any

import pytest

from analysis.models import AnalysisRun
from analysis.parameters import COMPLETE_ONLY, in_words, without
from analysis.reasons import column, worded
from analysis.reports.doubts import named
from analysis.results.shown import adjustment
from analysis.results.stored import Results


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", ""),
        ("fewer than two items", "fewer than two items"),
        ("all answers are the same: in every group", "in every group all answers are the same"),
        ("all answers are the same: respondent_country IN", "all answers are the same: people of India"),
        (
            "all answers are the same: question norm, respondent_country US; relation close; gender woman and 2 more",
            "all answers are the same: norm judgments × people of the United States of America; scenarios of close "
            "countries; women and 2 more",
        ),
        (
            "all answers are the same: respondent_country[BR]; intercept; share_of_far",
            "all answers are the same: people of Brazil; the reference group; how many of an item's answers are of "
            "scenarios of far countries",
        ),
        (
            "all answers are the same: close, norm",
            "all answers are the same: scenarios of close countries × norm judgments",
        ),
        (
            "all answers are the same: respondent_country Narnia, the west, age_bucket older",
            "all answers are the same: respondent's country: Narnia, the west × older people",
        ),
        ("no answers: same", "no answers: scenarios of the own country"),
        ("no answers: younger_female", "no answers: younger women"),
        ("no answers: the numbers of this row are no result", "no answers: the numbers of this row are no result"),
        ("fewer than two respondents: norm_follows_culture", "fewer than two respondents: norm judgments"),
        (
            "the other columns already determine question[norm]:relation[far]; receiver_age[not given]",
            "the other factors already determine norm judgments × scenarios of far countries; receiver's age: not "
            "given",
        ),
        ("fewer than two levels of item_code", "fewer than two items"),
        (
            "fewer than two levels with two respondents and two items",
            "fewer than two levels with two respondents and two items",
        ),
        (
            "the differences between levels of own|respondent grow without end",
            "the differences between respondents in the own-country effect grow without end",
        ),
    ],
)
def test_a_reason_is_written_with_the_words_of_the_page(reason: str, words: str) -> None:
    assert worded(reason) == words


def test_a_column_nobody_knows_keeps_its_name() -> None:
    assert column("scenario_country[MM]") == "scenarios set in Myanmar"
    assert column("weight") == "weight"


def test_pages_read_words_where_the_stored_table_keeps_the_codes() -> None:
    rows: list[list[str | None]] = [["country", "all answers are the same: relation far"], ["age", None]]
    table = {"columns": ["factor", "reason"], "rows": rows}
    results = Results(AnalysisRun(results={"facts": {}, "tables": {"drop_one": table}}))
    assert [row["reason"] for row in results.rows("drop_one")] == [
        "all answers are the same: scenarios of far countries", None
    ]  # fmt: skip
    assert rows[0][1] == "all answers are the same: relation far"


def test_without_a_plan_no_test_is_of_a_family_of_the_plan() -> None:
    table = {
        "columns": ["p_value", "p_adjusted", "p_adjustment", "p_family"],
        "rows": [[0.01, 0.02, "holm", "primary"]],
    }
    plans: list[dict[str, Any]] = [{"plan": None}, {"plan": {"version": 1}}, {}]
    told = [
        adjustment(Results(AnalysisRun(results={"facts": facts, "tables": {"plan": table}})).rows("plan"))
        for facts in plans
    ]
    named = "; p adjusted by Holm (primary family of the plan)"
    assert told == ["; p adjusted by Holm", named, named]


def test_exclusions_are_told_in_words() -> None:
    assert in_words(COMPLETE_ONLY) == "complete sessions"
    assert in_words(without("too_fast")) == "not flagged for median time on a scenario below the limit"
    assert in_words("from BR, XX") == "from Brazil, XX"


def test_of_many_names_the_first_few_stand_but_never_all_but_one() -> None:
    names = ["Brazil", "India", "South Africa", "United Kingdom", "United States of America", "Peru"]
    assert named(names[:5]) == "Brazil, India, South Africa, United Kingdom, United States of America"
    assert named(names) == "Brazil, India, South Africa, United Kingdom and 2 more"
