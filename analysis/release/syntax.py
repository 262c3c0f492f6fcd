"""Variable and value labels for SPSS, R and Stata: syntax that reads the CSV files and labels what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.columns import Column, Table
from analysis.release.labels import DRAFT, Labels, Spoken
from analysis.release.writing import Folder, Written

Write = Callable[[str, Table, Spoken], str]

SPSS_TEXT = {"code": "A{width}", "text": "A{width}", "boolean": "A5", "integer": "F12.0", "number": "F16.8"}
SPSS_STRINGS = ("code", "text", "boolean")
CODE_WIDTH, TEXT_WIDTH = 80, 2000  # bytes that SPSS keeps of a string
SPSS_LINE = 200  # bytes of a literal that every version takes
SPSS_VALUE = 120  # bytes that SPSS keeps of a value's label
# Missing numbers are written `NA`: SPSS warns of each, and PSPP stops at a hundred.
SPSS_QUIET, SPSS_LOUD = "PRESERVE.\nSET UNDEFINED=NOWARN MXWARNS=0.\n", "\nRESTORE.\n"
STATA_LABEL = 80  # characters that Stata keeps of a variable's label


def add_syntax(folder: Folder, files: Sequence[Written], labels: Labels) -> None:
    """Write a file of syntax per program and language, over all tables."""
    parts = [(file.path, file.table, file.n_rows) for file in files if file.table]
    programs: tuple[tuple[str, str, str, Write], ...] = (
        ("sps", "*", ".", spss),
        ("R", "#", "", r),
        ("do", "*", "", stata),
    )
    for locale in ("", *labels.translated):
        spoken = Spoken(labels, locale)
        for kind, comment, end, write in programs:
            lines = ["Run from the release's folder: reads each file and labels its variables and codes"]
            if locale:
                lines.append(
                    f"Labels in {locale} are {DRAFT}s; documentation/codebook_levels.csv names those that are not"
                )
            text = "".join(f"{comment} {line}{end}\n" for line in lines)
            for path, table, n_rows in parts:
                # Stata does not know the type of a variable without values, so the lines that follow would fail.
                has_none = kind == "do" and not n_rows
                text += f"\n* {path} has no rows\n" if has_none else write(path, table, spoken)
            name = f"labels_{locale}" if locale else "labels"
            folder.add_text(f"syntax/{name}.{kind}", f"{SPSS_QUIET}{text}{SPSS_LOUD}" if kind == "sps" else text)


def spss(path: str, table: Table, spoken: Spoken) -> str:
    """Write SPSS syntax; codes stay strings, missing ones the table's token."""
    lines = [
        "",
        f"GET DATA /TYPE=TXT /FILE='{path}' /ENCODING='UTF8' /ARRANGEMENT=DELIMITED /DELIMITERS=\",\" /QUALIFIER='\"'",
        "  /FIRSTCASE=2 /VARIABLES=",
        *(f"  {column.name} {_spss_format(column)}" for column in table.columns),
        "  .",
        "VARIABLE LABELS",
        *(f"  {column.name} {_spss_text(spoken.variable(column), SPSS_LINE)}" for column in table.columns),
        "  .",
    ]
    for column in _coded(table):
        labels = (
            f"  {_spss_text(level, SPSS_VALUE)} {_spss_text(spoken.code(column, level), SPSS_VALUE)}"
            for level in column.levels
        )
        lines += [
            f"VALUE LABELS {column.name}",
            *labels,
            "  .",
        ]  # a line each: SPSS reads no more than 256 bytes of one
    if table.missing_as:
        texts = [column.name for column in table.columns if column.missing and column.type in SPSS_STRINGS]
        lines += [f"MISSING VALUES {name} ('{table.missing_as}')." for name in texts]
    return "\n".join([*lines, "EXECUTE.", f"DATASET COPY {table.name}.", ""])


def _spss_text(text: str, n_bytes: int) -> str:
    """Quote a text, cut between characters to what SPSS keeps."""
    cut = text.encode()[:n_bytes].decode(errors="ignore").replace("'", "''")
    return f"'{cut}'"


def _spss_format(column: Column) -> str:
    return SPSS_TEXT[column.type].format(width=TEXT_WIDTH if column.type == "text" else CODE_WIDTH)


def r(path: str, table: Table, spoken: Spoken) -> str:
    """Write R: a data frame per table, codes as factors in their order, labels as attributes."""
    classes = {"code": "character", "text": "character", "boolean": "character", "integer": "numeric"}
    kinds = ", ".join(f'{_r_text(column.name)} = "{classes.get(column.type, "numeric")}"' for column in table.columns)
    lines = [
        "",
        f'{table.name} <- read.csv("{path}", encoding = "UTF-8", check.names = FALSE, '
        f"na.strings = {_r_text(table.missing_as)}, colClasses = c({kinds}))",
    ]
    for column in table.columns:
        name = f"{table.name}[[{_r_text(column.name)}]]"  # a name may be a word of the language, such as repeat
        if column.type == "boolean":
            lines.append(f'{name} <- {name} == "true"')
        if column.levels:
            levels = ", ".join(_r_text(level) for level in column.levels)
            labels = ", ".join(_r_text(label) for label in spoken.codes(column))
            lines.append(f"{name} <- factor({name}, levels = c({levels}), labels = c({labels}))")
        lines.append(f'attr({name}, "label") <- {_r_text(spoken.variable(column))}')
    return "\n".join([*lines, ""])


def _r_text(text: str) -> str:
    """Quote a text for R, in ASCII alone: it is read alike in every locale of the machine."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isascii() else f"\\U{ord(one):08x}" for one in escaped) + '"'


def stata(path: str, table: Table, spoken: Spoken) -> str:
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
            pairs = " ".join(f"{number} {_stata_text(level)}" for number, level in enumerate(column.levels, start=1))
            lines += [f"label define {label} {pairs}, replace", f"encode {variable}, generate(_coded) label({label})"]
            lines += [f"order _coded, after({variable})", f"drop {variable}", f"rename _coded {variable}"]
            named = " ".join(
                f"{number} {_stata_text(spoken.code(column, level))}"
                for number, level in enumerate(column.levels, start=1)
            )
            lines.append(f"label define {label} {named}, replace")
        elif column.type in ("integer", "number"):
            lines.append(f"destring {variable}, replace")
        lines += _stata_named(variable, spoken.variable(column))
    return "\n".join([*lines, f'save "{table.name}.dta", replace', ""])


def _stata_named(variable: str, label: str) -> list[str]:
    """Label a variable; what Stata would cut off stands whole in a note."""
    if len(label) <= STATA_LABEL:
        return [f"label variable {variable} {_stata_text(label)}"]
    short = f"{label[: STATA_LABEL - 2].rpartition(' ')[0]} …"
    return [
        f"label variable {variable} {_stata_text(short)}",
        f"notes {variable}: {_stata_text(label)[1:-1]}",
    ]


def _stata_text(text: str) -> str:
    """Quote a text for Stata, which has no sign for a quote in quotes; a dollar or backtick would begin a macro."""
    return f'"{text.replace(chr(34), chr(39)).replace("`", chr(39)).replace("$", chr(92) + "$")}"'


def _coded(table: Table) -> list[Column]:
    return [column for column in table.columns if column.levels]
