"""The catalogues of the participants' pages: complete, in line with the code, compiled."""

import io
from io import StringIO
from pathlib import Path
from shutil import copytree, rmtree

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.core.management import call_command

from survey.enums import Locale
from survey.management.commands import sync_messages
from survey.management.commands.sync_messages import (
    catalogue_path,
    extract_messages,
    read_catalogue,
    translated_locales,
)


def test_extraction_finds_code_and_templates() -> None:
    messages = extract_messages()
    assert "Select what you would do" in messages  # code
    assert "Continue" in messages  # template
    assert "This link is not complete" in messages


@pytest.mark.parametrize("locale", translated_locales())
def test_catalogue_is_complete_and_in_line_with_the_code(locale: Locale) -> None:
    entries = {str(m.id): m for m in read_catalogue(locale) if m.id}
    assert sorted(entries) == sorted(extract_messages()), "run `manage.py sync_messages`"
    assert [key for key, m in entries.items() if not m.string or m.fuzzy] == []


@pytest.mark.parametrize("locale", translated_locales())
def test_translations_keep_the_placeholders(locale: Locale) -> None:
    for message in read_catalogue(locale):
        assert not list(message.check()), message.id


@pytest.mark.parametrize("locale", translated_locales())
def test_compiled_catalogue_is_that_of_the_source(locale: Locale) -> None:
    path = catalogue_path(locale)
    source = read_po(io.BytesIO(path.read_bytes()))
    compiled = read_mo(io.BytesIO(path.with_suffix(".mo").read_bytes()))
    as_dict = [{m.id: m.string for m in catalogue if m.id} for catalogue in (source, compiled)]
    assert as_dict[0] == as_dict[1], "run `manage.py sync_messages`"


def test_command_names_the_file_in_which_something_is_to_be_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_messages, "LOCALE_DIR", Path(copytree(sync_messages.LOCALE_DIR, tmp_path / "locale")))
    rmtree(tmp_path / "locale" / "pt_BR")
    out = StringIO()
    call_command("sync_messages", stdout=out)
    n = len(extract_messages())
    lines = [line for line in out.getvalue().splitlines() if not line.startswith("  ")]
    assert f"pt-BR: {n} messages, {n} untranslated in survey/locale/pt_BR/LC_MESSAGES/django.po" in lines
    assert f"hi-IN: {n} messages, 0 untranslated" in lines
