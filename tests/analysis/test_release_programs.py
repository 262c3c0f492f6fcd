"""R and SPSS take a release as it is: its syntax, run as it stands by the programs themselves where they are.

SPSS is stood in for by GNU PSPP, whose files R reads back. Stata's syntax is only read.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from analysis.columns import Column, Table
from analysis.page_columns import PAGES
from analysis.release.labels import Labels, translated
from analysis.release.syntax import SPSS_VALUE, _stata_named, add_syntax
from analysis.release.tables import DATA_TABLES, PAPER, path_of
from analysis.release.writing import Folder, Written
from survey.instruments.schema import PAGE_KEYS
from survey.models import InstrumentVersion, Text
from tests.analysis.conftest import fill_models, make_study
from tests.analysis.releasing import add_people, make_publishable, not_launched, release

pytestmark = pytest.mark.django_db  # else there are no tables where these tests run alone

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not on this machine")
needs_pspp = pytest.mark.skipif(shutil.which("pspp") is None, reason="pspp is not on this machine")

PSPP_SAYS = """warning: MXWARNS set to zero. No further warnings will be given even when potentially problematic
    situations are encountered."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Path:
    """Make one release with Hindi among its languages, and leave nothing of it in the database."""
    out = tmp_path_factory.mktemp("release") / "out"
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_publishable(make_study())
        with not_launched(made.study):
            version = made.study.version
            texts = (Text(version=version, locale="hi-IN", key=key, body=f"{key} हिन्दी में") for key in PAGE_KEYS)
            Text.objects.bulk_create(texts)
        add_people(made)
        fill_models(made)
        release(made, out, simulated="label")
        transaction.set_rollback(True)
    return out


def tables(folder: Path) -> dict[str, tuple[Table, list[dict[str, str]]]]:
    """Give each table of the release with the rows of its file."""
    found = {}
    for table in (*DATA_TABLES, *PAPER):
        path = folder / path_of("tiny", table)
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                found[table.name] = (table, list(csv.DictReader(file)))
    assert len(found) == len((*DATA_TABLES, *PAPER)) - 1  # no run has what the paper's table of evaluations needs
    return found


def run(program: list[str], folder: Path, **environment: str) -> None:
    """Run a program within the release; what it says counts as failure."""
    environ = {**os.environ, **environment}
    done = subprocess.run(program, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=240)
    assert done.stdout + done.stderr == ""


SUMMARY = """
summary <- do.call(rbind, lapply(NAMES, function(name) {
  table <- get(name)
  do.call(rbind, lapply(names(table), function(column) {
    cells <- table[[column]]
    n <- if (is.factor(cells)) tabulate(cells, nlevels(cells))
    counted <- if (is.factor(cells)) paste(levels(cells), n, sep = "=", collapse = "|") else
      if (is.logical(cells)) as.character(sum(cells, na.rm = TRUE)) else
      if (is.numeric(cells)) sprintf("%.6f", sum(cells, na.rm = TRUE)) else ""
    data.frame(table = name, name = column, label = attr(cells, "label"), rows = nrow(table),
               missing = sum(is.na(cells)), counted = counted)
  }))
}))
lines <- do.call(paste, c(summary, sep = "\t"))
writeLines(enc2utf8(lines), OUT, useBytes = TRUE)
"""


def expected(
    table: Table, column: Column, rows: list[dict[str, str]], label: str, levels: list[str]
) -> tuple[str, ...]:
    """Say what R should have read of a column."""
    cells = [row[column.name] for row in rows if row[column.name] != table.missing_as]
    counted = ""
    if column.levels:
        counts = Counter(cells)
        counted = "|".join(f"{said}={counts[level]}" for level, said in zip(column.levels, levels, strict=True))
    elif column.type == "boolean":
        counted = str(cells.count("true"))
    elif column.type in ("integer", "number"):
        counted = f"{sum(map(float, cells)):.6f}"
    return (table.name, column.name, label, str(len(rows)), str(len(rows) - len(cells)), counted)


@needs_r
@pytest.mark.parametrize("system", ["C.UTF-8", "C"])
@pytest.mark.parametrize("locale", ["", "pt-BR", "hi-IN"])
def test_r_reads_and_labels_every_column(folder: Path, tmp_path: Path, locale: str, system: str) -> None:
    held = tables(folder)
    script, out = tmp_path / "check.R", tmp_path / "out.tsv"
    names = ", ".join(f'"{name}"' for name in held)
    syntax = f"syntax/labels{locale and f'_{locale}'}.R"
    script.write_text(f'source("{syntax}")\nNAMES <- c({names})\nOUT <- "{out}"\n{SUMMARY}', encoding="utf-8")
    run(["Rscript", "--vanilla", str(script)], folder, LC_ALL=system)
    labelled = label_of_codes(folder, locale)
    assert [tuple(line.split("\t")) for line in out.read_text(encoding="utf-8").splitlines()] == [
        expected(table, column, rows, translated(column.label, locale), labelled(table, column))
        for table, rows in held.values()
        for column in table.columns
    ]


