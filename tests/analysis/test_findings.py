"""The sentences: what the interval allows, no more."""

from typing import Any

from analysis.models import AnalysisRun
from analysis.results import (
    agreement,
    alignment,
    drop_one,
    effect_sizes,
    own_culture,
    paper,
    plan,
    rates,
    shift,
    variance,
)
from analysis.results.sentences import NOTHING
from analysis.results.shown import group_label
from analysis.results.stored import Results

MEASURED = ("pairwise_agreement", "alpha")


def row(estimate: float | None, low: float | None = None, high: float | None = None, **labels: Any) -> dict[str, Any]:
    return {"estimate": estimate, "ci_low": low, "ci_high": high, **labels}


def rate(measure: str, *values: float | None) -> dict[str, Any]:
    return row(*values, grouping="overall", measure=measure)


def test_rates_state_both_shares_and_the_gap() -> None:
    rows = [rate("personal", 0.6, 0.5, 0.7), rate("norm", 0.7, 0.6, 0.8), rate("gap", 0.1, 0.02, 0.18)]
    assert rates.sentence(rows) == (
        "People follow the local expectation in 60% [50, 70] of their personal choices and call it appropriate in "
        "70% [60, 80] of their norm judgments: a gap of 10.0 points [2.0, 18.0], norm above personal."
    )


def test_negative_gap_turns_its_interval_with_its_words() -> None:
    rows = [rate("personal", 0.7, 0.6, 0.8), rate("norm", 0.6, 0.5, 0.7), rate("gap", -0.1, -0.18, -0.02)]
    assert rates.sentence(rows).endswith("a gap of 10.0 points [2.0, 18.0], personal above norm.")


def test_open_direction_is_said() -> None:
    rows = [rate("personal", 0.6, 0.5, 0.7), rate("norm", 0.7, 0.6, 0.8), rate("gap", 0.1, -0.02, 0.22)]
    assert "the interval holds zero: the direction is open" in rates.sentence(rows)


def test_missing_interval_is_said() -> None:
    rows = [rate("personal", 1.0, None, None), rate("norm", 1.0, None, None), rate("gap", 0.0, None, None)]
    assert rates.sentence(rows) == (
        "People follow the local expectation in 100% (no interval) of their personal choices and call it appropriate "
        "in 100% (no interval) of their norm judgments: no gap (no interval: the direction is open)."
    )


def test_a_silent_question_is_said() -> None:
    assert rates.sentence([rate("personal", 0.6, 0.5, 0.7)]) == (
        "People follow the local expectation in 60% [50, 70] of their personal choices. Nobody answered the norm "
        "question, so that there is no gap."
    )
    assert rates.sentence([rate("norm", 0.6, 0.5, 0.7), rate("gap", None, None, None)]) == (
        "People call the local expectation appropriate in 60% [50, 70] of their norm judgments. Nobody answered the "
        "personal question, so that there is no gap."
    )


def test_drop_one_says_why_nothing_can_be_said() -> None:
    rows = [{**lost("relation", None, None, 1, None), "reason": "all answers are the same: in every group"}]
    assert drop_one.sentence(rows) == "Nothing can be said yet: all answers are the same: in every group."


def test_groups_that_the_site_does_not_know_keep_their_names() -> None:
    assert [group_label("country", one) for one in ("Narnia", "US", "all")] == [
        "Narnia", "United States", "All countries"
    ]  # fmt: skip
    assert group_label("cell", "older_female") == "Older women"
    assert group_label("cell", "older_Prefer not to say") == "older_Prefer not to say"


def test_every_family_has_words_for_no_data() -> None:
    assert rates.sentence([]) == NOTHING
    for sentence in (family.sentence([]) for family in (agreement, own_culture, effect_sizes, alignment)):
        assert sentence.startswith("Nothing can be said yet")
    assert paper.sentence([], "") == "The paper's tables are empty: there are no human answers yet."
    assert paper.sentence([], "columns are missing").endswith("columns are missing.")


def own(*values: float | None, contrast: str, method: str = "mixed", **labels: Any) -> dict[str, Any]:
    place = {"respondent_country": "all", "outcome": "personal", "scale": "share", "reason": "", **labels}
    return row(*values, contrast=contrast, method=method, **place)


