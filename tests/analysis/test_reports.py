"""Analyses from no data to full data: the right numbers, reasons instead of numbers, cautions."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from analysis import frames, reshape
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import Parameters, choose, without
from analysis.reports import Report, compute
from analysis.reports.tables import to_json
from analysis.results.stored import Results
from survey.enums import Status
from survey.models import QualityFlag, SurveySession
from tests.analysis.conftest import Made, fill, make_session

ALL = choose(include_simulated=True)
SEEDED = (FamilyKey.AGREEMENT, FamilyKey.EFFECT_SIZES, FamilyKey.VARIANCE, FamilyKey.ALIGNMENT)  # draw, or fit


def run(made: Made, *families: FamilyKey, parameters: Parameters = ALL) -> Report:
    """Compute what is asked for alone; what all families are needed for stands in `full_report`."""
    return compute(made.study, replace(parameters, families=families), lambda step: None)


def results_of(report: Report) -> Results:
    return Results(AnalysisRun(results=report.results))


def test_rates_are_shares_of_answers(full_report: Report) -> None:
    results = results_of(full_report)
    overall = {row["measure"]: row for row in results.rows("rates", grouping="overall")}
    assert overall["personal"]["estimate"] == pytest.approx(2 / 3)
    assert overall["norm"]["estimate"] == pytest.approx(5 / 6)
    assert overall["gap"]["estimate"] == pytest.approx(1 / 6)
    assert (overall["norm"]["n"], overall["norm"]["n_respondents"], overall["norm"]["n_items"]) == (36, 12, 3)


def test_every_grouping_and_measure_is_there(full_report: Report) -> None:
    rows = results_of(full_report).rows("rates")
    assert {row["grouping"] for row in rows} == {"overall", "country", "relation", "theme", "cell"}
    assert {row["measure"] for row in rows} == {"personal", "norm", "gap"}
    assert {row["group"] for row in rows if row["grouping"] == "country"} == {"BR", "US"}


def test_crossed_rates_have_every_pair_of_groupings(full_report: Report) -> None:
    results = results_of(full_report)
    rows = results.rows("rates_crossed")
    assert {row["grouping"] for row in rows} == {
        "country × relation", "country × theme", "country × cell", "relation × theme", "relation × cell",
        "theme × cell",
    }  # fmt: skip
    own = [row for row in rows if row["grouping"] == "country × cell" and row["measure"] == "personal"]
    assert sum(row["n"] for row in own) == results.facts["n_answers"] / 2
    whole = results.rows("rates", grouping="country", group="BR", measure="norm")[0]
    parts = results.rows("rates_crossed", grouping="country × relation", group="BR", measure="norm")
    assert sum(row["n"] * row["estimate"] for row in parts) == pytest.approx(whole["n"] * whole["estimate"])


def test_countries_are_compared_on_the_core(full_report: Report) -> None:
    rows = results_of(full_report).rows("country_differences")
    assert [(row["first"], row["second"], row["items"], row["n_items"]) for row in rows] == [
        ("BR", "US", "core", 1)
    ] * 2
    assert {row["reason"] for row in rows} == {"fewer than two items"}


def test_interval_about_these_items_stands_beside(full_report: Report) -> None:
    rows = results_of(full_report).rows("rates", grouping="overall", measure="personal")
    assert rows[0]["ci_low_these_items"] is None or rows[0]["ci_low_these_items"] <= rows[0]["estimate"]


def test_agreement_brings_its_tables(full_report: Report) -> None:
    results = results_of(full_report)
    measures = {row["measure"] for row in results.rows("agreement")}
    assert measures == {
        "pairwise_agreement", "alpha", "ac1", "brennan_prediger", "fleiss_kappa", "latent_icc",
        "majority_agreement_paper",
    }  # fmt: skip
    assert {row["group"] for row in results.rows("agreement_across")} == {"all", "BR", "US"}
    assert {row["measure"] for row in results.rows("pluralism")} == {
        "disagreement", "from_mean", "given_mean", "latent_icc", "alpha",
    }  # fmt: skip
    items = results.rows("item_agreement")
    assert len(items) == 3 * 2 * 2
    assert sum(row["n"] for row in items) == results.facts["n_answers"]
    assert {row["grouping"] for row in results.rows("reliability")} == {"overall", "country", "relation"}
    assert {(row["group"], row["reason"]) for row in results.rows("consensus")} == {
        ("BR", "too few pairs of respondents share 4 items"),
        ("US", "too few pairs of respondents share 4 items"),
    }


def test_effect_sizes_name_peoples_factors_on_one_scale(full_report: Report) -> None:
    rows = results_of(full_report).rows("effect_sizes", source="people")
    assert {row["factor"] for row in rows} >= {"respondent_country", "respondent_age", "relation", "theme"}
    assert {row["question"] for row in rows} == {"personal", "norm"}
    for row in rows:
        assert row["reason"] or row["ci_low"] <= row["estimate"] <= row["ci_high"]


def test_alignment_has_the_reference_rows(full_report: Report) -> None:
    rows = results_of(full_report).rows("alignment", measure="expected_match")
    assert {row["predictor"] for row in rows} == {"model", "always_culture", "uniform", "another_person"}
    assert {row["model_tag"] for row in rows} == {"tiny_a", "tiny_b"}


def test_paper_majority_agreement_stands_beside(full_report: Report) -> None:
    rows = results_of(full_report).rows("agreement", grouping="overall", measure="majority_agreement_paper")
    assert {row["question"]: row["estimate"] for row in rows} == pytest.approx({"personal": 2 / 3, "norm": 5 / 6})


def test_papers_tables_are_kept_under_their_names(full_report: Report) -> None:
    names = [name for name in full_report.results["tables"] if name.startswith("paper_")]
    assert len(names) == 10 + 8
    assert {"paper_human_response_summary", "paper_model_item_consensus_all_samples"} <= set(names)


def test_behaviour_runs_have_the_papers_tables_without_any_people(behaviour_report: Report) -> None:
    results = results_of(behaviour_report)
    assert len([name for name in results.tables if name.startswith("paper_")]) == 19
    overall = results.rows("paper_overall_metrics", eval_model="llama_base", prompt_condition="balance")[0]
    assert (overall["n_rows"], overall["n_valid"], overall["allow_rate_valid"]) == (3, 2, 0.5)
    assert overall["dataset"] == "pact"


def test_no_data_gives_reasons_not_errors(empty_report: Report) -> None:
    report = empty_report
    assert report.warnings == ["No answers remain after the exclusions: nothing about people can be estimated yet."]
    assert report.results["facts"]["why_no_paper_tables"] == "there are no human answers yet"
    assert report.results["tables"]["rates"]["rows"] == []


def test_one_respondent_gives_rates_without_intervals(made: Made) -> None:
    make_session(made)
    rows = results_of(run(made, FamilyKey.RATES)).rows("rates", grouping="overall")
    assert {(row["estimate"], row["ci_low"], row["reason"]) for row in rows if row["measure"] != "gap"} == {
        (1.0, None, "fewer than two respondents")
    }


def test_unfinished_sessions_are_excluded_and_counted(full: Made) -> None:
    make_session(full, status=Status.ACTIVE)
    step = results_of(run(full, FamilyKey.RATES)).rows("exclusions")[0]
    assert (step["exclusion"], step["n_respondents_before"], step["n_respondents_after"]) == (
        "complete sessions",
        13,
        12,
    )


def test_real_only_leaves_simulated_people_and_models_out(made: Made) -> None:
    fill(made, n_simulated=2)
    facts = run(made, FamilyKey.RATES, parameters=choose(include_simulated=False)).results["facts"]
    assert (facts["n_respondents"], facts["n_simulated_respondents"]) == (8, 0)
    assert [model["tag"] for model in facts["models"]] == ["tiny_a"]


def test_cautions_name_simulated_data_and_few_respondents(made: Made) -> None:
    fill(made, n_simulated=2)
    warnings = " ".join(run(made, FamilyKey.RATES).warnings)
    assert "4 of 12 respondents are simulated" in warnings
    assert "1 of 2 models are simulated" in warnings
    assert "Fewer than 20 respondents: Brazil 6, United States of America 6" in warnings
    assert "3 of 3 items were judged in all 2 countries" in warnings


def test_caution_where_no_item_is_shared(made: Made) -> None:
    make_session(made, "BR", answers={"BR00": ("culture", "culture")})
    make_session(made, "US", answers={"US01": ("culture", "culture")})
    assert any("No item was judged in every country" in warning for warning in run(made, FamilyKey.RATES).warnings)


def test_same_data_and_choices_give_the_same_bytes(full: Made) -> None:
    first, second = (run(full, *SEEDED) for _ in range(2))
    assert json.dumps(first.results).encode() == json.dumps(second.results).encode()
    assert (first.snapshot_hash, first.results_hash, first.warnings) == (
        second.snapshot_hash, second.results_hash, second.warnings,
    )  # fmt: skip


def test_other_data_or_choices_change_the_hash_of_the_results(full: Made) -> None:
    first = run(full, FamilyKey.RATES)
    other_choice = run(full, FamilyKey.RATES, parameters=replace(ALL, level=0.9))
    make_session(full)
    other_data = run(full, FamilyKey.RATES)
    assert len({first.results_hash, other_choice.results_hash, other_data.results_hash}) == 3
    assert first.snapshot_hash == other_choice.snapshot_hash != other_data.snapshot_hash


def test_report_is_plain_json(full_report: Report) -> None:
    report = full_report
    assert json.loads(json.dumps(report.results, allow_nan=False)) == report.results


def test_missing_numbers_become_null() -> None:
    frame = pd.DataFrame({"a": [1.5, float("nan")], "b": [1, 2], "c": pd.array([True, None], dtype="boolean")})
    assert to_json({"t": frame})["t"] == {"columns": ["a", "b", "c"], "rows": [[1.5, 1, True], [None, 2, None]]}


def test_exclusions_apply_in_the_order_given(made: Made) -> None:
    fill(made, n_simulated=1)
    make_session(made, status=Status.ACTIVE)
    flagged = SurveySession.objects.filter(participant__is_simulated=False, status=Status.COMPLETE)[0]
    QualityFlag.objects.create(session=flagged, name="too_fast", value=1)
    QualityFlag.objects.create(session=flagged, name="declined", value=0.5)
    names = ["complete sessions", "no simulated", without("too_fast"), without("declined")]
    excluded = reshape.exclude(frames.responses_long(made.study), names)
    assert list(excluded.steps["exclusion"]) == names
    assert list(excluded.steps["n_respondents_after"]) == [12, 10, 9, 9]
    turned = reshape.exclude(frames.responses_long(made.study), names[::-1])
    assert list(turned.steps["n_respondents_after"]) == [12, 12, 10, 9]


def test_instruments_exclusions_leave_flagged_sessions_out_of_every_table(made: Made) -> None:
    fill(made, n_simulated=0)
    flagged = SurveySession.objects.filter(status=Status.COMPLETE)[0]
    QualityFlag.objects.create(session=flagged, name="too_fast", value=1)
    kept = run(made, FamilyKey.PAPER, parameters=choose(include_simulated=True, flags=["too_fast"]))
    everybody = run(made, FamilyKey.RATES)
    n_kept, n_all = (report.results["facts"]["n_respondents"] for report in (kept, everybody))
    assert n_kept == n_all - 1
    rows = results_of(kept).rows("paper_human_response_summary")
    assert rows[0]["n_respondents"] == n_kept


def test_declined_answers_are_kept_and_counted_as_none(made: Made) -> None:
    make_session(made, answers={"BR00": ("culture", ""), "US01": ("", ""), "MM02": ("preference", "culture")})
    long = frames.responses_long(made.study)
    assert len(long) == 6
    assert list(long["missing_reason"].notna()) == list(long["choice"].isna())
    paper = frames.paper_human(made.study).set_index("scenario_item_id")
    assert paper.loc["BR00", "human_personal"] == "A"
    assert paper[["human_personal", "human_norm"]].isna().sum().sum() == 3
    facts = run(made, FamilyKey.RATES).results["facts"]
    assert (facts["n_answers"], facts["n_declined"]) == (3, 3)


def test_withdrawn_sessions_are_in_no_table(made: Made) -> None:
    make_session(made)
    gone = make_session(made, status=Status.WITHDREW)
    assert gone.responses.exists()
    for frame in (frames.responses_long, frames.participants, frames.paper_human):
        assert frame(made.study)["respondent_id"].nunique() == 1


def test_unknown_exclusion_is_refused(full: Made) -> None:
    with pytest.raises(ValueError, match="unknown exclusions: fast ones; known: complete sessions, no simulated"):
        reshape.exclude(frames.responses_long(full.study), ["fast ones"])
