"""Bad files: a message that names file, row and column, or a result marked as not estimable; never a traceback."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.from_files.checked_csv import BadFile, read_csv
from analysis.from_files.paper_folder import Found, analyse_folder, write_tables
from analysis.paper_columns import DECISIONS
from analysis.stats.paper import paper_tables
from survey.csv_reader import LONGEST_CELL

HUMAN = "tidy_human_responses.csv"
PREDICTIONS = "llm_predictions.csv"
HEADER = (
    "respondent_id,respondent_country,respondent_age_bucket,respondent_gender,respondent_demo,scenario_item_id,"
    "scenario_country,scenario,receiver_age,receiver_gender,receiver_demo,human_personal,human_norm\n"
)
PREDICTED = (
    "model_tag,persona_setting,persona_country,persona_demo,scenario_item_id,scenario_country,receiver_age,"
    "receiver_gender,llm_personal,llm_norm\n"
)
DECIDED = "source_row,eval_model,eval_backend,base_country,eval_decision\n"


def judged(person: str, item: str, personal: str = "A", norm: str = "B", scenario: str = "At dinner") -> str:
    return f"{person},Brazil,older,male,older_male,{item},Brazil,{scenario},older,male,older_male,{personal},{norm}\n"


def predicted(item: str, personal: str = "A", norm: str = "B", setting: str = "no_persona") -> str:
    return f"m,{setting},,,{item},Brazil,older,male,{personal},{norm}\n"


GOOD = HEADER + judged("p1", "i1") + judged("p1", "i2", "B", "A") + judged("p2", "i1", "B", "B")
FAULTS: dict[str, tuple[str, str | bytes, str]] = {
    "a missing column": (HUMAN, GOOD.replace("human_norm", "norm"), f"{HUMAN}: row 1: missing columns human_norm"),
    "semicolons": (
        HUMAN, GOOD.replace(",", ";"), f"{HUMAN}: row 1: the columns are separated by semicolons: save it with commas"
    ),
    "tabs": (HUMAN, GOOD.replace(",", "\t"), f"{HUMAN}: row 1: the columns are separated by tabs"),
    "a column named twice": (HUMAN, GOOD.replace("scenario,", "human_norm,"), f"{HUMAN}: row 1: columns named twice"),
    "a judgment given twice": (
        HUMAN,
        GOOD + judged("p2", "i1") + judged("p1", "i2"),
        f"{HUMAN}: 2 rows (5, 6), column respondent_id × scenario_item_id: this respondent has judged this item before",
    ),
    "seven judgments given twice": (
        HUMAN, GOOD + 7 * judged("p1", "i1"), f"{HUMAN}: 7 rows (the first 5: 5, 6, 7, 8, 9), column respondent_id"
    ),
    "nothing at all": (HUMAN, "", f"{HUMAN}: is empty"),
    "a header only": (HUMAN, HEADER, f"{HUMAN}: has a header but no rows"),
    "bytes that are not UTF-8": (
        HUMAN,
        (GOOD + judged("p3", "i1")).encode().replace(b"p3,Brazil", b"p3,Bras\xedlia"),
        f"{HUMAN}: row 5, column respondent_country: byte 0xed is not UTF-8",
    ),
    "a byte that ends the text": (
        HUMAN, GOOD + judged("p3", "i1", "A\0"), f"{HUMAN}: row 5, column human_personal: byte 0x00 is no text"
    ),
    "something packed": (HUMAN, gzip.compress(GOOD.encode()), f"{HUMAN}: is packed with gzip"),
    "a workbook": (HUMAN, b"PK\x03\x04" + bytes(range(256)), f"{HUMAN}: is a ZIP archive or a workbook, not CSV"),
    "UTF-16": (HUMAN, GOOD.encode("utf-16"), f"{HUMAN}: is UTF-16: save it as UTF-8"),
    "no text at all": (HUMAN, b"\x00\xe5\r\x8c" * 20, f"{HUMAN}: byte 2: byte 0xe5 is not UTF-8"),
    "a field without end": (
        HUMAN, GOOD + judged("p3", "i1", scenario="x" * (LONGEST_CELL + 1)),
        f"{HUMAN}: row 5: cannot be read as CSV: field larger"
    ),
    "a field without end before a byte that is not UTF-8": (
        HUMAN, (GOOD + judged("p3", "x" * (LONGEST_CELL + 1))).encode() + b"\xff", f"{HUMAN}: byte 4194"
    ),
    "a row with too few fields": (
        HUMAN,
        GOOD + "p3,Brazil\n",
        f"{HUMAN}: row 5: as many fields as the header's 13 columns are needed, row 5 has 2",
    ),
    "rows with too many fields": (
        HUMAN, HEADER + 2 * judged("p1", "i1,extra"), f"{HUMAN}: 2 rows (2, 3): as many fields as the header's 13"
    ),
    "a quote that is never closed": (HUMAN, GOOD + judged("p3", "i1", scenario='"At dinner'), f"{HUMAN}: "),
    "a broken archive": (f"{HUMAN}.gz", gzip.compress(GOOD.encode())[:60], f"{HUMAN}.gz: cannot be unpacked"),
    "no archive": (f"{HUMAN}.gz", GOOD, f"{HUMAN}.gz: cannot be unpacked"),
    "predictions without a column": (
        PREDICTIONS, PREDICTED.replace("llm_norm", "norm") + predicted("i1"), f"{PREDICTIONS}: row 1: missing columns"
    ),
    "decisions without a column": (
        "cultureatlas_llama_base.csv", DECIDED.replace("eval_decision", "decision") + "1,m,x,Brazil,UNKNOWN\n",
        "cultureatlas_llama_base.csv: row 1: missing columns eval_decision",
    ),
}  # fmt: skip
NOTES: dict[str, tuple[str, str, str]] = {
    "an unknown choice": (
        HUMAN, GOOD + judged("p3", "i1", "C"), f"{HUMAN}: row 5, column human_personal: neither A nor B, read as not "
        "answered: 'C'",
    ),
    "an unknown choice after a quoted line break and an empty line": (
        HUMAN, GOOD + "\n" + judged("p3", "i1", scenario='"At\ndinner"') + judged("p4", "i1", norm="both"),
        f"{HUMAN}: row 7, column human_norm: neither A nor B, read as not answered: 'both'",
    ),
    "an empty country": (
        HUMAN, GOOD + judged("p3", "i1").replace("p3,Brazil", "p3,"), f"{HUMAN}: row 5, column respondent_country: is "
        "empty: the row belongs to none of its groups",
    ),
    "an unknown country": (
        HUMAN, GOOD + judged("p3", "i1").replace("p3,Brazil", "p3,Narnia"), f"{HUMAN}: row 5, column "
        "respondent_country: no respondent country of the paper, so that all other countries count as far: Narnia",
    ),
    "another gender": (
        HUMAN, GOOD + judged("p3", "i1").replace("older,male,older_male,i1", "older,Prefer not to say,,i1"),
        f"{HUMAN}: row 5, column respondent_gender: neither female nor male: a level of its own in the paper's tables, "
        "not given in ours: Prefer not to say",
    ),
    "nobody named": (HUMAN, GOOD + judged("", "i1"), f"{HUMAN}: row 5, column respondent_id: is empty"),
    "an unknown answer of a model": (
        PREDICTIONS, PREDICTED + predicted("i1", "I refuse"), f"{PREDICTIONS}: row 2, column llm_personal: neither A "
        "nor B, read as no readable answer: 'I refuse'",
    ),
    "an answer given again": (
        PREDICTIONS, PREDICTED + 2 * predicted("i1"), f"{PREDICTIONS}: row 2, column scenario_item_id: answered again"
    ),
    "an unknown setting": (
        PREDICTIONS, PREDICTED + predicted("i1", setting="other"), f"{PREDICTIONS}: row 2, column persona_setting"
    ),
    "an unknown decision": (
        "cultureatlas_llama_base.csv", DECIDED + "1,m,x,Brazil,BOTH\n",
        "cultureatlas_llama_base.csv: row 2, column eval_decision: counted as unknown: BOTH",
    ),
}  # fmt: skip
DOUBTS: dict[str, tuple[str, str, str]] = {
    "a question nobody answered": (
        HEADER + judged("p1", "i1", norm=""), "norm_culture_rate", "nobody answered the norm question"
    ),
    "a group without answers": (
        GOOD + judged("p3", "i1", "", "").replace("Brazil", "India"),
        "personal_culture_rate", "nobody answered the personal question",
    ),
    "a constant outcome": (
        HEADER + "".join(judged(f"p{n}", "i1", "A", "A") for n in range(5)), "coef", "all answers alike"
    ),
    "one respondent": (HEADER + judged("p1", "i1"), "coef", "all answers alike"),
}  # fmt: skip


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def analyse(folder: Path) -> Found:
    """Run the command on a folder, then the function behind it; neither may raise anything but a CommandError."""
    said = StringIO()
    try:
        call_command("analyse", input=folder, out=folder / "out", stdout=said, stderr=said)
    except CommandError as error:
        said.write(str(error))
    found = analyse_folder(folder)
    for line in (*found.errors, *found.notes):
        assert line in said.getvalue()
    return found


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    name, content, message = FAULTS[case]
    write(tmp_path, name, content)
    found = analyse(tmp_path)
    assert len(found.errors) == 1
    assert found.errors[0].startswith(message)
    assert found.tables == {}


@pytest.mark.parametrize("case", NOTES)
def test_what_the_paper_reads_over_is_told_with_its_place(case: str, tmp_path: Path) -> None:
    name, content, message = NOTES[case]
    write(tmp_path, name, content)
    found = analyse(tmp_path)
    assert found.errors == []
    assert [note for note in found.notes if note.startswith(message)] != []


@pytest.mark.parametrize("case", DOUBTS)
def test_what_cannot_be_estimated_is_listed_with_its_reason(case: str, tmp_path: Path) -> None:
    content, column, reason = DOUBTS[case]
    write(tmp_path, HUMAN, content)
    found = analyse(tmp_path)
    assert found.errors == []
    listed = pd.read_csv(tmp_path / "out" / "not_estimable.csv")
    rows = listed[(listed["column"] == column) & listed["reason"].str.contains(reason)]
    assert len(rows) > 0
    for row in rows[rows["column"] != "coef"].to_dict("records"):
        table = pd.read_csv(tmp_path / "out" / f"{row['table']}.csv")
        assert pd.isna(table[row["column"]].iloc[int(row["row"]) - 2])


def test_every_empty_result_is_listed(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD + judged("p3", "i1", "", "").replace("Brazil", "India"))
    write(tmp_path, PREDICTIONS, PREDICTED + predicted("i1", "", "") + predicted("i2", "A", ""))
    write(tmp_path, "cultureatlas_llama_base.csv", DECIDED + "1,m,x,Brazil,UNKNOWN\n2,m,x,India,UNKNOWN\n")
    found = analyse(tmp_path)
    listed = set(found.doubts[["table", "row", "column"]].itertuples(index=False, name=None))
    for name, table in found.tables.items():
        numbers = table.drop(columns=["persona_country", "persona_demo"], errors="ignore").select_dtypes("number")
        for column in numbers.columns:
            for row in numbers[column].isna().to_numpy().nonzero()[0]:
                assert name == "alignment_persona_item_level" or (name, row + 2, column) in listed


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode().rstrip(b"\n"),
        lambda text: (text + "\n\n").encode(),
        lambda text: "".join(f"{line},more\n" for line in text.splitlines()).encode(),
    ],
    ids=["byte order mark", "CRLF", "no last line end", "empty lines", "another column"],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_other_ways_of_writing_a_file_change_nothing(
    change: Callable[[str], bytes], is_packed: bool, tmp_path: Path
) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    for folder in (plain, other):
        folder.mkdir()
    write(plain, HUMAN, GOOD)
    content = change(GOOD)
    write(other, f"{HUMAN}.gz" if is_packed else HUMAN, gzip.compress(content) if is_packed else content)
    expected = analyse_folder(plain)
    found = analyse_folder(other)
    assert (found.errors, found.notes) == ([], [])
    for name, table in expected.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)


def test_a_bad_file_leaves_the_tables_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    write(tmp_path, PREDICTIONS, PREDICTED.encode() + b"\xff")
    write(tmp_path, "cultureatlas_llama_base.csv", DECIDED + "1,m,x,Brazil,FOLLOW_CULTURE\n")
    found = analyse(tmp_path)
    assert found.errors == [f"{PREDICTIONS}: row 2, column model_tag: byte 0xff is not UTF-8"]
    assert {"human_response_summary", "overall_metrics"} <= set(found.tables)
    assert len(write_tables(found, tmp_path / "again")) == len(found.tables) + 1


def test_files_of_models_that_were_not_asked_are_as_good_as_none(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    write(tmp_path, PREDICTIONS, PREDICTED.splitlines()[0] + "\n")
    write(tmp_path, "eval_decisions.csv", ",".join(DECISIONS.names) + "\n")
    found = analyse_folder(tmp_path)
    assert found.errors == []
    assert "human_response_summary" in found.tables
    assert f"the model-only tables: no usable {PREDICTIONS}" in found.not_made
    assert any(told.startswith("the behaviour tables: ") for told in found.not_made)
    write(tmp_path, PREDICTIONS, "model_tag\n")
    assert "missing columns" in analyse_folder(tmp_path).errors[0]


def test_a_folder_without_any_of_the_files_says_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "other.csv", "a,b\n1,2\n")
    said = StringIO()
    with pytest.raises(CommandError, match="nothing to analyse"):
        call_command("analyse", input=tmp_path, out=tmp_path / "out", stderr=said)
    assert HUMAN in said.getvalue()
    assert "evaluation file" in said.getvalue()


def test_the_tables_refuse_a_judgment_given_twice(tmp_path: Path) -> None:
    human = read_csv(write(tmp_path, HUMAN, GOOD + judged("p1", "i1")))
    with pytest.raises(ValueError, match="human responses: row 5, column respondent_id × scenario_item_id"):
        paper_tables(human, None)


def test_a_file_of_one_column_keeps_its_rows(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, "x.csv", "a\n1\n\n2\n"))["a"].to_dict() == {2: 1, 4: 2}
    with pytest.raises(BadFile, match="row 1: columns named twice: a"):
        read_csv(write(tmp_path, "y.csv", "a,a\n1,2\n"))
