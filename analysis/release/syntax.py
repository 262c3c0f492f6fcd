"""Variable and value labels for SPSS, R and Stata: syntax that reads the CSV files and labels what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.columns import Column, Table
from analysis.release.labels import english
from analysis.release.writing import Folder, Written

SPSS_TEXT = {"code": "A{width}", "text": "A{width}", "boolean": "A5", "integer": "F12.0", "number": "F16.8"}
CODE_WIDTH, TEXT_WIDTH = 80, 2000  # bytes that SPSS keeps of a string
STATA_LABEL = 80  # characters that Stata keeps of a variable's label
SPSS_LINE = 200  # characters of a literal that every version takes


def add_syntax(folder: Folder, files: Sequence[Written]) -> None:
    """Write a file of syntax per program, over all tables."""
    parts = [(file.path, file.table) for file in files if file.table]
    for name, comment, write in (("labels.sps", "*", spss), ("labels.R", "#", r), ("labels.do", "*", stata)):
        end = "." if name.endswith(".sps") else ""
        head = f"{comment} Run from the release's folder: reads each file and labels its variables and codes{end}\n"
        folder.add_text(f"syntax/{name}", head + "".join(write(path, table) for path, table in parts))


def spss(path: str, table: Table) -> str:
    """Write SPSS syntax; codes stay strings, missing ones the table's token."""
    lines = [
        "",
        f"GET DATA /TYPE=TXT /FILE='{path}' /ENCODING='UTF8' /ARRANGEMENT=DELIMITED /DELIMITERS=\",\" /QUALIFIER='\"'",
        "  /FIRSTCASE=2 /VARIABLES=",
        *(f"  {column.name} {_spss_format(column)}" for column in table.columns),
        "  .",
        f"DATASET NAME {table.name}.",
        "VARIABLE LABELS",
        *(f"  {column.name} {_quoted(column.label[:SPSS_LINE], chr(39))}" for column in table.columns),
        "  .",
    ]
    for column in _coded(table):
        labels = (f"  {_quoted(level, chr(39))} {_quoted(english(column, level), chr(39))}" for level in column.levels)
        lines += [
            f"VALUE LABELS {column.name}",
            *labels,
            "  .",
        ]  # a line each: SPSS reads no more than 256 bytes of one
    if table.missing_as:
        texts = [column.name for column in table.columns if column.missing and column.type in ("code", "boolean")]
        lines += [f"MISSING VALUES {name} ('{table.missing_as}')." for name in texts]
    return "\n".join([*lines, "EXECUTE.", ""])


def _spss_format(column: Column) -> str:
    return SPSS_TEXT[column.type].format(width=TEXT_WIDTH if column.type == "text" else CODE_WIDTH)


def r(path: str, table: Table) -> str:
    """Write R: a data frame per table, codes as factors in their order, labels as attributes."""
    name = table.name
    missing = _quoted(table.missing_as, '"', slashed=True)
    classes = {"code": "character", "text": "character", "boolean": "character", "integer": "numeric"}
    kinds = ", ".join(f'{column.name} = "{classes.get(column.type, "numeric")}"' for column in table.columns)
    lines = [
        "",
        f'{name} <- read.csv("{path}", encoding = "UTF-8", na.strings = {missing}, colClasses = c({kinds}))',
    ]
    for column in table.columns:
        if column.type == "boolean":
            lines.append(f'{name}${column.name} <- {name}${column.name} == "true"')
        if column.levels:
            levels = ", ".join(_quoted(level, '"', slashed=True) for level in column.levels)
            labels = ", ".join(_quoted(label, '"', slashed=True) for label in _distinct_labels(column))
            lines.append(
                f"{name}${column.name} <- factor({name}${column.name}, levels = c({levels}), labels = c({labels}))"
            )
        lines.append(f'attr({name}${column.name}, "label") <- {_quoted(column.label, chr(34), slashed=True)}')
    return "\n".join([*lines, ""])


def _distinct_labels(column: Column) -> list[str]:
    """Give a label per code; the codes themselves where two would be called the same."""
    labels = [english(column, level) for level in column.levels]
    return labels if len(set(labels)) == len(labels) else list(column.levels)


def stata(path: str, table: Table) -> str:
    """Write Stata: codes become labelled numbers in their order; its names are at most 32 characters long."""
    missing = table.missing_as
    lines = [
        "",
        f'import delimited using "{path}", varnames(1) case(preserve) encoding("UTF-8") bindquotes(strict) '
        "maxquotedrows(unlimited) stringcols(_all) clear",
    ]
    for column in table.columns:
        variable = column.name[:32]
        if missing:
            lines.append(f'replace {variable} = "" if {variable} == "{missing}"')
        if column.levels:
            label = f"{variable[:27]}_lbl"
            pairs = " ".join(
                f"{number} {_quoted(level, chr(34))}" for number, level in enumerate(column.levels, start=1)
            )
            lines += [f"label define {label} {pairs}, replace", f"encode {variable}, generate(_coded) label({label})"]
            lines += [f"order _coded, after({variable})", f"drop {variable}", f"rename _coded {variable}"]
            named = " ".join(
                f"{number} {_quoted(english(column, level), chr(34))}"
                for number, level in enumerate(column.levels, start=1)
            )
            lines.append(f"label define {label} {named}, replace")
        elif column.type in ("integer", "number"):
            lines.append(f"destring {variable}, replace")
        lines.append(f"label variable {variable} {_quoted(column.label[:STATA_LABEL], chr(34))}")
    return "\n".join([*lines, f'save "{table.name}.dta", replace', ""])


def _coded(table: Table) -> list[Column]:
    return [column for column in table.columns if column.levels]


def _quoted(text: str, quote: str, *, slashed: bool = False) -> str:
    """Quote a text: with backslashes for R, by doubling for SPSS, without the quote for Stata."""
    if slashed:
        inner = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    else:
        inner = text.replace(quote, quote * 2) if quote == "'" else text.replace(quote, "'")
    return f"{quote}{inner}{quote}"
