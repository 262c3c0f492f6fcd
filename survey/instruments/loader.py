"""Read an instrument folder into a `Definition`. Pure: files in, data out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from survey.csv_reader import csv_reader, is_blank, other_marks
from survey.flow.provenance import Provenance
from survey.instruments.plan import PLAN_FILE, PLAN_KEY
from survey.instruments.schema import ITEM_COLUMNS, Definition, Problem, Row, TextEntry, TextFile, unread

SHIPPED = Path(__file__).parent / "pact"
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where the library has it: ten times as fast
DRAFTS = "provenance/drafts.csv"
DRAFT_COLUMNS = ("key", "source_hash")
RECORD_COLUMNS = ("key", "status", *Provenance._fields)


class Leaf(NamedTuple):
    """A scalar of a YAML file and the line it stands in."""

    value: str
    line: int


def read_instrument(folder: Path) -> Definition:
    """Read an instrument's files; what cannot be read becomes a problem.

    They are ``instrument.yaml``, ``items.csv``, ``texts/*.yaml`` and, where anything is recorded of the texts,
    ``provenance/<locale>.csv`` and ``provenance/drafts.csv``; ``analysis_plan.yaml``, where there is one, becomes
    part of the structure.
    """
    problems: list[Problem] = []
    structure, lines = read_structure(folder / "instrument.yaml", problems)
    add_plan(folder, structure, lines, problems)
    items = read_items(folder / "items.csv", problems)
    texts = {path.stem: read_texts(path, problems) for path in sorted((folder / "texts").glob("*.yaml"))}
    texts = add_provenance(folder, texts, str(structure.get("source_locale")), problems)
    return Definition(
        structure=structure,
        structure_lines=lines,
        items=tuple(items),
        texts=texts,
        content_hash=content_hash(structure, items, texts),
        problems=tuple(problems),
    )


def content_hash(structure: Mapping[str, Any], items: list[Row], texts: Mapping[str, TextFile]) -> str:
    """Hash the content (SHA-256, hex), not the layout: comments, line breaks and the order of keys do not count.

    Who answers for a text is content: a version says for good what was asked and who had signed it, so a review
    makes the next version, and a launched one keeps the sign-offs it was launched with.
    """
    content = {
        "structure": structure,
        "items": sorted((dict(row.values) for row in items), key=lambda values: values.get("code", "")),
        "texts": {
            locale: {key: [entry.body, entry.status, *entry.provenance] for key, entry in texts[locale].entries.items()}
            for locale in texts
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_text_file(path: Path, name: str, problems: list[Problem]) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.append(Problem(name, 1, name, "file is missing"))
    except UnicodeDecodeError as error:
        problems.append(Problem(name, 1, name, f"not UTF-8 (byte {error.start})"))
    except OSError as error:
        problems.append(Problem(name, 1, name, f"cannot be read: {error.strerror}"))
    return None


def compose(path: Path, name: str, problems: list[Problem]) -> yaml.MappingNode | None:
    """Parse a YAML file to its node tree, which knows the lines; None after noting what is wrong."""
    content = read_text_file(path, name, problems)
    if content is None:
        return None
    try:
        node = yaml.compose(content, Loader=YAML)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(Problem(name, line, name, f"not valid YAML: {error.problem}"))
        return None
    except yaml.YAMLError as error:
        problems.append(Problem(name, 1, name, f"not valid YAML: {error}"))
        return None
    if not isinstance(node, yaml.MappingNode):
        problems.append(Problem(name, 1, name, "must be a mapping of keys to values"))
        return None
    return node


def walk(node: yaml.Node, path: str, name: str, leaves: dict[str, Leaf], problems: list[Problem]) -> None:
    """Flatten a mapping to dotted keys, noting doubled keys, which plain YAML would swallow."""
    if not isinstance(node, yaml.MappingNode):
        value = node.value if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null" else ""
        leaves[path] = Leaf(value, node.start_mark.line + 1)
        return
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        here = f"{path}.{key}" if path else key
        if key in seen:
            problems.append(Problem(name, key_node.start_mark.line + 1, here, "stands twice"))
        seen.add(key)
        if isinstance(value_node, yaml.SequenceNode):
            problems_if_text(value_node, here, name, problems)
        walk(value_node, here, name, leaves, problems)


def problems_if_text(node: yaml.Node, key: str, name: str, problems: list[Problem]) -> None:
    if name.startswith("texts/"):
        problems.append(Problem(name, node.start_mark.line + 1, key, "must be a text, not a list"))


def misread_words(node: yaml.Node, name: str) -> Iterator[Problem]:
    """Find what YAML takes for something else than the word it was meant as: the country NO for false, a key 1 for a
    number. Such keys cannot even be put into an order."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                yield misread(key_node, name)
            yield from misread_words(value_node, name)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            if part.tag == "tag:yaml.org,2002:bool":
                yield misread(part, name)
            yield from misread_words(part, name)


def misread(node: yaml.Node, name: str) -> Problem:
    kinds = {"bool": "as yes or no", "int": "as a number", "float": "as a number", "timestamp": "as a date"}
    kind = kinds.get(node.tag.rpartition(":")[2], "otherwise")
    word = node.value if isinstance(node, yaml.ScalarNode) else "a key"
    return Problem(name, node.start_mark.line + 1, name, f"{word} is read {kind}, not as a word")


def read_structure(path: Path, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, int]]:
    """Read ``instrument.yaml``, or another file like it: its content, and the line of every dotted key."""
    node = compose(path, path.name, problems)
    if node is None:
        return {}, {}
    if misread := list(misread_words(node, path.name)):
        problems += misread
        return {}, {}
    leaves: dict[str, Leaf] = {}
    walk(node, "", path.name, leaves, problems)
    lines: dict[str, int] = {}
    for key, leaf in leaves.items():
        parts = key.split(".")
        for depth in range(1, len(parts) + 1):
            lines.setdefault(".".join(parts[:depth]), leaf.line)
    content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=YAML)  # noqa: S506 (it is a safe one)  # nosec B506
    return content, lines


def add_plan(folder: Path, structure: dict[str, Any], lines: dict[str, int], problems: list[Problem]) -> None:
    """Put the analysis plan into the structure, so that it is part of the version and of its content hash."""
    if PLAN_KEY in structure:
        problems.append(Problem("instrument.yaml", lines.get(PLAN_KEY, 1), PLAN_KEY, f"belongs into {PLAN_FILE}"))
    if not (folder / PLAN_FILE).exists():
        return
    plan, plan_lines = read_structure(folder / PLAN_FILE, problems)
    if PLAN_FILE in unread(problems):
        return
    structure[PLAN_KEY] = plan
    lines.update({f"{PLAN_KEY}.{key}": line for key, line in plan_lines.items()})


def read_items(path: Path, problems: list[Problem]) -> list[Row]:
    return read_table(path, "items.csv", ITEM_COLUMNS, problems)


def read_table(path: Path, name: str, columns: Collection[str], problems: list[Problem]) -> list[Row]:
    """Read a CSV file; a row of another length is a problem, the others are kept, and empty ones are passed over.

    Of a file whose first line lacks a column no row can be right: that is one fault, not one a row.
    """
    content = read_text_file(path, name, problems)
    if content is None:
        return []
    reader = csv_reader(io.StringIO(content, newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = next(reader, [])
        if missing := [column for column in columns if column not in header]:
            problems.append(Problem(name, 1, name, header_fault(header, columns, missing)))
            return []
        problems += [Problem(name, 1, column, "unknown column") for column in header if column not in columns]
        for values in reader:
            if is_blank(values):
                continue
            if len(values) != len(header):
                message = f"{len(values)} cells where the header has {len(header)}"
                problems.append(Problem(name, reader.line_num, values[0] if values else "", message))
            else:
                rows.append(Row(dict(zip(header, values, strict=True)), reader.line_num))
    except csv.Error as error:
        problems.append(Problem(name, reader.line_num, name, f"not valid CSV: {error}"))
    return rows


def header_fault(header: Sequence[str], columns: Collection[str], missing: Sequence[str]) -> str:
    """Say what is wrong with a first line that lacks columns."""
    if marks := other_marks(header):
        return f"the columns are separated by {marks}, not by commas"
    unknown = [column for column in header if column.strip() and column not in columns]
    told = f"; unknown there: {', '.join(unknown)}" if unknown else ""
    return f"the first line does not name {', '.join(missing)}{told}"


def read_texts(path: Path, problems: list[Problem]) -> TextFile:
    """Read one locale's texts; ``status`` is that of every text of which nothing is recorded."""
    name = f"texts/{path.name}"
    node = compose(path, name, problems)
    if node is None:
        return TextFile(path.stem, {})
    leaves: dict[str, Leaf] = {}
    walk(node, "", name, leaves, problems)
    locale = leaves.pop("locale", Leaf("", 1))
    if locale.value != path.stem:
        problems.append(Problem(name, locale.line, "locale", f"{locale.value!r} is not the file's name"))
    status = leaves.pop("status", Leaf("", 1)).value
    return TextFile(path.stem, {key: TextEntry(leaf.value, status, leaf.line) for key, leaf in leaves.items()})


# --- provenance/*.csv --------------------------------------------------------------------------
def record_file(locale: str) -> str:
    return f"provenance/{locale}.csv"


def add_provenance(
    folder: Path, texts: Mapping[str, TextFile], source_locale: str, problems: list[Problem]
) -> dict[str, TextFile]:
    """Join the texts with what is recorded of them; drafts without a line of their own share ``drafts.csv``."""
    shared = read_records(folder, DRAFTS, problems)
    source = texts.get(source_locale, TextFile(source_locale, {}))
    broken = unread(problems)  # of their texts nothing is known, so no record is without its text
    lost = [(DRAFTS, row.line, key) for key, row in shared.items() if key not in source.entries]
    lost = [] if broken & {"instrument.yaml", f"texts/{source_locale}.yaml"} else lost
    joined = {}
    for locale, file in texts.items():
        name = record_file(locale)
        records = read_records(folder, name, problems)
        if f"texts/{locale}.yaml" not in broken:
            lost += [(name, row.line, key) for key, row in records.items() if key not in file.entries]
        drafted_from = {} if locale == source_locale else shared
        joined[locale] = TextFile(
            locale,
            {key: add_record(entry, records.get(key), drafted_from.get(key)) for key, entry in file.entries.items()},
        )
    for path in sorted((folder / "provenance").glob("*.csv")):
        if path.stem not in {*texts, Path(DRAFTS).stem}:
            lost.append((f"provenance/{path.name}", 1, path.stem))
    problems += [Problem(*place, "record of what is not there") for place in lost]
    return joined


def read_records(folder: Path, name: str, problems: list[Problem]) -> dict[str, Row]:
    """Read a file of records by key; there need not be one."""
    if not (folder / name).exists():
        return {}
    records: dict[str, Row] = {}
    for row in read_table(folder / name, name, DRAFT_COLUMNS if name == DRAFTS else RECORD_COLUMNS, problems):
        key = row.values.get("key", "")
        if key in records:
            problems.append(Problem(name, row.line, key, f"stands in line {records[key].line} already"))
        records.setdefault(key, row)
    return records


def add_record(entry: TextEntry, record: Row | None, draft: Row | None) -> TextEntry:
    if record is None:
        source_hash = draft.values.get("source_hash", "") if draft else ""
        return entry._replace(provenance=Provenance(source_hash=source_hash))
    fields = {name: record.values.get(name, "").strip() for name in Provenance._fields}
    status = record.values.get("status", "").strip() or entry.status
    return entry._replace(status=status, provenance=Provenance(**fields), record_line=record.line)