def label_of_codes(folder: Path, locale: str) -> Callable[[Table, Column], list[str]]:
    """Give how the codebook of the release labels the codes of a column."""
    with (folder / "documentation/codebook_levels.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["table"], row["name"], row["code"]): row for row in csv.DictReader(file)}
    name = f"label_{locale}" if locale else "label"
    return lambda table, column: [found[table.name, column.name, level][name] for level in column.levels]


READ_BACK = """
suppressPackageStartupMessages(library(haven))
lines <- unlist(lapply(NAMES, function(name) {
  table <- read_sav(file.path(OUT, paste0(name, ".sav")), user_na = TRUE)
  unlist(lapply(names(table), function(column) {
    cells <- table[[column]]
    labels <- attr(cells, "labels")
    labels <- sort(c(labels, character()))
    is_missing <- if (is.character(cells)) cells == "NA" else is.na(cells)
    paste(name, column, attr(cells, "label"), nrow(table), sum(is_missing),
          paste(labels, names(labels), sep = "=", collapse = "|"), sep = "\t")
  }))
}))
writeLines(enc2utf8(lines), file.path(OUT, "out.tsv"), useBytes = TRUE)
"""


@needs_r
@needs_pspp
@pytest.mark.parametrize("locale", ["", "hi-IN"])
def test_spss_reads_and_labels_every_column(folder: Path, tmp_path: Path, locale: str) -> None:
    held = tables(folder)
    syntax, script = tmp_path / "check.sps", tmp_path / "check.R"
    saves = "".join(f"DATASET ACTIVATE {name}.\nSAVE OUTFILE='{tmp_path / name}.sav'.\n" for name in held)
    syntax.write_text(f"INSERT FILE='syntax/labels{locale and f'_{locale}'}.sps'.\n{saves}")
    said = subprocess.run(["pspp", syntax], cwd=folder, capture_output=True, text=True, check=True, timeout=240)
    assert said.stdout.split() == PSPP_SAYS.split()
    names = ", ".join(f'"{name}"' for name in held)
    script.write_text(f'NAMES <- c({names})\nOUT <- "{tmp_path}"\n{READ_BACK}', encoding="utf-8")
    run(["Rscript", "--vanilla", str(script)], folder, LC_ALL="C.UTF-8")
    labelled = label_of_codes(folder, locale)
    found = [line.split("\t") for line in (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()]
    assert len(found) == sum(len(table.columns) for table, _ in held.values())
    for table, rows in held.values():
        for column in table.columns:
            name, variable, label, n_rows, n_missing, codes = found.pop(0)
            cut = [said.encode()[:SPSS_VALUE].decode(errors="ignore") for said in labelled(table, column)]
            said_codes = dict(zip(column.levels, cut, strict=True))
            assert (name, variable, n_rows) == (table.name, column.name, str(len(rows)))
            assert translated(column.label, locale).encode().startswith(label.encode())
            assert len(label.encode()) > 190 or label == translated(column.label, locale)
            assert codes.split("|") == [f"{code}={said_codes[code]}" for code in sorted(said_codes)] or not said_codes
            is_number = column.type in ("integer", "number")
            missing = table.missing_as if is_number else "NA"
            assert int(n_missing) == sum(row[column.name] == missing for row in rows), (name, variable)


def test_stata_syntax_names_every_variable_and_saves_every_table(folder: Path) -> None:
    for path in (folder / "syntax").glob("*.do"):
        text = path.read_text(encoding="utf-8")
        for table, _ in tables(folder).values():
            assert f'save "{table.name}.dta", replace' in text
            assert all(f"\nlabel variable {column.name[:32]} " in text for column in table.columns)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_stata_reads_no_table_without_rows(tmp_path: Path, n_rows: int) -> None:
    file = Written("data/pages.csv", "", 0, PAGES, n_rows)
    add_syntax(Folder(tmp_path), [file], Labels(InstrumentVersion(pk=0)))
    text = (tmp_path / "syntax" / "labels.do").read_text()
    assert ("import delimited" in text, "\n* data/pages.csv has no rows\n" in text) == (bool(n_rows), not n_rows)


def test_stata_keeps_whole_what_it_would_cut_and_expands_no_macro() -> None:
    label, note = _stata_named("quality_flags", f'{"Flags of a session " * 5}by `name\' in "$"')
    assert label == f'label variable quality_flags "{("Flags of a session " * 4).strip()} …"'
    assert note == f"notes quality_flags: {'Flags of a session ' * 5}by 'name' in '\\$'"
    assert _stata_named("choice", "The answer") == ['label variable choice "The answer"']
