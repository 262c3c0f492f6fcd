"""Whether the tables agree with each other: wide with long, counts with rows, the paper's file with both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby, zip_longest
from typing import Any

from analysis.release.validation.findings import Finding, Opened

CHECK = "agreement"
QUESTIONS = ("personal", "norm")
LETTERS = {"culture": "A", "preference": "B"}
N_NAMED = 5
Row = Mapping[str, str]


def check_agreement(opened: Opened) -> Iterator[Finding]:
    """Compare the tables row by row; those that are missing are named by other checks."""
    if opened.has("long", "wide"):
        yield from _few(_check_wide(opened))
    if opened.has("wide", "tidy_human_responses"):
        yield from _few(_check_paper(opened))
    if opened.has("long", "participants", "items"):
        yield from _few(_check_counts(opened))


def _few(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Give the first findings of a kind, and how many more there are."""
    n = 0
    for n, finding in enumerate(findings, start=1):
        if n <= N_NAMED:
            yield finding
    if n > N_NAMED:
        yield Finding(CHECK, "…", f"{n - N_NAMED} more like these")


def _check_wide(opened: Opened) -> Iterator[Finding]:
    """Pivot long again, as it streams by: both stand in the order of respondents and items."""
    fields = [str(field["name"]) for field in opened.fields("long")]
    wide_fields = {str(field["name"]) for field in opened.fields("wide")}
    values = [name for name in fields if f"{QUESTIONS[0]}_{name}" in wide_fields]
    missing = opened.missing("wide")
    pivoted = (_pivot(list(rows), values, missing) for _, rows in groupby(opened.rows("long"), key=_key))
    for expected, found in zip_longest(pivoted, opened.rows("wide")):
        if expected is None or found is None:
            place = _place(found or expected or {})
            yield Finding(CHECK, place, "is in long or in wide only, or stands in another order")
            return
        if differing := [name for name in expected if expected[name] != found.get(name)]:
            yield Finding(CHECK, _place(found), f"wide is not long pivoted: {', '.join(differing)}")


def _key(row: Row) -> tuple[str, str]:
    return row["respondent_id"], row["item_code"]


def _place(row: Row) -> str:
    return f"{row.get('respondent_id')} {row.get('item_code')}"


def _pivot(rows: list[Row], values: list[str], missing: str) -> dict[str, str]:
    context = {name: cell for name, cell in rows[0].items() if name not in values and name != "question"}
    by_question = {row["question"]: row for row in rows}
    for question in QUESTIONS:
        answered = by_question.get(question)
        context |= {f"{question}_{name}": answered[name] if answered else missing for name in values}
    return context


def _check_paper(opened: Opened) -> Iterator[Finding]:
    for wide, paper in zip_longest(opened.rows("wide"), opened.rows("tidy_human_responses")):
        if wide is None or paper is None:
            yield Finding(CHECK, "tidy_human_responses", "has not as many rows as wide")
            return
        expected = {
            "respondent_id": wide["respondent_id"],
            "scenario_item_id": wide["item_code"],
            **{f"human_{question}": LETTERS.get(wide[f"{question}_choice"], "") for question in QUESTIONS},
        }
        if any(paper.get(name) != value for name, value in expected.items()):
            yield Finding(CHECK, _place(wide), "the paper's file and wide differ")


def _check_counts(opened: Opened) -> Iterator[Finding]:
    """Hold who and what is referred to against the tables that list them."""
    n_answers: Counter[str] = Counter()
    asked: set[str] = set()
    for row in opened.rows("long"):
        n_answers[row["respondent_id"]] += 1
        asked.add(row["item_code"])
    listed = {row["respondent_id"]: row for row in opened.rows("participants")}
    for respondent, row in listed.items():
        if str(n_answers[respondent]) != row["n_answers"]:
            yield Finding(CHECK, respondent, f"n_answers is {row['n_answers']}, long has {n_answers[respondent]}")
    yield from (Finding(CHECK, one, "answers, but is no participant") for one in sorted(set(n_answers) - set(listed)))
    items = {row["item_code"] for row in opened.rows("texts" if opened.has("texts") else "items")}
    yield from (Finding(CHECK, code, "is answered, but is no item") for code in sorted(asked - items))
    for table, column in (("pages", "respondent_id"), ("completions", "yoked_to")):
        if opened.has(table):
            yield from _unknown(opened, table, column, set(listed))


def _unknown(opened: Opened, table: str, column: str, known: set[str]) -> Iterator[Finding]:
    missing = opened.missing(table)
    found: set[Any] = {row[column] for row in opened.rows(table)} - known - {missing}
    yield from (Finding(CHECK, one, f"stands in {table}, but is no participant") for one in sorted(found))
