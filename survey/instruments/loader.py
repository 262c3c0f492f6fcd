"""Read an instrument folder into a `Definition`. Pure: files in, data out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from survey.instruments.schema import ITEM_COLUMNS, Definition, Problem, Row, TextEntry, TextFile

SHIPPED = Path(__file__).parent / "pact"


class Leaf(NamedTuple):
    """A scalar of a YAML file and the line it stands in."""

    value: str
    line: int


def read_instrument(folder: Path) -> Definition:
    """Read ``instrument.yaml``, ``items.csv`` and ``texts/*.yaml``; what cannot be read becomes a problem."""
    problems: list[Problem] = []
    structure, lines = read_structure(folder / "instrument.yaml", problems)
    items = read_items(folder / "items.csv", problems)
    texts = {}
    for path in sorted((folder / "texts").glob("*.yaml")):
        texts[path.stem] = read_texts(path, problems)
    return Definition(
        structure=structure,
        structure_lines=lines,
        items=tuple(items),
        texts=texts,
        content_hash=content_hash(structure, items, texts),
        problems=tuple(problems),
    )


def content_hash(structure: Mapping[str, Any], items: list[Row], texts: Mapping[str, TextFile]) -> str:
    """Hash the content (SHA-256, hex), not the layout: comments, line breaks and the order of keys do not count."""
    content = {
        "structure": structure,
        "items": sorted((dict(row.values) for row in items), key=lambda values: values.get("code", "")),
        "texts": {
            locale: {key: [entry.body, entry.status] for key, entry in texts[locale].entries.items()}
            for locale in texts
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_text_file(path: Path, problems: list[Problem]) -> str | None:
    name = path.name if path.name in {"instrument.yaml", "items.csv"} else f"texts/{path.name}"
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
    content = read_text_file(path, problems)
    if content is None:
        return None
    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
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


def read_structure(path: Path, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, int]]:
    """Read ``instrument.yaml``: its content, and the line of every dotted key."""
    node = compose(path, "instrument.yaml", problems)
    if node is None:
        return {}, {}
    leaves: dict[str, Leaf] = {}
    walk(node, "", "instrument.yaml", leaves, problems)
    lines: dict[str, int] = {}
    for key, leaf in leaves.items():
        parts = key.split(".")
        for depth in range(1, len(parts) + 1):
            lines.setdefault(".".join(parts[:depth]), leaf.line)
    content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return content, lines


def read_items(path: Path, problems: list[Problem]) -> list[Row]:
    """Read ``items.csv``; a wrong header or a row of another length is a problem, the other rows are kept."""
    content = read_text_file(path, problems)
    if content is None:
        return []
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = next(reader, [])
        for column in [*(c for c in ITEM_COLUMNS if c not in header), *(c for c in header if c not in ITEM_COLUMNS)]:
            what = "unknown column" if column in header else "column is missing"
            problems.append(Problem("items.csv", 1, column, what))
        for values in reader:
            if len(values) != len(header):
                message = f"{len(values)} cells where the header has {len(header)}"
                problems.append(Problem("items.csv", reader.line_num, values[0] if values else "", message))
            else:
                rows.append(Row(dict(zip(header, values, strict=True)), reader.line_num))
    except csv.Error as error:
        problems.append(Problem("items.csv", reader.line_num, "items.csv", f"not valid CSV: {error}"))
    return rows


def read_texts(path: Path, problems: list[Problem]) -> TextFile:
    """Read one locale's texts with the status of each: the file's default, unless ``statuses`` names the key."""
    name = f"texts/{path.name}"
    node = compose(path, name, problems)
    if node is None:
        return TextFile(path.stem, {})
    leaves: dict[str, Leaf] = {}
    walk(node, "", name, leaves, problems)
    locale = leaves.pop("locale", Leaf("", 1))
    if locale.value != path.stem:
        problems.append(Problem(name, locale.line, "locale", f"{locale.value!r} is not the file's name"))
    default = leaves.pop("status", Leaf("", 1))
    statuses = {key.removeprefix("statuses."): leaf for key, leaf in leaves.items() if key.startswith("statuses.")}
    entries: dict[str, TextEntry] = {}
    for key, leaf in leaves.items():
        if not key.startswith("statuses."):
            status = statuses.pop(key, default)
            entries[key] = TextEntry(leaf.value, status.value, leaf.line)
    for key, leaf in statuses.items():
        problems.append(Problem(name, leaf.line, f"statuses.{key}", "status of a text that is not there"))
    return TextFile(path.stem, entries)