def test_own_culture_names_each_contrast_and_where_other_methods_lie() -> None:
    rows = [
        own(-0.085, -0.19, 0.021, contrast="same - close"),
        own(-0.19, -0.305, -0.075, contrast="same - far"),
        own(-0.02, -0.1, 0.06, contrast="same - far", method="logit_two_way"),
        own(-0.25, -0.4, -0.1, contrast="same - far", method="mixed_item_mean"),
        own(-0.9, -1.4, -0.4, contrast="same - far", method="within_item", scale="log_odds"),
        own(0.3, 0.2, 0.4, contrast="same - far", outcome="gap"),
    ]
    assert own_culture.sentence(rows) == (
        "In scenarios of their own country people follow the culture 8.5 points [−2.1, 19.0] less than in close "
        "countries (the interval holds zero: the direction is open), and 19.0 points [7.5, 30.5] less than in far "
        "countries (other methods: −25.0 to −2.0)."
    )


def test_own_culture_says_why_nothing_can_be_said() -> None:
    rows = [own(None, None, None, contrast="same - far", reason="all answers are the same: in every group")]
    assert own_culture.sentence(rows) == "Nothing can be said yet: all answers are the same: in every group."


def test_own_culture_gives_no_unit_to_what_is_not_estimable() -> None:
    columns = ["outcome", "respondent_country", "contrast", "method", "scale", "estimate", "ci_low", "ci_high",
               "p_value", "p_adjusted", "p_equivalence", "p_equivalence_adjusted", "n_respondents", "n_items",
               "n", "reason"]  # fmt: skip
    start = ["personal", "all", "same - far", "within_item", "log_odds"]
    rows = [[*start, *end, None, None, None, None, 9, 8, 72, ""] for end in ((None, None, None), (0.5, 0.1, 0.9))]
    stored = {"facts": {}, "tables": {"own_culture": {"columns": columns, "rows": rows}}}
    tables = own_culture.show(Results(AnalysisRun(results=stored))).tables
    (beside,) = (table for table in tables if table.name == "own_culture_methods")
    assert [row[2] for row in beside.rows] == ["not estimable", "0.50 [0.10, 0.90] log odds"]


def test_an_odds_ratio_without_an_end_is_not_written_out() -> None:
    columns = ["question", "quantity", "part", "estimate", "ci_low", "ci_high", "n_levels", "reason"]
    rows = [["personal", "median_odds_ratio", "item", 3.34, 1.09, 44319534.2, 9, ""]]
    stored = {"facts": {}, "tables": {"variance": {"columns": columns, "rows": rows}}}
    table = variance.show(Results(AnalysisRun(results=stored))).tables[0]
    assert "3.34 [1.09, over 1,000]" in table.rows[0]


def lost(factor: str, deviance: float | None, mixed: float | None, df: int, p: float | None) -> dict[str, Any]:
    return {"factor": factor, "deviance": deviance, "mixed_statistic": mixed, "mixed_df": df, "mixed_p_value": p}


def test_drop_one_names_what_matters_and_what_the_papers_ranking_would_say() -> None:
    rows = [
        lost("relation", 40.0, 46.2, 4, 2e-9),
        lost("respondent", 17.0, 4.1, 4, 0.39),
        lost("question", 60.0, 9.9, 2, 0.007),
        lost("scenario_country", 359.0, None, 1, None),
    ]
    assert drop_one.sentence(rows) == (
        "Beside what people and items differ in, answers depend on relation of the scenario's country (χ² 46.2 on 4, "
        "adjusted p < 0.001) and question (χ² 9.9 on 2, adjusted p = 0.007). By the raw deviance of independent "
        "answers, as the paper ranks, scenario's country would come first."
    )
    many = [lost(name, 1.0, 90.0 - place, 1, 0.0) for place, name in enumerate(list(drop_one.FACTORS)[:5])]
    assert "country (χ² 89.0 on 1, adjusted p < 0.001), relation" in drop_one.sentence(many)
    assert "p < 0.001) and 2 more." in drop_one.sentence(many)
    assert drop_one.sentence(rows[1:2]) == "Beside what people and items differ in, no factor is shown to matter."
    assert drop_one.sentence([]) == NOTHING


