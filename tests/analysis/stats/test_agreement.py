"""Agreement within items: published examples, the reference values, and independent packages."""

import json
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from analysis.stats.agreement import agreement
from analysis.stats.agreement_difference import agreement_difference
from analysis.stats.agreement_points import agreement_from_counts
from analysis.stats.reliability import answers_for_reliability

from .conftest import STUDY, group_of

MEASURES = ["pairwise_agreement", "alpha", "ac1", "brennan_prediger", "fleiss_kappa"]


WORKED = {
    example["name"]: example
    for example in json.loads((STUDY.parent / "worked_examples" / "worked_examples.json").read_text())
}


def worked_counts(name: str) -> Any:
    """Count a published table of people by items, codes from any number, null for no answer."""
    table = np.array(WORKED[name]["data"], dtype=float)
    return np.column_stack([(table == code).sum(axis=0) for code in np.unique(table[~np.isnan(table)])])


def long_of(people: list[list[int]]) -> pd.DataFrame:
    frame = pd.DataFrame(people).rename_axis("person").reset_index().melt("person", var_name="item", value_name="code")
    return frame[frame["code"] > 0]


@pytest.mark.parametrize(
    "name",
    [
        "krippendorff_2011_section_D_4x12_missing",
        "krippendorff_2011_section_B_binary_2x10",
        "krippendorff_2011_section_C_nominal_2x12",
        "wikipedia_alpha_3x15_missing",
    ],
)
def test_alpha_equals_published_examples(name: str) -> None:
    found = agreement_from_counts(worked_counts(name)).alpha
    assert round(found, 3) == WORKED[name]["published"]["nominal"]
    assert found == pytest.approx(WORKED[name]["computed"]["nominal"], rel=1e-12)


@pytest.mark.parametrize("name", ["fleiss_1971_diagnoses_30x6", "wikipedia_fleiss_10x14"])
def test_fleiss_kappa_equals_published_examples(name: str) -> None:
    found = agreement_from_counts(WORKED[name]["data"]).fleiss_kappa
    assert round(found, 2) == WORKED[name]["published"]["kappa"]
    assert found == pytest.approx(WORKED[name]["computed"]["kappa"], rel=1e-12)
    assert found == pytest.approx(fleiss_kappa(np.array(WORKED[name]["data"])), rel=1e-12)


def test_agreement_equals_gwets_example() -> None:
    expected = WORKED["gwet_2014_raw4raters"]["computed"]
    point = agreement_from_counts(worked_counts("gwet_2014_raw4raters"))
    assert point.pairwise_agreement == pytest.approx(expected["pa"], rel=1e-12)
    assert point.ac1 == pytest.approx(expected["ac1"], rel=1e-12)
    assert point.fleiss_kappa == pytest.approx(expected["fleiss"], rel=1e-12)
    assert point.brennan_prediger == pytest.approx(expected["brennan_prediger"], rel=1e-12)
    assert (point.n_items, point.n_paired_items, point.n_ratings) == (12, 11, 41)


@pytest.mark.parametrize(
    ("name", "kappa"),
    [("feinstein_cicchetti_1990_balanced", 0.699), ("feinstein_cicchetti_1990_skewed", 0.314)],
)
def test_ac1_stands_where_kappa_falls_with_the_margins(name: str, kappa: float) -> None:
    table = WORKED[name]["data"]
    both, split, neither = table[0][0], table[0][1] + table[1][0], table[1][1]
    point = agreement_from_counts([[2, 0]] * both + [[1, 1]] * split + [[0, 2]] * neither)
    assert point.pairwise_agreement == pytest.approx(WORKED[name]["computed"]["po"], rel=1e-12)
    assert point.ac1 == pytest.approx(WORKED[name]["computed"]["ac1"], rel=1e-12)
    assert round(point.fleiss_kappa, 3) == kappa


