"""What the docs claim is there: tests by name, files by link, commands by name and with their options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

import run
from tests.e2e.pictures import FOLDER, MOST_BYTES, PICTURES

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
PICTURE = re.compile(r"!\[([^\]]*)\]\(pictures/([\w-]+)\.png\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
NAMED_FILE = re.compile(r"`((?:docs|docker|survey|analysis|pact_site|templates|static|tests|bench)/[\w./-]+\.\w+)`")
COMMAND = re.compile(r"(?:manage\.py|run\.py manage) ([a-z]\w+)")
DJANGO = {"migrate", "createsuperuser", "collectstatic", "check", "makemigrations", "shell", "runserver"}
# What is code in a page: blocks between fences, indented lines, and spans, which may go on in the next line.
CODE = re.compile(r"^```\w*\n(?P<block>.*?)^```|^ {4}(?P<line>\S[^\n]*)$|`(?P<span>[^`]+)`", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w'-])--[a-z][a-z-]*")
PROGRAM = re.compile(r"(?:manage\.py|run\.py manage|systemd/manage) (\w+)|-m (bench\.\w+)|run\.py (\w+)")
END = re.compile(r" \| | && |;|\s#\s|\n")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_tests_are_there(path: Path) -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", path.read_text(encoding="utf-8")))
    assert {name for name in named if f"def {name}(" not in TESTS} == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_and_named_files_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    linked = {target for target in LINK.findall(text) if not (path.parent / target).exists()}
    assert linked == set()
    assert {
        target for target in NAMED_FILE.findall(text) if "NAME" not in target and not (ROOT / target).exists()
    } == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_commands_are_there(path: Path) -> None:
    named = set(COMMAND.findall(path.read_text(encoding="utf-8")))
    assert named - DJANGO - get_commands().keys() == set()


def commands_in(text: str) -> Iterator[tuple[str, set[str]]]:
    """Give each command of ours that a page writes as code, by name, with the options it stands with."""
    ours = {name for name, app in get_commands().items() if not app.startswith("django.")}
    for code in CODE.finditer(text):
        block = code["block"] or code["line"] or code["span"].replace("\n", " ")
        for line in END.split(block):
            found = PROGRAM.search(line)
            first = line.split(" ", 1)[0]
            if found:
                name = found[1] or found[2] or f"run.py {found[3]}"
                yield name, set(OPTION.findall(line, found.end()))
            elif first in ours:
                yield first, set(OPTION.findall(line))


@cache
def options_of(name: str) -> set[str]:
    """Give the options that a command takes: a management command by its parser, a script by what it adds to one."""
    if name in get_commands():
        app = get_commands()[name]
        parser = load_command_class(app, name).create_parser("manage.py", name)
        return set(parser._option_string_actions)
    if name.startswith("run.py "):
        usage = re.search(rf"^  {name.removeprefix('run.py ')} .*?(?=^  \w|\Z)", run.USAGE, re.MULTILINE | re.DOTALL)
        assert usage, f"{name} is no command"
        return set(OPTION.findall(usage[0]))
    found = {name: syntax_of(name)}  # and of what it shares with other benches
    for node in ast.walk(found[name]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench"):
            modules = [f"bench.{one.name}" for one in node.names] if node.module == "bench" else [str(node.module)]
            found |= {module: syntax_of(module) for module in modules}
    calls = [call for tree in found.values() for call in ast.walk(tree) if isinstance(call, ast.Call)]
    adding = [call for call in calls if getattr(call.func, "attr", "") == "add_argument"]
    return {str(one.value) for call in adding for one in call.args if isinstance(one, ast.Constant)}


def syntax_of(module: str) -> ast.Module:
    """Read a script without running it; of a package what runs as the script."""
    path = ROOT / module.replace(".", "/")
    return ast.parse((path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_commands_take_the_options_that_they_are_written_with(path: Path) -> None:
    written = list(commands_in(path.read_text(encoding="utf-8")))
    assert {(name, option) for name, options in written for option in options - options_of(name)} == set()


def test_options_are_found_in_all_ways_that_pages_write_them() -> None:
    page = (
        "```\npython manage.py restore F --check # --no\n```\n\n    python -m bench.chaos --hosts 2 | cat --no\n\n"
        "`python3 run.py demo --once`, `retention\n--dry-run`, `/opt/x/docs/systemd/manage backup --out F`, `ls --no`\n"
    )
    assert list(commands_in(page)) == [
        ("restore", {"--check"}),
        ("bench.chaos", {"--hosts"}),
        ("run.py demo", {"--once"}),
        ("retention", {"--dry-run"}),
        ("backup", {"--out"}),
    ]
    assert "--nothing" not in options_of("restore") | options_of("bench.chaos") | options_of("run.py demo")
    assert {"--full", "--docs"} <= options_of("bench.survey")
    assert all(len(list(commands_in(path.read_text(encoding="utf-8")))) for path in DOCS[:1])


def test_every_picture_is_drawn_by_the_script_light_and_told_in_words() -> None:
    told = [found for path in DOCS for found in PICTURE.findall(path.read_text(encoding="utf-8"))]
    files = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert sorted(name for _, name in told) == sorted(files) == sorted(picture.name for picture in PICTURES)
    assert {name for name, size in files.items() if size > MOST_BYTES} == set()
    assert [name for alt, name in told if len(alt) < 20] == []