def match(predictor: str, *values: float, tag: str = "m", setting: str = "no_persona") -> dict[str, Any]:
    labels: dict[str, Any] = {
        "measure": "expected_match",
        "model_tag": tag,
        "persona_setting": setting,
        "question": "norm",
    }
    return row(*values, predictor=predictor, **labels)


def test_alignment_says_when_a_model_does_not_beat_the_rule() -> None:
    rows = [match("model", 0.65, 0.61, 0.69), match("always_culture", 0.68, 0.64, 0.73)]
    assert alignment.sentence(rows).endswith(
        "it gives a random person's norm judgment in 65% [61, 69] of cases; the rule of always following the culture "
        "does in 68% [64, 73]. It is not shown to do better than the rule."
    )


def test_alignment_names_the_closest_model_and_another_person() -> None:
    rows = [
        match("model", 0.6, 0.55, 0.65, tag="a"),
        match("model", 0.75, 0.7, 0.8, tag="b", setting="persona"),
        match("always_culture", 0.6, 0.55, 0.65, tag="b", setting="persona"),
        match("another_person", 0.7, 0.65, 0.75, tag="b", setting="persona"),
    ]
    sentence = alignment.sentence(rows)
    assert sentence.startswith("The closest is b with personas:")
    assert sentence.endswith(
        "another person in 70% [65, 75]. Its interval does not count that it was picked as the best of 2."
    )


def test_the_plan_s_tests_are_named_by_words_not_codes() -> None:
    row = {"hypothesis": "gap_by_country", "of": "BR − US"}
    assert plan.label(row) == "gap by country: Brazil − United States"
    assert plan.readable("norm − personal, all") == "norm − personal"
    assert plan.readable("same − far, US") == "own country − far countries, United States"
    assert plan.readable("meta-US-first_token, first_token") == "meta-US-first_token, first-token log-probabilities"


def test_factors_are_drawn_less_what_chance_alone_would_take() -> None:
    rows = [lost("relation", 40.0, 46.2, 4, 2e-9), lost("scenario_country", 359.0, None, 1, None)]
    rows = [one | {"deviance_less_df": one["deviance"] - 4, "aic": 32.0, "reason": "", "n": 9} for one in rows]
    rows = [
        one | {"p_value": 0.01, "df": 4, "p_adjusted": 0.02, "mixed_p_adjusted": one["mixed_p_value"]} for one in rows
    ]
    stored = {"columns": list(rows[0]), "rows": [list(one.values()) for one in rows]}
    facts = {"n_respondents": 20, "n_items": 30}
    made = drop_one.show(Results(AnalysisRun(results={"facts": facts, "tables": {"drop_one": stored}})))
    drawn = [[mark.text for mark in one.marks] for one in made.figures[0].rows]
    assert drawn == [["42.2", "36.0"], ["not estimable", "355.0"]]
    assert made.basis == "It rests on 9 answers, 20 respondents and 30 items."
    assert made.tables[0].rows[0][5] == "38.2"  # AIC: 46.2 less twice 4
    assert made.tables[0].rows[1][5] == "not estimable"


def moved(family: str, estimate: float, **bounds: float | None) -> dict[str, Any]:
    labels = {"measure": "net_shift", "model_family": family, "question": "norm", "condition": "balance"}
    return row(estimate, estimate - 0.05, estimate + 0.05, method="sample", n_undecided=0, **labels) | bounds


def test_the_direction_of_a_shift_is_open_where_its_bounds_with_their_own_error_hold_zero() -> None:
    bounds = {"n_undecided": 7, "bound_low": 0.02, "bound_high": 0.18, "bounds_ci_low": -0.01, "bounds_ci_high": 0.22}
    rows = [moved("llama", 0.1, **bounds), moved("qwen", -0.04)]
    assert shift.sentence(rows) == (
        "The largest of 2 shifts is that of llama, norm, balance: the instruct model follows the culture "
        "10.0 points [5.0, 15.0] more than its base model; counting unread answers either way it lies between the "
        "bounds +2.0 to +18.0 [−1.0, +22.0] points, which leaves the direction open."
    )
    alone = shift.sentence([moved("llama", 0.1, **bounds | {"bounds_ci_low": None, "bounds_ci_high": None})])
    assert alone.startswith("The largest shift is that of llama")
    assert alone.endswith("between the bounds +2.0 to +18.0 points.")