@pytest.mark.parametrize("question", ["personal", "norm"])
def test_agreement_equals_r(question: str, answers: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    def point_of(rows: pd.DataFrame) -> Any:
        items = rows.groupby("scenario_item_id")[question]
        return agreement_from_counts(np.column_stack([items.sum(), items.count() - items.sum()]))

    names = {"alpha_nominal": "alpha", "pa": "pairwise_agreement", "ac1": "ac1", "fleiss_gwet": "fleiss_kappa"}
    names |= {"bp": "brennan_prediger", "n_items": "n_items", "n_ratings": "n_ratings"}
    for key, expected in r_reference["agreement"].items():
        asked, _, country = key.partition("|")
        if asked == question:
            point = point_of(answers[answers["respondent_country"] == country] if country else answers)
            for name in expected.keys() & names.keys():
                assert getattr(point, names[name]) == pytest.approx(expected[name], rel=1e-9), (key, name)


@pytest.mark.parametrize("question", ["personal", "norm"])
def test_agreement_equals_the_reference(question: str, answers: pd.DataFrame, advanced: dict[str, Any]) -> None:
    for key, expected in advanced[question]["agreement"].items():
        unit: str | list[str] = "scenario_item_id"
        if key.startswith("item_x_country"):
            unit = ["scenario_item_id", "respondent_country"]
        group = group_of(answers, key)
        found = {e.measure: e for e in agreement(group, value=question, respondent="respondent_id", item=unit)}
        assert found["pairwise_agreement"].estimate == pytest.approx(expected["pa_item_mean"], rel=1e-12)
        assert found["alpha"].estimate == pytest.approx(expected["alpha"], rel=1e-12)
        assert found["ac1"].estimate == pytest.approx(expected["ac1"], rel=1e-12)
        assert found["brennan_prediger"].estimate == pytest.approx(expected["brennan_prediger"], rel=1e-12)
        assert found["alpha"].se == pytest.approx(expected["alpha_se_twoway"], rel=1e-11)
        assert found["alpha"].se_respondent == pytest.approx(expected["alpha_se_respondent"], rel=1e-11)
        assert found["alpha"].se_item == pytest.approx(expected["alpha_se_item"], rel=1e-11)
        assert found["alpha"].se_naive == pytest.approx(expected["alpha_se_naive"], rel=1e-11)
        needed = answers_for_reliability(found["alpha"].estimate, 0.9)
        assert needed == pytest.approx(expected["n_for_reliability_90"], rel=1e-12)


def test_point_equals_the_reference_where_only_it_has_the_measure(
    answers: pd.DataFrame, advanced: dict[str, Any]
) -> None:
    expected = advanced["norm"]["agreement"]["overall"]
    items = answers.groupby("scenario_item_id")["norm"]
    point = agreement_from_counts(np.column_stack([items.sum(), items.count() - items.sum()]))
    assert point.pair_weighted_agreement == pytest.approx(expected["pa_pair_weighted"], rel=1e-12)
    assert point.majority_agreement == pytest.approx(expected["paper_style_majority_agreement"], rel=1e-12)
    assert (point.n_items, point.n_ratings) == (expected["n_items"], expected["n_ratings"])


ratings = st.lists(
    st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=2, max_size=9
)  # items by people, 0 is no answer
unhurried = settings(deadline=None)  # the first call also loads what it needs, and a busy machine pauses any call


@unhurried
@given(ratings)
def test_alpha_equals_the_krippendorff_package(items: list[list[int]]) -> None:
    people = np.array(items).T
    counts = np.column_stack([(people == code).sum(axis=0) for code in (1, 2, 3)])
    paired = counts[counts.sum(axis=1) >= 2]
    assume(len(paired) > 0 and (paired.sum(axis=0) > 0).sum() > 1)
    expected = krippendorff.alpha(value_counts=counts, value_domain=[1, 2, 3], level_of_measurement="nominal")
    assert agreement_from_counts(counts).alpha == pytest.approx(expected, rel=1e-10, abs=1e-10)


@unhurried
@given(ratings)
def test_agreement_never_leaves_a_number_missing_without_a_reason(items: list[list[int]]) -> None:
    frame = long_of(np.array(items).T.tolist())
    for found in agreement(frame, value="code", respondent="person", item="item", categories=(1, 2, 3)):
        assert (found.reason != "") == bool(np.isnan([found.estimate, found.se, found.ci_low, found.ci_high]).any())


def perturbed(people: list[list[int]], weights: Any) -> dict[str, float]:
    """Recompute the measures when a person's answers weigh `weights`, by the definitions over weighted pairs."""
    table = np.array(people)
    sums = {"n": [], "disagree": [], "shares": []}  # type: dict[str, list[Any]]
    for item in table.T:
        w = np.where(item > 0, weights, 0.0)
        pairs = np.outer(w, w) * (1 - np.eye(len(w)))
        sums["n"].append(w.sum())
        sums["disagree"].append((pairs * (item[:, None] != item[None, :])).sum() / pairs.sum())
        sums["shares"].append([w[item == code].sum() for code in (1, 2)])
    n, disagree, shares = (np.array(sums[name]) for name in ("n", "disagree", "shares"))
    mean, overall = 1 - disagree.mean(), (shares / n[:, None]).mean(axis=0)
    chance = (overall * (1 - overall)).sum()
    expected = 1 - ((shares.sum(axis=0) / n.sum()) ** 2).sum()
    return {
        "pairwise_agreement": mean,
        "ac1": (mean - chance) / (1 - chance),
        "brennan_prediger": 2 * mean - 1,
        "fleiss_kappa": (mean - (overall**2).sum()) / (1 - (overall**2).sum()),
        "alpha": 1 - (n * disagree).sum() / n.sum() / expected,
    }


def test_respondent_standard_errors_are_numerical_derivatives_by_weight() -> None:
    rng = np.random.default_rng(11)
    people = rng.choice([0, 1, 1, 2], size=(6, 9)).tolist()
    people[0], people[1] = [1] * 9, [2, 1, 1] * 3
    found = {
        e.measure: e
        for e in agreement(long_of(people), value="code", respondent="person", item="item", categories=(1, 2))
    }
    squares = dict.fromkeys(MEASURES, 0.0)
    for person in range(6):
        step = np.eye(6)[person] * 1e-6
        up, down = perturbed(people, 1 + step), perturbed(people, 1 - step)
        for measure in MEASURES:
            squares[measure] += ((up[measure] - down[measure]) / 2e-6) ** 2
    # alpha's expected disagreement has W - 1 in its denominator, its derivative does not: as in the reference
    scale = dict.fromkeys(MEASURES, 1.0)
    total = sum(code > 0 for row in people for code in row)
    point = found["alpha"].estimate
    scale["alpha"] = (1 - perturbed(people, np.ones(6))["alpha"]) / ((1 - point) * total / (total - 1))
    for measure in MEASURES:
        assert found[measure].se_respondent * scale[measure] == pytest.approx(squares[measure] ** 0.5, rel=1e-6)


def test_item_standard_error_of_pairwise_agreement_is_that_of_a_mean_over_items() -> None:
    people = [[1, 1, 2, 2], [1, 2, 2, 1], [1, 1, 2, 1]]
    by_item = np.array([1, 1 / 3, 1, 1 / 3])
    found = agreement(long_of(people), value="code", respondent="person", item="item", categories=(1, 2))[0]
    assert found.estimate == pytest.approx(by_item.mean())
    assert found.se_item == pytest.approx(np.sqrt(((by_item - by_item.mean()) ** 2).sum()) / 4)
    assert found.df == 2


def test_perfect_agreement_has_no_interval_and_says_so() -> None:
    found = agreement(long_of([[1, 2, 1]] * 3), value="code", respondent="person", item="item", categories=(1, 2))
    assert found[1].estimate == 1.0
    assert found[0].reason == "no variation between respondents or items"


def test_alpha_is_missing_when_every_answer_is_the_same() -> None:
    point = agreement_from_counts([[3, 0], [2, 0]])
    assert np.isnan(point.alpha)
    assert (point.pairwise_agreement, point.ac1, point.reason) == (1.0, 1.0, "every answer is the same")


def test_single_answers_make_no_agreement() -> None:
    found = agreement(long_of([[1, 0], [0, 2]]), value="code", respondent="person", item="item", categories=(1, 2))
    assert [e.reason for e in found] == ["no item has two answers"] * 5
    assert np.isnan([e.estimate for e in found]).all()


def test_agreement_of_no_rows_gives_reasons() -> None:
    empty = pd.DataFrame({"y": [], "r": [], "i": []})
    assert {e.reason for e in agreement(empty, value="y", respondent="r", item="i")} == {"no item has two answers"}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"y": [1, 0], "r": [1, 1], "i": [1, 1]}), "at most one answer"),
        (pd.DataFrame({"y": [1, 2], "r": [1, 2], "i": [1, 1]}), "outside the categories"),
    ],
)
def test_agreement_refuses_bad_answers(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agreement(frame, value="y", respondent="r", item="i")


@pytest.mark.parametrize("counts", [[1, 2], [[1], [2]], [[-1, 2]], [[np.nan, 2]]])
def test_counts_must_be_a_proper_matrix(counts: Any) -> None:
    with pytest.raises(ValueError, match="counts must be"):
        agreement_from_counts(counts)


def test_units_of_one_item_are_one_cluster(answers: pd.DataFrame) -> None:
    who: dict[str, Any] = {"value": "norm", "respondent": "respondent_id"}
    units = ["scenario_item_id", "respondent_country"]
    apart = agreement(answers, item=units, **who)
    together = agreement(answers, item=units, cluster="scenario_item_id", **who)
    assert [e.estimate for e in apart] == [e.estimate for e in together]
    assert [e.se_respondent for e in apart] == [e.se_respondent for e in together]
    sizes = answers[answers["norm"].notna()].groupby(units).size()
    assert (apart[1].n_items, together[1].n_items) == ((sizes >= 2).sum(), 176)
    assert all(a.se_item < t.se_item for a, t in zip(apart, together, strict=True))


def test_a_unit_in_two_clusters_is_refused() -> None:
    frame = pd.DataFrame({"y": [1, 0], "r": [1, 2], "i": [1, 1], "c": [1, 2]})
    with pytest.raises(ValueError, match="every unit must lie in one cluster"):
        agreement(frame, value="y", respondent="r", item="i", cluster="c")


def test_difference_of_groups_that_share_nobody_adds_their_variances(answers: pd.DataFrame) -> None:
    apart = answers.assign(item=answers["scenario_item_id"] + answers["respondent_gender"])
    who: dict[str, Any] = {"value": "norm", "respondent": "respondent_id", "item": "item"}
    sides = [agreement(apart[apart["respondent_gender"] == gender], **who) for gender in ("male", "female")]
    found = agreement_difference(apart, group="respondent_gender", first="male", second="female", **who)
    for difference, male, female in zip(found, *sides, strict=True):
        assert difference.measure == male.measure
        assert difference.estimate == pytest.approx(male.estimate - female.estimate, rel=1e-12)
        for part in ("se_respondent", "se_item", "se_naive"):
            assert getattr(male, part) > 0
        squares = [
            sum(getattr(side, part) ** 2 for side in (male, female))
            for part in ("se_respondent", "se_item", "se_naive")
        ]
        uncorrected = max(squares[0] + squares[1] - squares[2], *squares[:2])
        assert uncorrected < difference.se**2 < 1.04 * uncorrected  # the largest cluster holds a fiftieth of a group
        assert 20 < difference.df <= min(male.df, female.df)


def test_a_difference_rests_on_the_clusters_that_carry_it() -> None:
    """Thirty items a group, of which one in each holds most of what varies: few degrees of freedom, a wide interval."""
    rng = np.random.default_rng(4)
    parts = []
    for group in "ab":
        for item in range(30):
            share = 0.5 if item == 0 else 0.97
            y = (rng.random(200 if item == 0 else 8) < share).astype(float)
            parts.append(pd.DataFrame({"y": y, "i": f"{group}{item}", "g": group}))
    frame = pd.concat(parts, ignore_index=True)
    frame["r"] = range(len(frame))
    found = agreement_difference(frame, value="y", respondent="r", item="i", group="g", first="a", second="b")
    alpha = next(one for one in found if one.measure == "alpha")
    assert 1 < alpha.df < 5
    assert alpha.ci_high - alpha.ci_low > 2 * 2.05 * alpha.se  # the width with 29 degrees of freedom


def test_difference_of_the_same_answers_under_two_names_has_no_variation(answers: pd.DataFrame) -> None:
    twice = pd.concat([answers.assign(g="a"), answers.assign(g="b")])
    found = agreement_difference(
        twice, value="norm", respondent="respondent_id", item="scenario_item_id", group="g", first="a", second="b"
    )
    assert {(e.estimate, e.reason) for e in found} == {(0.0, "no variation between respondents or items")}


def test_difference_with_a_group_that_has_no_pair_says_so() -> None:
    frame = pd.DataFrame({"y": [1, 0, 1], "r": [1, 2, 1], "i": [1, 1, 2], "g": ["a", "a", "b"]})
    found = agreement_difference(frame, value="y", respondent="r", item="i", group="g", first="a", second="b")
    assert {e.reason for e in found} == {"no item has two answers"}
    assert np.isnan([e.se for e in found]).all()
    with pytest.raises(ValueError, match="two groups"):
        agreement_difference(frame, value="y", respondent="r", item="i", group="g", first="a", second="a")
