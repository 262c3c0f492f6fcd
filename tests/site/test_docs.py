"""What the docs claim is there: tests by name, files by link, commands by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.e2e.pictures import FOLDER, MOST_BYTES, PICTURES

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
PICTURE = re.compile(r"!\[([^\]]*)\]\(pictures/([\w-]+)\.png\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
NAMED_FILE = re.compile(r"`((?:docs|docker|survey|analysis|pact_site|templates|static|tests|bench)/[\w./-]+\.\w+)`")
COMMAND = re.compile(r"(?:manage\.py|run\.py manage) ([a-z]\w+)")
DJANGO = {"migrate", "createsuperuser", "collectstatic", "check", "makemigrations", "shell", "runserver"}


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


def test_every_picture_is_drawn_by_the_script_light_and_told_in_words() -> None:
    told = [found for path in DOCS for found in PICTURE.findall(path.read_text(encoding="utf-8"))]
    files = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert sorted(name for _, name in told) == sorted(files) == sorted(picture.name for picture in PICTURES)
    assert {name for name, size in files.items() if size > MOST_BYTES} == set()
    assert [name for alt, name in told if len(alt) < 20] == []
