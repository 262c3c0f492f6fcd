"""The paper's tables equal a slow second implementation on random data sets of the paper's form."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.stats.paper import behaviour_tables, model_only_tables, paper_tables
from analysis.stats.paper.behaviour import Evaluation, read_meta
from analysis.stats.paper.doubts import ITEM_LEVEL, not_estimable
from tests.analysis.stats import paper_by_hand as hand
from tests.analysis.stats.paper_studies import ODD, THEMES, Made, a_person, a_study, an_item

NAMES_OF_ROWS = {  # empty where a row is not of one of these groups
    "respondent_country", "country_relation", "scenario_country", "receiver_age", "receiver_gender", "respondent_demo",
    "scenario_theme", "persona_country", "persona_demo", "scenario_item_id",
}  # fmt: skip
DECISIONS = ["FOLLOW_CULTURE", "ALLOW_PREFERENCE", " allow_preference", "UNKNOWN", "refused", None]
FACTORS = {
    "question_type": [["question"]],
    "participant_country": [["respondent_country"]],
    "participant_demographics": [["respondent_age_bucket"], ["respondent_gender"]],
    "receiver_demographics": [["receiver_age"], ["receiver_gender"]],
    "country_relation": [["country_relation"]],
    "scenario_country": [["scenario_country"]],
    "question_x_country": [["question", "respondent_country"]],
    "question_x_relation": [["question", "country_relation"]],
    "participant_x_receiver_demographics": [
        ["respondent_age_bucket", "receiver_age"],
        ["respondent_gender", "receiver_gender"],
    ],
}
MODEL_FACTORS = {
    "question_type": [["response_type"]],
    "model_family": [["model_tag"]],
    "scenario_country": [["scenario_country"]],
    "receiver_demographics": [["receiver_age"], ["receiver_gender"]],
    "question_x_model": [["response_type", "model_tag"]],
}
BEHAVIOUR_KEYS = [
    "source_row", "eval_demo_config", "eval_pref_config", "scenario_type", "actor_country", "receiver_country",
    "actor_gender", "actor_age", "receiver_gender", "receiver_age",
]  # fmt: skip
SLOWLY = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
VERY_SLOWLY = settings(SLOWLY, max_examples=6)


studies = st.builds(
    a_study,
    st.randoms(use_true_random=False),
    n_people=st.integers(1, 9),
    n_items=st.integers(1, 6),
    n_models=st.integers(1, 3),
)


def frame(rows: list[dict[str, Any]], columns: Iterable[str], draw: random.Random) -> pd.DataFrame:
    """Make a table with its columns in any order and one more."""
    names = [*columns, "remark"]
    draw.shuffle(names)
    return pd.DataFrame(rows, columns=names)


def known(value: Any) -> Any:
    return None if value is None or pd.isna(value) else value


def table_of(frame: pd.DataFrame, keys: list[str], columns: Iterable[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = frame.astype(object).to_dict("records")
    table = {tuple(known(row[key]) for key in keys): {name: known(row[name]) for name in columns} for row in rows}
    assert len(table) == len(frame)
    return table


def assert_same(found: pd.DataFrame, expected: hand.Table, keys: list[str], atol: float = 1e-9) -> None:
    columns = list(next(iter(expected.values()), {}))
    table = table_of(found, keys, columns) if len(found) else {}
    assert set(table) == set(expected)
    for key, numbers in expected.items():
        for name, value in numbers.items():
            other = table[key][name]
            if value is None or isinstance(value, str):
                assert other == value, (key, name)
            else:
                assert other == pytest.approx(value, rel=1e-9, abs=atol), (key, name)


@SLOWLY
@given(studies, st.randoms(use_true_random=False))
def test_tables_of_people_equal_those_by_hand(study: Made, draw: random.Random) -> None:
    compare_people(study, draw)


def compare_people(study: Made, draw: random.Random) -> None:
    human = hand.coded(study[0], lambda text: THEMES.get(text, "other"))
    if not human:
        return
    tables = paper_tables(frame(study[0], study[0][0], draw), None)
    found = tables["human_response_summary"]
    groupings = [
        (), ("respondent_country",), ("country_relation",), ("respondent_country", "country_relation"),
        ("scenario_country",), ("receiver_age",), ("receiver_gender",), ("respondent_demo",), ("scenario_theme",),
    ]  # fmt: skip
    assert found["grouping"].unique().tolist() == ["+".join(names) or "overall" for names in groupings]
    for names in groupings:
        part = found[found["grouping"] == ("+".join(names) or "overall")]
        assert_same(part, hand.summary(human, *names), list(names))
    profiles = tables["human_item_profiles"]
    is_overall = profiles[list(hand.SUBGROUP)].isna().all(axis=1)
    people = hand.profiles(human, *hand.SUBGROUP)
    named = {key: row for key, row in people.items() if key[2:] != (None, None)}
    keys = ["response_type", "scenario_item_id"]
    assert_same(profiles[~is_overall], named, [*keys, *hand.SUBGROUP])
    unnamed = len(people) - len(named)
    assert is_overall.sum() == len(hand.profiles(human)) + unnamed
    if not unnamed:
        assert_same(profiles[is_overall], hand.profiles(human), keys)


@VERY_SLOWLY
@given(studies, st.randoms(use_true_random=False))
def test_regressions_of_people_equal_those_by_hand(study: Made, draw: random.Random) -> None:
    compare_regressions(study, draw)


def compare_regressions(study: Made, draw: random.Random) -> None:
    human = hand.coded(study[0], lambda text: THEMES.get(text, "other"))
    if not human:
        return
    found = paper_tables(frame(study[0], study[0][0], draw), None)["human_regression_drop_one_deviance"]
    rows = [
        {**row, "question": question, "outcome": row[question]}
        for row in human
        for question in hand.QUESTIONS
        if row[question] is not None
    ]
    for name, questions in (
        ("combined_personal_vs_norm", hand.QUESTIONS),
        ("personal_choice_only", ("personal",)),
        ("norm_judgment_only", ("norm",)),
    ):
        chosen = [row for row in rows if row["question"] in questions]
        factors = {key: term for key, term in FACTORS.items() if len(questions) == 2 or not key.startswith("question")}
        expected = hand.drop_one(chosen, factors)
        assert_same(found[found["model"] == name], expected, ["dropped_factor"], atol=2e-3)


@SLOWLY
@given(studies, st.randoms(use_true_random=False))
def test_tables_of_alignment_equal_those_by_hand(study: Made, draw: random.Random) -> None:
    compare_alignment(study, draw)


def compare_alignment(study: Made, draw: random.Random) -> None:
    human = [row for row in study[0] if row["respondent_country"] or row["respondent_demo"]]  # see `unnamed` above
    if not human or not study[1]:
        return
    tables = paper_tables(frame(human, human[0], draw), frame(study[1], study[1][0], draw))
    coded = hand.coded(human, lambda text: THEMES.get(text, "other"))
    overall, subgroups = hand.profiles(coded), hand.profiles(coded, *hand.SUBGROUP)
    long = hand.stacked(hand.last_answers(study[1]))
    plain = [row for row in long if row["persona_setting"] == "no_persona"]
    personas = [row for row in long if row["persona_setting"] == "persona"]
    keys = ["setting", "model_tag", "response_type"]
    persona = ("persona_country", "persona_demo")
    no_persona = hand.alignment(hand.beside(plain, overall))
    assert_same(tables["alignment_no_persona_summary"], no_persona, keys)
    under = hand.beside(personas, subgroups, *persona)
    assert_same(tables["alignment_persona_summary"], hand.alignment(under, *persona), [*keys, *persona])
    assert len(tables["alignment_persona_item_level"]) == len(under)
    assert len(tables["alignment_combined_summary"]) == len(no_persona) + len(tables["alignment_persona_summary"])
    assert_same(tables["alignment_uncertainty_summary"], hand.uncertainty(long, overall), keys)
    complete = {key: row for key, row in subgroups.items() if None not in key}
    pairs = {key[2:] for key in complete}
    closest: hand.Table = {}
    for country, demo in pairs:
        asked = [{**row, "respondent_country": country, "respondent_demo": demo} for row in plain]
        closest |= hand.alignment(hand.beside(asked, complete, *hand.SUBGROUP), *hand.SUBGROUP)
    found = tables["alignment_no_persona_closest_human_subgroups"]
    assert_same(found, closest, [*keys, *hand.SUBGROUP])
    for _, group in found.groupby(["model_tag", "response_type"]):
        assert group["rank_for_model_response_type"].tolist() == list(range(1, len(group) + 1))
        assert group["majority_choice_alignment"].is_monotonic_decreasing


@VERY_SLOWLY
@given(studies, st.randoms(use_true_random=False))
def test_tables_of_models_alone_equal_those_by_hand(study: Made, draw: random.Random) -> None:
    compare_models_alone(study, draw)


def compare_models_alone(study: Made, draw: random.Random) -> None:
    if not study[1]:
        return
    tables = model_only_tables(frame(study[1], study[1][0], draw))
    long = hand.stacked(hand.last_answers(study[1]))
    for name, keys in (
        ("model_norm_personal_gaps_by_model", ["setting", "model_tag"]),
        ("model_norm_personal_gaps_by_setting", ["setting"]),
    ):
        expected = hand.model_gaps(long, *(("persona_setting", "model_tag")[: len(keys)]))
        assert_same(tables[name], expected, keys)
    personas = [row for row in long if row["persona_setting"] == "persona"]
    by_country = hand.model_gaps(personas, "model_tag", "persona_country")
    assert_same(tables["model_norm_personal_gaps_by_persona_country"], by_country, ["model_tag", "persona_country"])
    by_setting = hand.consensus(long, "persona_setting", "response_type")
    assert_same(tables["model_consensus_by_setting_response"], by_setting, ["setting", "response_type"])
    by_model = hand.consensus(long, "persona_setting", "model_tag", "response_type")
    assert_same(tables["model_consensus_by_model_response"], by_model, ["setting", "model_tag", "response_type"])
    found = tables["model_behavior_regression_drop_one_deviance"]
    rows = [
        {**row, "outcome": row["culture"]}
        for row in long
        if row["persona_setting"] == "no_persona" and row["culture"] is not None
    ]
    expected = hand.drop_one(rows, MODEL_FACTORS)
    assert_same(found[found["model"] == "no_persona_combined"], expected, ["dropped_factor"], atol=2e-3)


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("seed", [1, 2])
def test_odd_data_give_the_tables_by_hand_too(case: str, seed: int) -> None:
    draw = random.Random(seed)
    study = ODD[case](a_study(draw, 8, 5, 2))
    for compare in (compare_people, compare_regressions, compare_alignment, compare_models_alone):
        compare(study, draw)


@pytest.mark.parametrize("case", ODD)
def test_every_gap_in_tables_of_odd_data_has_its_reason(case: str) -> None:
    human, predictions = ODD[case](a_study(random.Random(3), 8, 5, 2))
    people, models = pd.DataFrame(human), pd.DataFrame(predictions)
    tables = {**paper_tables(people, models), **model_only_tables(models)}
    told = not_estimable(tables)
    assert told["reason"].str.len().min() > 0 or told.empty
    listed = set(told[["table", "row", "column"]].itertuples(index=False, name=None))
    for name, table in tables.items():
        gaps = {(name, row + 2, column) for column in table for row in table[column].isna().to_numpy().nonzero()[0]}
        assert name == ITEM_LEVEL or {gap for gap in gaps if gap[2] not in NAMES_OF_ROWS} <= listed, name


def some_decisions(draw: random.Random, n: int, *, columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [
        {**{name: draw.choice(values) for name, values in columns.items()}, "eval_decision": draw.choice(DECISIONS)}
        for _ in range(n)
    ]


@SLOWLY
@given(st.randoms(use_true_random=False), st.integers(1, 30), st.integers(1, 30))
def test_behaviour_tables_equal_those_by_hand(draw: random.Random, n_left: int, n_right: int) -> None:
    values: dict[str, list[Any]] = {name: ["one", "two", None] for name in BEHAVIOUR_KEYS[1:]}
    columns = {**values, "source_row": [1, 2, 3], "base_country": ["Brazil", "Narnia"]}
    for name in BEHAVIOUR_KEYS[4:]:
        columns[name] = columns[name][:1]
    sides = [some_decisions(draw, n, columns=columns) for n in (n_left, n_right)]
    names = ["repo/culture_atlas/llama_base_balance.csv", "repo/culture_atlas/llama_instruct_balance.csv"]
    files = []
    for name, rows in zip(names, sides, strict=True):
        table = frame(rows, rows[0], draw)
        meta = read_meta(name, table)
        assert meta is not None
        files.append(Evaluation(meta, table))
    tables = behaviour_tables(files)
    coded = [[{**row, "decision": (row["eval_decision"] or "").strip().upper()} for row in rows] for rows in sides]
    for path, rows in zip(names, coded, strict=True):
        for breakdown, keys in (
            ("by_base_country", ["base_country"]),
            ("by_pref_and_scenario", ["eval_pref_config", "scenario_type"]),
        ):
            part = tables[breakdown][tables[breakdown]["path"] == path]
            assert_same(part, hand.decision_rates(rows, *keys), keys)
        part = tables["overall_metrics"][tables["overall_metrics"]["path"] == path]
        expected = {(): {**hand.decision_rates(rows)[()], **hand.entropy(rows)}}
        assert_same(part, expected, [])
    flips: tuple[tuple[str, list[str]], ...] = (
        ("paired_flip_overall", []),
        ("paired_flip_by_pref_and_scenario", ["eval_pref_config", "scenario_type"]),
    )
    for name, keys in flips:
        expected = hand.flips(coded[0], coded[1], BEHAVIOUR_KEYS, *keys)
        assert_same(tables.get(name, pd.DataFrame()), expected, keys)


def test_the_slow_tables_tell_a_difference() -> None:
    human = [
        {**a_person(random.Random(1), "p"), **an_item(random.Random(2), "i"), "human_personal": "A", "human_norm": "B"}
    ]
    expected = hand.summary(hand.coded(human, lambda text: "other"))
    expected[()]["norm_culture_rate"] = 1.0
    with pytest.raises(AssertionError):
        assert_same(paper_tables(pd.DataFrame(human), None)["human_response_summary"].head(1), expected, [])


def test_a_column_of_other_types_changes_nothing() -> None:
    draw = random.Random(5)
    human, predictions = a_study(draw, 8, 5, 2)
    people, models = pd.DataFrame(human), pd.DataFrame(predictions)
    tables = paper_tables(people, models)
    for dtype in ("category", "string", "object"):
        texts = dict.fromkeys(people.columns, dtype)
        others = paper_tables(people.astype(texts), models.astype(dict.fromkeys(models.columns, dtype)))
        for name, table in tables.items():
            pd.testing.assert_frame_equal(others[name], table, check_dtype=False)
    numbered = {f"i{number}": number for number in range(5)}
    as_numbers = [table.replace({"scenario_item_id": numbered}) for table in (people, models)]
    as_numbers[1]["scenario_item_id"] = as_numbers[1]["scenario_item_id"].astype(np.float64)
    others = paper_tables(*as_numbers)
    same = ["alignment_no_persona_summary", "alignment_persona_summary", "human_response_summary"]
    for name in same:
        pd.testing.assert_frame_equal(others[name], tables[name], check_dtype=False)
