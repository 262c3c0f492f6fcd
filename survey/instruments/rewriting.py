"""Change single texts in a YAML file and leave every other character as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml


def write_file(path: Path, content: str) -> None:
    """Write a whole file or nothing: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(content, encoding="utf-8", newline="")
    os.replace(beside, path)


def replace_texts(content: str, bodies: Mapping[str, str]) -> str:
    """Put other texts under dotted keys of a YAML mapping; `KeyError` names a key that is not there."""
    places = dict(scalar_places(yaml.compose(content, Loader=yaml.SafeLoader), ""))
    for key in sorted(bodies, key=lambda key: places[key][0], reverse=True):
        start, end = places[key]
        old = content[start:end]
        space = "" if old else " "
        content = f"{content[:start]}{space}{quote(bodies[key])}{trailing_space(old)}{content[end:]}"
    return content


def trailing_space(old: str) -> str:
    """Give what follows a text within its node: a block text swallows the line break and blank lines after it."""
    return old[len(old.rstrip()) :]


def scalar_places(node: yaml.Node | None, path: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give where each scalar begins and ends, by its dotted key."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = str(key_node.value)
            yield from scalar_places(value_node, f"{path}.{key}" if path else key)
    elif isinstance(node, yaml.ScalarNode):
        yield path, (node.start_mark.index, node.end_mark.index)


def quote(body: str) -> str:
    """Write a text as a double-quoted YAML scalar in one line."""
    return yaml.safe_dump(body, default_style='"', allow_unicode=True, width=float("inf")).strip()
