"""The whole report from files alone: the numbers of the site, without a database."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.export.folder import write_folder
from analysis.from_files.checked_csv import BadFile
from analysis.from_files.methods_folder import analyse_folder, write_report
from analysis.from_files.paper_to_long import long_of
from analysis.management.commands.analyse import Command
from analysis.models import AnalysisRun
from analysis.parameters import choose, without
from analysis.release.results import Withheld, is_shown
from analysis.release.tables import RELEASED_ANALYSIS
from analysis.reports import compute
from analysis.results import overview
from analysis.results.stored import Results
from analysis.stats.paper.doubts import REASONS
from tests.analysis.conftest import Made, fill, fill_behaviour, make_session
from tests.analysis.test_bad_files import GOOD, HEADER, HUMAN, PREDICTED, PREDICTIONS, judged, predicted, write


@pytest.mark.parametrize("include_simulated", [True, False])
def test_exported_files_give_the_numbers_of_the_site(made: Made, include_simulated: bool, tmp_path: Path) -> None:
    fill(made, 4, n_simulated=1)
    fill_behaviour(made)
    make_session(made, answers={"BR00": ("culture", None)})
    parameters = choose(include_simulated=include_simulated)
    write_folder(made.study, tmp_path, "all")
    report = analyse_folder(tmp_path, parameters)
    expected = compute(made.study, parameters, lambda step: None)
    assert report.snapshot_hash == expected.snapshot_hash
    assert report.warnings == expected.warnings
    assert json.loads(json.dumps(report.results["tables"])) == json.loads(json.dumps(expected.results["tables"]))
    shared = set(report.results["facts"]) - {"study"}
    assert {name: report.results["facts"][name] for name in shared} == {
        name: expected.results["facts"][name] for name in shared
    }


def test_packed_files_give_the_same(full: Made, tmp_path: Path) -> None:
    write_folder(full.study, tmp_path, "all")
    parameters = choose(include_simulated=True, families=("rates",))
    plain = analyse_folder(tmp_path, parameters)
    for path in list(tmp_path.glob("*.csv")):
        with gzip.open(f"{path}.gz", "wb") as packed:
            packed.write(path.read_bytes())
        path.unlink()
    assert analyse_folder(tmp_path, parameters).snapshot_hash == plain.snapshot_hash


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",culture,", ",both,", "column choice: not among its levels: both"),
        ("study_code,", "study,", "long.csv: row 1: missing columns study_code"),
        (",complete,", ",NA,", "column session_status: is empty where nothing may be missing"),
    ],
)
def test_exported_files_are_refused_with_the_place(
    full: Made, old: str, new: str, message: str, tmp_path: Path
) -> None:
    write_folder(full.study, tmp_path, "long")
    text = (tmp_path / "long.csv").read_text()
    (tmp_path / "long.csv").write_text(text.replace(old, new))
    with pytest.raises(BadFile, match=message):
        analyse_folder(tmp_path, choose(include_simulated=True))


def test_a_row_given_twice_is_refused(full: Made, tmp_path: Path) -> None:
    write_folder(full.study, tmp_path, "long")
    lines = (tmp_path / "long.csv").read_text().splitlines(keepends=True)
    (tmp_path / "long.csv").write_text("".join([*lines, lines[1]]))
    message = f"long.csv: row {len(lines) + 1}, column respondent_id × item_code × question: was there before"
    with pytest.raises(BadFile, match=message):
        analyse_folder(tmp_path, choose(include_simulated=True))


def test_the_papers_two_files_make_the_whole_report(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD + judged("p3", "i1") + judged("p4", "i2", "?", "A"))
    write(tmp_path, PREDICTIONS, PREDICTED + predicted("i1") + predicted("i2", "B", "?"))
    out = tmp_path / "out"
    call_command("analyse", input=tmp_path, layer="methods", out=out, stdout=StringIO(), stderr=StringIO())
    rates = pd.read_csv(out / "rates.csv")
    paper = pd.read_csv(out / "paper_human_response_summary.csv")
    overall = rates[rates["grouping"] == "overall"].set_index("measure")["estimate"]
    assert overall["personal"] == paper["personal_culture_rate"].iloc[0] == 0.5
    assert overall["norm"] == paper["norm_culture_rate"].iloc[0] == pytest.approx(0.4)
    facts = json.loads((out / "facts.json").read_text())
    assert (facts["n_respondents"], facts["n_answers"]) == (4, 9)
    assert facts["n_respondents_by_country"] == {"BR": 4}
    assert len(facts["snapshot_hash"]) == 64
    alignment = pd.read_csv(out / "alignment.csv")
    assert set(alignment["model_tag"]) == {"m"}
    of_model = alignment[alignment["predictor"] == "model"].set_index(["measure", "question"])["estimate"]
    assert of_model["expected_match", "personal"] == pytest.approx(
        (2 / 3 + 1) / 2
    )  # i1: A beside A, B, A; i2: B beside B


def test_a_country_that_the_site_does_not_know_keeps_its_name(tmp_path: Path) -> None:
    rows = "".join(judged(f"p{n}", "i1").replace("Brazil", "Narnia") for n in range(3))
    write(tmp_path, HUMAN, GOOD + rows.replace("p1,", "p5,").replace("p2,", "p6,"))
    report = analyse_folder(tmp_path, choose(include_simulated=True, families=("rates",)))
    assert report.results["facts"]["n_respondents_by_country"] == {"BR": 2, "Narnia": 3}


def test_relation_and_theme_are_those_of_the_paper() -> None:
    human = pd.read_csv(StringIO(GOOD + judged("p7", "i1").replace("i1,Brazil", "i1,Myanmar")))
    long = long_of(human)
    assert long["relation"].astype(str).unique().tolist() == ["same", "close"]
    assert long["theme"].astype(str).unique().tolist() == ["food_hospitality"]


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"neither long\.csv nor tidy_human_responses\.csv is there"):
        call_command("analyse", input=tmp_path, layer="methods", out=tmp_path / "out")
    shutil.rmtree(tmp_path)
    with pytest.raises(CommandError, match="there is no folder"):
        call_command("analyse", input=tmp_path, layer="methods", out=tmp_path / "out")


def test_choices_about_a_release_change_only_what_was_asked_for(tmp_path: Path) -> None:
    own = choose(include_simulated=False, flags=["too_fast"], level=0.9, seed=7, families=("rates",))
    (tmp_path / RELEASED_ANALYSIS).parent.mkdir()
    (tmp_path / RELEASED_ANALYSIS).write_text(json.dumps({"parameters": own.as_json()}))
    plain: dict[str, Any] = {
        "real_only": False, "without_flag": [], "last_day": 0, "country": [], "family": [], "alpha": None,
        "sesoi": None, "seed": None,
    }  # fmt: skip
    assert Command().of_files(tmp_path, plain) == own
    asked = plain | {"family": ["shift"], "without_flag": ["declined"], "seed": 8}
    exclusions = (*own.exclusions, without("declined"))
    assert Command().of_files(tmp_path, asked) == replace(own, families=("shift",), seed=8, exclusions=exclusions)
    elsewhere = tmp_path / "plain"
    elsewhere.mkdir()
    assert Command().of_files(elsewhere, plain) == choose(include_simulated=True)


def test_rows_of_models_alone_stand_in_a_release_rows_of_few_people_do_not() -> None:
    nobody = Withheld(frozenset(), 5)
    assert [is_shown({"n_respondents": n}, nobody, {}) for n in (0, 1, 4, 5)] == [True, False, False, True]


def test_odd_rows_are_told_with_their_place_and_stay_out_of_groups(tmp_path: Path) -> None:
    nowhere = judged("p3", "i1") + judged("p3", "i2", "maybe")
    content = GOOD + judged("p4", "i1").replace("Brazil", "India", 1) + nowhere.replace("p3,Brazil", "p3,")
    write(tmp_path, HUMAN, content)
    write(tmp_path, PREDICTIONS, PREDICTED + 2 * predicted("i1"))
    report = analyse_folder(tmp_path, choose(include_simulated=True, families=("rates",)))
    assert report.warnings[:3] == [
        f"{HUMAN}: row 7, column human_personal: neither A nor B, read as not answered: 'maybe'",
        f"{HUMAN}: 2 rows (6, 7), column respondent_country: is empty: the row belongs to none of its groups",
        f"{PREDICTIONS}: row 2, column scenario_item_id: answered again further down: the last answer counts, "
        "as in the paper",
    ]
    tables = {name: pd.DataFrame(one["rows"], columns=one["columns"]) for name, one in report.results["tables"].items()}
    rates = tables["rates"][tables["rates"]["measure"] == "norm"].set_index(["grouping", "group"])["n"]
    assert rates["overall", "all"] == rates["country", "BR"] + rates["country", "IN"] + 2
    assert rates["country", "not_given"] == rates["relation", "not_given"] == 2
    assert set(tables["country_differences"]["first"]) == {"BR"}


def test_agreement_is_of_people_whose_country_is_known(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    parameters = choose(include_simulated=True, families=("agreement",))
    known = analyse_folder(tmp_path, parameters).results["tables"]
    write(tmp_path, HUMAN, GOOD + judged("p3", "i1").replace("p3,Brazil", "p3,"))
    found = analyse_folder(tmp_path, parameters).results["tables"]
    assert {name: found[name] for name in found if name != "exclusions"} == {
        name: known[name] for name in known if name != "exclusions"
    }


def test_predictions_of_no_model_are_as_good_as_none(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    parameters = choose(include_simulated=True, families=("rates", "alignment"))
    without_file = analyse_folder(tmp_path, parameters)
    write(tmp_path, PREDICTIONS, PREDICTED)
    assert analyse_folder(tmp_path, parameters).results["tables"] == without_file.results["tables"]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda text: text.replace(",A,B\n", ",A,\n").replace(",B,A\n", ",B,\n"), "Nobody answered the norm question"),
        (lambda text: text.replace(",A,B\n", ",,B\n").replace(",B,A\n", ",,A\n"), "answered the personal question"),
        (lambda text: text.replace("p1,Brazil", "p1,Narnia"), "People follow the local expectation in"),
        (lambda text: text, "Two people of the same country agree about an item in"),
    ],
    ids=["no norm", "no personal", "a country that the site does not know", "as many disagree as can"],
)
def test_odd_files_have_their_findings(change: Callable[[str], str], finding: str, tmp_path: Path) -> None:
    rows = [judged(f"p{n}", "i1", *("AB" if n else "BA")) for n in range(3)]
    write(tmp_path, HUMAN, change(HEADER + "".join(rows)))
    report = analyse_folder(tmp_path, choose(include_simulated=True, families=("rates", "agreement")))
    told = overview(Results(AnalysisRun(results=report.results)))
    assert finding in " ".join(family["finding"] for family in told)


def test_every_empty_result_is_listed_with_its_reason(tmp_path: Path) -> None:
    silent = [judged(f"p{n}", f"i{item}", "AB"[n % 2], "") for n in range(3) for item in range(2)]
    write(tmp_path, HUMAN, HEADER + "".join(silent))
    write(tmp_path, PREDICTIONS, PREDICTED + predicted("i0", "", "") + predicted("i1", "", ""))
    report = analyse_folder(tmp_path, choose(include_simulated=True, families=("rates", "alignment", "paper")))
    paths = {path.stem: path for path in write_report(report, tmp_path / "out") if path.suffix == ".csv"}
    listed = pd.read_csv(paths.pop("not_estimable"))
    assert listed["reason"].str.len().min() > 0
    told = set(listed[["table", "row", "column"]].itertuples(index=False, name=None))
    n_empty = 0
    for name, path in paths.items():
        table = pd.read_csv(path)
        for column in set(table) & set(REASONS if name.startswith("paper_") else ["estimate"]):
            empty = {(name, row + 2, column) for row in table[column].isna().to_numpy().nonzero()[0]}
            assert empty <= told, name
            n_empty += len(empty)
    assert n_empty > 20