def test_the_papers_shares_are_said_of_what_was_answered() -> None:
    asked = {"personal_culture_rate": 0.65, "norm_culture_rate": None}
    assert paper.sentence([asked], "") == (
        "By the paper's measures, people follow the culture in 65% of personal choices; it gives no intervals. There "
        "are no norm judgments."
    )
    nothing = paper.sentence([dict.fromkeys(asked)], "")
    assert nothing.startswith("Nothing can be said yet by the paper's measures.")


def test_agreement_about_one_question_is_said_without_the_other() -> None:
    rows = [row(0.6, None, None, grouping="overall", question="norm", measure=one) for one in MEASURED]
    assert agreement.sentence(rows) == (
        "Two people of the same country agree about an item in 60% (no interval) of norm judgments; beyond chance, "
        "Krippendorff's alpha is 0.60 (no interval). No item has two personal choices of one country."
    )


def test_pluralism_is_said_of_personal_choices_given_the_mean() -> None:
    rows = [
        row(0.6, 0.5, 0.7, grouping="overall", question=question, measure=measure)
        for question in ("personal", "norm")
        for measure in MEASURED
    ]
    labels: dict[str, Any] = {"grouping": "relation", "second": "far", "question": "personal", "measure": "given_mean"}
    assert agreement.sentence(rows, [row(0.05, 0.01, 0.09, **labels)]).endswith(
        "Given the mean, people disagree 5.0 points [1.0, 9.0] more about personal choices in scenarios of their own "
        "country than of far ones."
    )
    assert agreement.sentence(rows, [row(-0.02, -0.06, 0.02, **labels)]).endswith(
        "2.0 points [−2.0, 6.0] less about personal choices in scenarios of their own country than of far ones (the "
        "interval holds zero: the direction is open)."
    )
    assert agreement.sentence(rows, [row(None, **labels)]) == agreement.sentence(rows)


def effect(factor: str, *values: float) -> dict[str, Any]:
    return row(*values, source="people", question="personal", factor=factor)


def test_effect_sizes_name_the_largest_and_say_when_its_place_is_open() -> None:
    clear = [effect("theme", 0.08, 0.05, 0.12), effect("respondent_age", 0.01, 0.0, 0.03)]
    assert effect_sizes.sentence(clear) == (
        "People's personal choices differ most by theme: its levels spread with a standard deviation of "
        "8.0 [5.0, 12.0] points."
    )
    crowded = [*clear, effect("relation", 0.06, 0.02, 0.1)]
    assert effect_sizes.sentence(crowded).endswith(
        "; also shown to matter: relation of the scenario's country 6.0 [2.0, 10.0]. Which factor is first is open, as "
        "their intervals overlap."
    )


def test_a_factor_with_a_larger_but_uncertain_spread_hides_none_that_is_shown() -> None:
    sure = effect("relation", 0.062, 0.027, 0.1) | {"p_value": 0.004, "p_adjusted": 0.064}
    assert effect_sizes.sentence([effect("scenario_country", 0.065, 0.0, 0.117), sure]) == (
        "People's personal choices are shown to differ by relation of the scenario's country: its levels spread with a "
        "standard deviation of 6.2 [2.7, 10.0] points (p 0.004, adjusted 0.064). Which factor is first is open, as "
        "their intervals overlap."
    )


def test_effect_sizes_that_may_all_be_zero_are_called_so() -> None:
    assert effect_sizes.sentence([effect("theme", 0.02, 0.0, 0.05)]) == (
        "For no factor is it shown that its levels differ in people's personal choices: every interval of the spread "
        "begins at zero. The largest is that of theme, with a standard deviation of 2.0 [0.0, 5.0] points."
    )
