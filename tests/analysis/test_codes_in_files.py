"""Codes of people and items that look like numbers: one file's 007 is the other's."""

from pathlib import Path

import pytest

from analysis.from_files import methods_folder, paper_folder
from analysis.parameters import choose
from tests.analysis.test_bad_files import HEADER, HUMAN, PREDICTED, PREDICTIONS, judged, predicted, write

PEOPLE = HEADER + "".join(judged(f"00{n}", f"00{item}", "AB"[n % 2]) for n in range(4) for item in range(3))


def folder(place: Path, *more: str) -> Path:
    write(place, HUMAN, PEOPLE)
    write(place, PREDICTIONS, PREDICTED + "".join(predicted(code) for code in ("000", "001", "002", *more)))
    return place


@pytest.mark.parametrize("more", [(), ("x9",), ("",), ("x9", "")])
def test_items_of_both_files_meet_whatever_stands_beside_them(tmp_path: Path, more: tuple[str, ...]) -> None:
    source = folder(tmp_path, *more)
    papers = paper_folder.analyse_folder(source)
    assert papers.errors == []
    assert papers.tables["alignment_no_persona_summary"]["n_items"].tolist() == [3, 3]
    table = methods_folder.analyse_folder(source, choose(include_simulated=True)).results["tables"]["alignment"]
    at = {name: table["columns"].index(name) for name in ("measure", "n_items")}
    assert {row[at["n_items"]] for row in table["rows"] if row[at["measure"]] == "expected_match"} == {3}


def test_the_methods_tables_keep_codes_as_they_are_written(tmp_path: Path) -> None:
    source = folder(tmp_path)
    write(source, PREDICTIONS, (source / PREDICTIONS).read_text().replace("\nm,", "\n01,"))
    tables = methods_folder.analyse_folder(source, choose(include_simulated=True)).results["tables"]
    for name, column, codes in (
        ("item_agreement", "item_code", {"000", "001", "002"}),
        ("alignment", "model_tag", {"01"}),
        ("paper_alignment_no_persona_summary", "model_tag", {"01"}),
    ):
        at = tables[name]["columns"].index(column)
        assert {row[at] for row in tables[name]["rows"]} == codes, name
