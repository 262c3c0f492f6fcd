"""The two files for the paper's scripts: their header, their codes, one decided answer per model and item."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from analysis import frames
from analysis.decisions import by_model_and_condition
from analysis.export.folder import write_folder
from analysis.extract import Selection
from analysis.from_files.paper_folder import analyse_folder
from analysis.paper_columns import DECISIONS
from analysis.stats.paper import behaviour_tables, paper_tables
from survey.enums import AgeBand, Choice, Gender, OptionOrder, Question, Status
from tests.analysis.conftest import Made, fill_behaviour, make_completion, make_run, make_session, make_spec

REFERENCE = Path(__file__).parents[1] / "reference" / "pact_synthetic"
FIRST, SECOND = OptionOrder.CULTURE_FIRST, OptionOrder.PREFERENCE_FIRST


@pytest.mark.parametrize("name", ["tidy_human_responses.csv", "llm_predictions.csv"])
def test_header_is_that_of_the_papers_files(full: Made, tmp_path: Path, name: str) -> None:
    write_folder(full.study, tmp_path, "pact")
    with gzip.open(REFERENCE / f"{name}.gz", "rt") as reference:
        assert (tmp_path / name).read_text().splitlines()[0] == reference.readline().strip()


def test_human_row_speaks_the_papers_codes(made: Made) -> None:
    make_session(made, "US", answers={"BR00": ("culture", "preference")}, age_band=AgeBand.A45_54, gender=Gender.MAN)
    row = frames.paper_human(made.study).iloc[0].to_dict()
    assert row.pop("respondent_id").startswith("R")
    assert row == {
        "respondent_country": "United States of America",
        "respondent_age_bucket": "older",
        "respondent_gender": "male",
        "respondent_demo": "older_male",
        "scenario_item_id": "BR00",
        "scenario": 'scenario of "BR00", in en-US',
        "scenario_country": "Brazil",
        "receiver_age": "older",
        "receiver_gender": "female",
        "receiver_demo": "older_female",
        "human_personal": "A",
        "human_norm": "B",
    }


def test_culture_is_a_whatever_order_was_shown(made: Made) -> None:
    make_session(made, order=SECOND)
    assert set(frames.paper_human(made.study)["human_personal"]) == {"A"}


def test_what_is_not_known_is_an_empty_cell(made: Made, tmp_path: Path) -> None:
    make_session(made, answers={"BR00": ("culture", None)}, gender=Gender.UNDISCLOSED, age_band=AgeBand.A18_24)
    write_folder(made.study, tmp_path, "pact")
    line = (tmp_path / "tidy_human_responses.csv").read_text().splitlines()[1].split(",")
    assert line[1:6] == ["Brazil", "younger", "", "", "BR00"]
    assert line[-2:] == ["A", ""]


def test_files_open_in_pandas_and_feed_the_papers_tables(full: Made, tmp_path: Path) -> None:
    write_folder(full.study, tmp_path, "pact")
    human = pd.read_csv(tmp_path / "tidy_human_responses.csv")
    predictions = pd.read_csv(tmp_path / "llm_predictions.csv")
    summary = paper_tables(human, predictions)["human_response_summary"]
    assert len(human) == 12 * 3
    assert len(predictions) == 2 * 3 * 3
    assert summary.loc[0, "personal_culture_rate"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("first", "second", "letter"),
    [
        ((Choice.CULTURE, 0.9), (Choice.PREFERENCE, 0.2), "A"),  # mean .55
        ((Choice.CULTURE, 0.6), (Choice.PREFERENCE, 0.3), "B"),  # mean .45
        ((Choice.CULTURE, 0.75), (Choice.PREFERENCE, 0.25), "A"),  # one half: the first order decides
        ((Choice.PREFERENCE, 0.25), (Choice.CULTURE, 0.75), "B"),
        ((Choice.CULTURE, None), (Choice.PREFERENCE, None), "A"),  # no probabilities: 1 and 0
        ((Choice.PREFERENCE, None), (Choice.CULTURE, None), "B"),
        ((Choice.PREFERENCE, None), ("", None), "B"),  # the other was refused
        (("", 0.9), (Choice.PREFERENCE, 0.5), "A"),  # a tie without the first order
        (("", None), ("", None), None),
    ],
)
def test_two_orders_make_one_answer(
    made: Made, first: tuple[str, float | None], second: tuple[str, float | None], letter: str | None
) -> None:
    spec = make_spec()
    run = make_run(made, spec)
    for order, (choice, p) in ((FIRST, first), (SECOND, second)):
        make_completion(run, spec, made.items[0], order=order, choice=choice, p=p)
    row = frames.paper_predictions(made.study).iloc[0]
    assert (None if pd.isna(row["llm_personal"]) else row["llm_personal"]) == letter
    assert pd.isna(row["llm_norm"])


def test_prediction_row_names_the_persona(made: Made) -> None:
    spec = make_spec()
    persona = ("US", "older", "male")
    make_completion(make_run(made, spec), spec, made.items[1], question=Question.NORM, persona=persona)
    row = frames.paper_predictions(made.study).iloc[0]
    assert list(row[["model_tag", "persona_setting", "persona_country", "persona_demo", "llm_norm"]]) == [
        "model_a",
        "persona",
        "United States of America",
        "older_male",
        "A",
    ]


def test_newer_run_replaces_older_answers_cell_by_cell(made: Made) -> None:
    spec = make_spec()
    old, new = make_run(made, spec), make_run(made, spec)
    for item in made.items:
        make_completion(old, spec, item, choice=Choice.CULTURE)
    make_completion(new, spec, made.items[0], choice=Choice.PREFERENCE)
    letters = dict(frames.paper_predictions(made.study)[["scenario_item_id", "llm_personal"]].to_numpy().tolist())
    assert letters == {"BR00": "B", "MM02": "A", "US01": "A"}


def test_complete_only_leaves_unfinished_respondents_out(made: Made) -> None:
    make_session(made)
    make_session(made, status=Status.ACTIVE)
    assert len(frames.paper_human(made.study)) == 6
    assert len(frames.paper_human(made.study, complete_only=True)) == 3


def test_behaviour_runs_are_exported_as_the_papers_evaluation_files(made: Made, tmp_path: Path) -> None:
    fill_behaviour(made)
    write_folder(made.study, tmp_path, "pact")
    names = sorted(path.name for path in tmp_path.glob("cultureatlas_*.csv"))
    assert names == [
        f"cultureatlas_llama-{stage}_{stage}_{condition}.csv"
        for stage in ("base", "instruct")
        for condition in ("balance", "nobalance")
    ]
    first = (tmp_path / names[0]).read_text().splitlines()
    assert first[0] == (
        "source_row,eval_model,eval_backend,scenario_type,base_country,actor_country,receiver_country,actor_gender,"
        "actor_age,receiver_gender,receiver_age,eval_demo_config,eval_pref_config,eval_decision"
    )
    assert [line.rsplit(",", 1)[1] for line in first[1:]] == ["FOLLOW_CULTURE", "UNKNOWN", "ALLOW_PREFERENCE"]
    assert (tmp_path / "SHA256SUMS").read_text().count("cultureatlas_") == 4


def test_exported_evaluation_files_make_the_tables_of_the_site(made: Made, tmp_path: Path) -> None:
    fill_behaviour(made)
    write_folder(made.study, tmp_path, "pact")
    from_files = analyse_folder(tmp_path).tables
    for path in tmp_path.glob("cultureatlas_*.csv"):
        path.unlink()
    from_one_file = analyse_folder(tmp_path).tables
    from_site = behaviour_tables(by_model_and_condition(frames.extract(DECISIONS, made.study, Selection()).frame))
    assert sorted(from_files) == sorted(from_one_file) == sorted(from_site)
    for name, table in from_site.items():
        named = [column for column in ("dataset", "path", "left_path", "right_path") if column in table]
        for other in (from_files[name], from_one_file[name]):
            pd.testing.assert_frame_equal(table.drop(columns=named), other.drop(columns=named), check_dtype=False)
    flips = from_site["paired_flip_overall"].set_index(["pair_type", "left_prompt_condition"])["n_paired"]
    assert flips[("base_vs_instruct", "balance")] == 2
    assert flips[("base_vs_instruct", "nobalance")] == 3
