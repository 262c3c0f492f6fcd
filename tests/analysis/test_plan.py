"""The plan's tests: declared ones only, both p-values, equivalence, and reasons where nothing can be tested."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.plan import Plan, read_plan
from analysis.reports import compute
from analysis.reports.plan import equivalence
from analysis.results import families
from analysis.results import plan as shown
from analysis.results.stored import Results
from analysis.stats.multiplicity import adjust
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.plan import Estimand, HypothesisFamily
from tests.analysis.conftest import Made, fill_behaviour


@pytest.fixture(scope="module")
def plan() -> Plan:
    found = read_plan(read_instrument(SHIPPED).structure)
    assert found is not None
    return found


def results(made: Made, *, has_plan: bool = True) -> Results:
    structure = dict(made.study.version.structure)
    structure.pop("analysis_plan", None)
    if has_plan:
        structure["analysis_plan"] = read_instrument(SHIPPED).structure["analysis_plan"]
    made.study.version.structure = structure
    report = compute(made.study, choose(include_simulated=True), lambda step: None)
    return Results(AnalysisRun(results=report.results))


def test_the_shipped_plan_is_read_with_all_its_hypotheses(plan: Plan) -> None:
    assert len(plan.hypotheses) == 9
    assert {one.estimand for one in plan.hypotheses} == set(Estimand)
    one = next(one for one in plan.hypotheses if one.name == "own_country_norm")
    assert (one.family, one.sesoi, one.settings["other"]) == (HypothesisFamily.PRIMARY, 0.05, "far")
    assert read_plan({}) is None


def test_every_hypothesis_has_rows_and_both_p_values(full: Made, plan: Plan) -> None:
    rows = results(full).rows("plan")
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


def test_tests_are_those_of_the_tables(full: Made) -> None:
    found = results(full)
    gap = found.rows("rates", grouping="overall", measure="gap")[0]
    row = found.rows("plan", hypothesis="norm_over_personal")[0]
    assert [row[name] for name in ("estimate", "se", "p_value")] == [
        gap[name] for name in ("estimate", "se", "p_value")
    ]
    match = found.rows("alignment", measure="signed_rate_gap", predictor="model", question="norm",
                       persona_setting="no_persona")  # fmt: skip
    rows = found.rows("plan", hypothesis="model_rates_norm")
    assert [row["estimate"] for row in rows] == [row["estimate"] for row in match]


def test_behaviour_runs_give_the_shift_of_their_family(made: Made) -> None:
    fill_behaviour(made)
    found = results(made)
    rows = found.rows("shift", measure="net_shift")
    assert rows
    assert {row["model_family"] for row in rows} == {"llama"}
    assert {row["condition"] for row in rows} <= {"balance", "no_balance"}


def test_without_a_plan_the_page_says_that_all_is_exploratory(full: Made) -> None:
    found = results(full, has_plan=False)
    assert found.rows("plan") == []
    assert "every test on this page is exploratory" in shown.show(found).finding


def test_the_page_has_plan_alignment_and_shift(full: Made) -> None:
    made = {family.key: family for family in families(results(full))}
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
    rows = results(made).rows("plan")
    assert rows
    assert all(row["reason"] for row in rows)
