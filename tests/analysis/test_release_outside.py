"""The standards' own validators take a release as made, and find what is done to it; they ask no address."""

from __future__ import annotations

import json
import shutil
import socket
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analysis.release.validation import elsewhere
from analysis.release.validation.elsewhere import ask_others
from tests.analysis.test_release_validation import LONG, TEXTS, edit_json, edit_rows, set_cell, whole

pytestmark = pytest.mark.django_db  # else there are no tables where these tests run alone

__all__ = ["whole"]


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError(f"asked the network: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def told(folder: Path) -> dict[str, list[str]]:
    answers = ask_others(folder)
    assert all(one.is_installed for one in answers)
    return {one.name: [f"{finding.place}: {finding.what}" for finding in one.findings] for one in answers}


def told_by(name: str, folder: Path) -> list[str]:
    """Ask one alone, where the other has nothing to find: each takes a second or more."""
    (other,) = {"frictionless", "mlcroissant"} - {name}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elsewhere, other, lambda folder: iter(()))
        return told(folder)[name]


def test_both_accept_a_release_as_made(folder: Path) -> None:
    assert told(folder) == {"frictionless": [], "mlcroissant": []}


def test_altered_csv_is_found_by_both(folder: Path) -> None:
    data = (folder / TEXTS).read_bytes()
    (folder / TEXTS).write_bytes(data.replace(b"reviewed", b"reviewer", 1))
    found = told(folder)
    assert any("hash-count" in text for text in found["frictionless"])
    assert any(text.startswith("texts: ") for text in found["mlcroissant"])


def test_missing_hash_is_found(folder: Path) -> None:
    edit_json(folder, "croissant.json", lambda content: content["distribution"][0].pop("sha256"))
    (text,) = told_by("mlcroissant", folder)
    assert "At least one of these properties should be defined: ['md5', 'sha256']" in text


def test_missing_licence_is_found_by_what_it_recommends(folder: Path) -> None:
    edit_json(folder, "croissant.json", lambda content: content.pop("license"))
    (text,) = told_by("mlcroissant", folder)
    assert "license" in text


def test_code_that_is_not_declared_is_found(folder: Path) -> None:
    edit_rows(folder, LONG, set_cell("choice", "both"))
    assert any("constraint-error" in text and '"both"' in text for text in told_by("frictionless", folder))


def test_wrong_type_is_found_by_both(folder: Path) -> None:
    edit_rows(folder, LONG, set_cell("item_number", "one"))
    found = told(folder)
    assert any("type-error" in text for text in found["frictionless"])
    assert any(text.startswith("long: ") for text in found["mlcroissant"])


def test_large_tables_are_left_to_our_own_checks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_rows(folder, LONG, set_cell("item_number", "one"))
    monkeypatch.setattr(elsewhere, "LARGEST", 1)
    assert told_by("mlcroissant", folder) == []


@pytest.mark.parametrize("url", ["https://example.org/data.csv", "../outside.csv"])
def test_files_outside_the_folder_are_not_fetched(folder: Path, url: str) -> None:
    edit_json(folder, "croissant.json", lambda content: content["distribution"][0].update(contentUrl=url))
    assert told_by("mlcroissant", folder) == ["croissant.json: not asked: a file of it lies outside the folder"]


def test_many_findings_are_counted(folder: Path) -> None:
    def spoil(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**row, "choice": "both"} for row in rows]

    edit_rows(folder, LONG, spoil)
    found = told_by("frictionless", folder)
    assert (len(found), found[-1].endswith(" more")) == (elsewhere.N_NAMED + 1, True)


def test_command_asks_those_that_are_installed_and_names_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_rows(folder, LONG, set_cell("choice", "both"))
    said = StringIO()
    with pytest.raises(CommandError, match="findings"):
        call_command("validate_release", str(folder), stdout=said)
    assert "frictionless: " in said.getvalue()
    monkeypatch.setattr(elsewhere, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="findings"):
        call_command("validate_release", str(folder), stdout=(said := StringIO()))
    assert "not asked: mlcroissant is not installed" in said.getvalue()


@pytest.mark.parametrize("vocabulary", ["http://schema.org/", "https://example.org/"])
def test_context_is_the_official_one(folder: Path, vocabulary: str) -> None:
    """Otherwise validators see no data set at all."""

    def exchange(content: dict[str, Any]) -> None:
        content["@context"] |= {"@vocab": vocabulary, "sc": vocabulary}

    edit_json(folder, "croissant.json", exchange)
    assert any("doesn't extend https://schema.org/Dataset" in text for text in told_by("mlcroissant", folder))
    assert json.loads((folder / "croissant.json").read_text())["@type"] == "sc:Dataset"
