"""The plan's tests: declared ones only, both p-values, equivalence, and reasons where nothing can be tested."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.plan import Plan, read_plan
from analysis.reports import Report, compute
from analysis.reports.plan import equivalence
from analysis.results import families
from analysis.results import plan as shown
from analysis.results.shown import p_pair
from analysis.results.stored import Results
from analysis.stats.multiplicity import adjust
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.plan import Estimand, HypothesisFamily, plan_faults
from tests.analysis.conftest import Made, with_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    found = read_plan(read_instrument(SHIPPED).structure)
    assert found is not None
    return found


def results_of(report: Report) -> Results:
    return Results(AnalysisRun(results=report.results))


def test_the_shipped_plan_is_read_with_all_its_hypotheses(plan: Plan) -> None:
    assert len(plan.hypotheses) == 9
    assert {one.estimand for one in plan.hypotheses} == set(Estimand)
    one = next(one for one in plan.hypotheses if one.name == "own_country_norm")
    assert (one.family, one.sesoi, one.settings["other"]) == (HypothesisFamily.PRIMARY, 0.05, "far")
    assert read_plan({}) is None


def test_every_hypothesis_has_rows_and_both_p_values(planned_report: Report, plan: Plan) -> None:
    rows = results_of(planned_report).rows("plan")
    assert {row["hypothesis"] for row in rows} == {one.name for one in plan.hypotheses}
    for row in rows:
        assert (row["p_value"] is None) == (row["p_adjusted"] is None)
        assert row["p_value"] is not None or row["reason"]
        assert row["p_value"] is None or row["p_adjusted"] >= row["p_value"]
    primary = [row for row in rows if row["family"] == "primary"]
    assert rows[: len(primary)] == primary
    raw = np.array([np.nan if row["p_value"] is None else row["p_value"] for row in primary])
    found = [np.nan if row["p_adjusted"] is None else row["p_adjusted"] for row in primary]
    assert found == pytest.approx(adjust(raw, "holm"), nan_ok=True)
    assert {row["n_tests"] for row in primary} == {int((~np.isnan(raw)).sum())}


def test_tests_are_those_of_the_tables(planned_report: Report) -> None:
    found = results_of(planned_report)
    gap = found.rows("rates", grouping="overall", measure="gap")[0]
    row = found.rows("plan", hypothesis="norm_over_personal")[0]
    assert [row[name] for name in ("estimate", "se", "p_value")] == [
        gap[name] for name in ("estimate", "se", "p_value")
    ]
    match = found.rows("alignment", measure="signed_rate_gap", predictor="model", question="norm",
                       persona_setting="no_persona")  # fmt: skip
    rows = found.rows("plan", hypothesis="model_rates_norm")
    assert [row["estimate"] for row in rows] == [row["estimate"] for row in match]


def test_own_country_hypotheses_are_those_of_the_mixed_model(planned_report: Report) -> None:
    found = results_of(planned_report)
    for name, question in (("own_country_personal", "personal"), ("own_country_norm", "norm")):
        row = found.rows("plan", hypothesis=name)[0]
        wanted = {"outcome": question, "contrast": "same - far", "respondent_country": "all", "scale": "share"}
        mixed = found.rows("own_culture", method="mixed", **wanted)[0]
        assert row["method"] == "mixed"
        for number in ("estimate", "se", "ci_low", "ci_high", "p_value", "n", "n_respondents", "n_items"):
            assert row[number] == mixed[number], number
        rates = found.rows("own_culture", method="rate_difference", **wanted)[0]
        assert row["sensitivity_method"] == "rate_difference"
        assert [row["sensitivity"], row["sensitivity_ci_low"]] == [rates["estimate"], rates["ci_low"]]
        assert row["sensitivity"] != row["estimate"]


def test_intervals_of_all_tests_follow_the_chosen_level(full: Made) -> None:
    with_plan(full)
    declared = full.study.version.structure["analysis_plan"]
    kept = ("norm_over_personal", "model_rates_norm", "models_over_rule_norm")
    declared["hypotheses"] = {name: declared["hypotheses"][name] for name in kept}
    asked = choose(include_simulated=True, families=(FamilyKey.PLAN,), level=0.8)
    rows = results_of(compute(full.study, asked, lambda step: None)).rows("plan")
    estimated = [row for row in rows if row["se"]]
    assert {row["hypothesis"] for row in estimated} == set(kept)
    for row in estimated:
        reach = stats.t.ppf(0.9, row["df"]) * row["se"]
        assert row["ci_high"] == pytest.approx(min(row["estimate"] + reach, 1.0)), row["hypothesis"]


def test_an_interaction_is_tested_where_it_is_declared(full: Made) -> None:
    with_plan(full)
    declared = full.study.version.structure["analysis_plan"]
    first = declared["hypotheses"]["own_country_personal"]
    declared["hypotheses"] = {"moves": first | {"question": "gap"}, "places": first | {"country": "each"}}
    assert list(plan_faults(declared, declared["exclusions"])) == []
    asked = choose(include_simulated=True, families=(FamilyKey.PLAN, FamilyKey.OWN_CULTURE))
    found = results_of(compute(full.study, asked, lambda step: None))
    (row,) = found.rows("plan", hypothesis="moves")
    (gap,) = found.rows("own_culture", outcome="gap", method="mixed", contrast="same - far", respondent_country="all")
    assert (row["estimate"], row["ci_low"]) == (gap["estimate"], gap["ci_low"])
    assert row["sensitivity_method"] == "logit_two_way"
    assert [one["of"] for one in found.rows("plan", hypothesis="places")] == ["same − far, BR", "same − far, US"]


TABLES = {
    "country_differences": "p", "agreement_across": "p", "pluralism": "p", "own_culture": "p", "effect_sizes": "p",
    "alignment_differences": "p", "order_bias": "p", "steerability": "p", "drop_one": "mixed_p",
    "shift": "p",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_no_table_has_a_p_value_without_the_adjusted_one(
    planned_report: Report, behaviour_report: Report, table: str
) -> None:
    stem = TABLES[table]
    rows = results_of(behaviour_report if table == "shift" else planned_report).rows(table)
    assert rows
    for row in rows:
        assert (row[f"{stem}_value"] is None) == (row[f"{stem}_adjusted"] is None)
        assert (row[f"{stem}_adjustment"], row[f"{stem}_family"]) == ("benjamini_hochberg", "secondary")
        assert row[f"{stem}_adjusted"] is None or row[f"{stem}_adjusted"] >= row[f"{stem}_value"]


def test_a_tables_family_is_what_the_plan_says(full: Made) -> None:
    with_plan(full)
    declared = full.study.version.structure["analysis_plan"]
    declared["tables"] = {"effect_sizes": "primary"}
    asked = choose(include_simulated=True, families=(FamilyKey.EFFECT_SIZES,))
    found = results_of(compute(full.study, asked, lambda step: None))
    people = found.rows("effect_sizes", source="people")
    raw = np.array([np.nan if row["p_value"] is None else row["p_value"] for row in people])
    told = np.array([np.nan if row["p_adjusted"] is None else row["p_adjusted"] for row in people])
    assert told == pytest.approx(adjust(raw, "holm"), nan_ok=True)
    assert {(row["p_adjustment"], row["p_family"]) for row in people} == {("holm", "primary")}
    assert dict(
        plan_faults(declared | {"tables": {"effect_sizes": "exploratory", "rates": "primary"}}, declared["exclusions"])
    ) == {
        "tables.effect_sizes": "the p-values of exploratory tests are not adjusted; those of tables must be",
        "tables.rates": "unknown table; known are country_differences, agreement_across, pluralism, own_culture, "
        "effect_sizes, drop_one, alignment_differences, order_bias, steerability, shift",
    }


def test_behaviour_runs_give_the_shift_of_their_family(behaviour_report: Report) -> None:
    found = results_of(behaviour_report)
    rows = found.rows("shift", measure="net_shift")
    assert rows
    assert {row["model_family"] for row in rows} == {"llama"}
    assert {row["condition"] for row in rows} <= {"balance", "no_balance"}


def test_shifts_of_one_measure_are_one_family_of_tests(behaviour_report: Report) -> None:
    found = results_of(behaviour_report)
    rows = found.rows("shift")
    for measure in ("net_shift", "kappa", "flips"):
        mine = [row for row in rows if row["measure"] == measure]
        raw, told = (
            np.array([np.nan if row[name] is None else row[name] for row in mine]) for name in ("p_value", "p_adjusted")
        )
        assert told == pytest.approx(adjust(raw, "benjamini_hochberg"), nan_ok=True)
        assert {row["p_tests"] for row in mine} == {int((~np.isnan(raw)).sum())}
    assert any(row["p_value"] is not None for row in rows)
    (table,) = {family.key: family for family in families(found)}[FamilyKey.SHIFT].tables
    assert table.caption == "From base to instruct; p adjusted by Benjamini–Hochberg (secondary family of the plan)"
    place = list(table.header).index("p of the net shift")
    assert table.header[place + 1] == "p adjusted"
    net = next(row for row in rows if row["measure"] == "net_shift")
    assert list(table.rows[0][place : place + 2]) == p_pair(net)


def test_without_a_plan_the_page_says_that_all_is_exploratory(full_report: Report) -> None:
    found = results_of(full_report)
    assert found.rows("plan") == []
    assert "every test on this page is exploratory" in shown.show(found).finding


def test_the_page_has_plan_alignment_and_shift(planned_report: Report) -> None:
    made = {family.key.value: family for family in families(results_of(planned_report))}
    assert [table.caption for table in made["plan"].tables] == [
        "Primary hypotheses", "Secondary hypotheses", "Exploratory hypotheses",
    ]  # fmt: skip
    assert made["plan"].finding.startswith(("Of ", "None of"))
    assert {"alignment", "ceilings", "calibration", "order_bias", "steerability"} <= set(made["alignment"].csv_names)
    assert "Nothing can be said yet" in made["shift"].finding


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    found = equivalence(0.01, 0.015, 40, 0.05)
    assert found == pytest.approx(max(stats.t.sf((0.01 + 0.05) / 0.015, 40), stats.t.cdf((0.01 - 0.05) / 0.015, 40)))
    assert equivalence(0.2, 0.015, 40, 0.05) > 0.99
    assert np.isnan(equivalence(0.2, float("nan"), 40, 0.05))


ROW: dict[str, Any] = {
    "hypothesis": "a_b", "family": "primary", "of": "all", "estimate": 0.1, "ci_low": 0.04, "ci_high": 0.16,
    "p_value": 0.001, "p_adjusted": 0.003, "is_supported": True, "is_equivalent": False, "adjustment": "holm",
    "n_tests": 3, "sesoi": 0.05, "p_equivalent": 0.9, "reason": "",
}  # fmt: skip


def test_verdicts_say_no_more_than_both_tests_do() -> None:
    assert shown.verdict(ROW) == "differs from zero"
    assert shown.verdict(ROW | {"is_equivalent": True}) == "differs from zero, by less than matters"
    assert shown.verdict(ROW | {"is_supported": False}) == "open"
    assert shown.verdict(ROW | {"is_supported": False, "is_equivalent": True}) == "no difference that matters"
    assert shown.verdict(ROW | {"family": "exploratory"}) == "exploratory: no verdict"
    assert (
        "Of 1 primary tests 1 differs from zero after adjustment: a b: all +10.0 [+4.0, +16.0] points"
        in shown.sentence([ROW])
    )


def test_a_plan_can_be_replaced_only_by_another_version(plan: Plan) -> None:
    with pytest.raises(AttributeError):
        plan.alpha = 0.1  # type: ignore[misc]
    assert replace(plan, alpha=0.1) != plan


def test_no_answers_keep_the_plan_with_reasons(made: Made) -> None:
    with_plan(made)
    report = compute(made.study, choose(include_simulated=True, families=(FamilyKey.PLAN,)), lambda step: None)
    rows = results_of(report).rows("plan")
    assert rows
    assert all(row["reason"] for row in rows)
