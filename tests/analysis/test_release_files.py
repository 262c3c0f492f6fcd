"""The files of a release: all that its plan names, and each of them can be used."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from django.db import transaction
from pytest_django import DjangoDbBlocker

from analysis.columns import LONG
from survey.models import Response
from tests.analysis.conftest import Made, make_study
from tests.analysis.releasing import (
    add_people,
    content,
    file_of,
    make_publishable,
    release,
    rows_of,
)
from tests.analysis.test_release import PAPER, TABLES

pytestmark = pytest.mark.django_db  # else there are no tables where these tests run alone

ROOT_FILES = {
    "README.md", "CHANGES.md", "LICENSE", "CITATION.cff", "SHA256SUMS",
    "dataset_description.json", "datapackage.json", "croissant.json",
}  # fmt: skip


class Whole(NamedTuple):
    """A release that is only read, what the command said of it, and how many answers it was made from."""

    made: Made
    out: Path
    told: str
    n_responses: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Whole:
    """Make one release for all tests that only read it, and leave nothing of it in the database."""
    out = tmp_path_factory.mktemp("release") / "out"
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_publishable(make_study())
        add_people(made)
        told = release(made, out, ethics="IRB 12/2026", doi="10.5281/zenodo.1234567", title="Norms: a study")
        n_responses = Response.objects.count()
        transaction.set_rollback(True)
    return Whole(made, out, told, n_responses)


def test_release_holds_what_its_plan_says(whole: Whole) -> None:
    names = set(content(whole.out))
    assert names >= ROOT_FILES | {file_of(whole.made, name) for name in (*TABLES, PAPER)}
    assert {name.partition("/")[0] for name in names} - ROOT_FILES == {
        "data", "paper", "documentation", "materials", "syntax",
    }  # fmt: skip
    assert "40 people, 0 simulated, 0 left out" in whole.told
    assert len(rows_of(whole.made, whole.out, "long")) == whole.n_responses == 192


def test_texts_stand_in_every_locale_with_their_status(whole: Whole) -> None:
    rows = rows_of(whole.made, whole.out, "texts")
    assert Counter((row["locale"], row["text_status"]) for row in rows) == {
        ("en-US", "reviewed"): 3,
        ("pt-BR", "machine draft"): 3,
    }
    assert rows[0]["instrument"] == "tiny v1"


def test_pages_sum_up_how_they_were_used(whole: Whole) -> None:
    rows = rows_of(whole.made, whole.out, "pages")
    assert len(rows) == 3
    names = ("page_number", "page_kind", "item_code", "viewport", "first_interaction_ms", "n_hidden", "hidden_ms")
    assert {tuple(row[name] for name in names) for row in rows} == {
        ("3", "scenario", "BR00", "narrow", "NA", "1", "1500")
    }


def test_materials_show_every_page_in_each_language(whole: Whole) -> None:
    pages = (whole.out / "materials" / "pages" / "BR_pt-BR.md").read_text()
    for text in ("consent.purpose in pt-BR", "instructions.task in pt-BR", "debrief.thanks in pt-BR", "Continuar"):
        assert text in pages
    assert pages.count('scenario of "') == 3 + 1  # one shown as a page, all listed
    methods = (whole.out / "materials" / "methods.md").read_text()
    for text in ("IRB 12/2026", "| Brazil | Younger | Woman | 5 |", "10.0", "consent/en-US.md"):
        assert text in methods
    consent = (whole.out / "materials" / "consent" / "pt-BR.md").read_text()
    assert f"- version 1: {'c' * 64}" in consent


def test_codebook_labels_codes_as_respondents_read_them(whole: Whole) -> None:
    with (whole.out / "documentation" / "codebook_levels.csv").open(encoding="utf-8", newline="") as file:
        labels = {(r["table"], r["name"], r["code"]): r for r in csv.DictReader(file)}
    gender = labels["participants", "gender", "woman"]
    assert (gender["label"], gender["label_pt-BR"]) == ("Woman", "gender.woman in pt-BR")
    assert labels["long", "scenario_country", "US"]["label_pt-BR"] == "Estados Unidos"
    assert {row["label_status"] for row in labels.values()} == {
        "as respondents read it",
        "Unicode CLDR",
        "machine draft",
    }
    assert (labels["long", "theme", "gift_giving"]["label_pt-BR"], gender["label_status"]) == (
        "Presentes",
        "as respondents read it",
    )


def test_codebook_labels_variables_in_each_locale_and_says_that_they_are_drafts(whole: Whole) -> None:
    with (whole.out / "documentation" / "codebook.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["table"], row["name"]): row for row in csv.DictReader(file)}
    choice = rows["wide", "norm_choice"]
    assert choice["label_en-US"] == choice["label"] == "Norm judgment. The answer"
    assert (choice["label_pt-BR"], choice["label_status"]) == ("Julgamento da norma. A resposta", "machine draft")
    text = (whole.out / "documentation" / "codebook.md").read_text()
    assert "withheld, as too few people share it" in text
    assert "# Variables in pt-BR\n\nTranslations of the meanings above: machine drafts.\n" in text
    assert "| `duration_ms` | Da entrada até o fim da sessão | participants |" in text
    assert "# Variables in en" not in text
    headings = [line for line in text.splitlines() if line.startswith("## ") and line.endswith(".csv")]
    assert len(headings) == 9
    assert all((whole.out / heading.removeprefix("## ")).is_file() for heading in headings)


def test_citation_and_descriptors_can_be_read(whole: Whole) -> None:
    cff = yaml.safe_load((whole.out / "CITATION.cff").read_text())
    assert (cff["title"], cff["version"], cff["doi"]) == ("Norms: a study", "1.0.0", "10.5281/zenodo.1234567")
    assert cff["authors"] == [
        {"family-names": "Curie", "given-names": "Marie", "orcid": "https://orcid.org/0000-0002-1825-0097"},
        {"name": "University of Somewhere"},
    ]
    package = json.loads((whole.out / "datapackage.json").read_text())
    long = next(one for one in package["resources"] if one["name"] == "long")
    assert (long["rows"], long["schema"]["primaryKey"]) == (192, ["respondent_id", "item_code", "question"])
    assert {key["reference"]["resource"] for key in long["schema"]["foreignKeys"]} == {"participants", "items"}
    croissant = json.loads((whole.out / "croissant.json").read_text())
    assert croissant["rai:dataBiases"][0].startswith("Respondents, recruited through Direct link, are")
    assert "\n\nThe first release.\n" in (whole.out / "CHANGES.md").read_text()


def test_syntax_names_every_variable(whole: Whole) -> None:
    for name in ("labels.sps", "labels.R", "labels.do"):
        text = (whole.out / "syntax" / name).read_text()
        assert all(column in text for column in LONG.names), name
    spss = (whole.out / "syntax" / "labels.sps").read_text()
    assert "'woman' 'Woman'" in spss
    for path in (whole.out / "syntax").glob("*.sps"):
        assert max(len(line.encode()) for line in path.read_text().splitlines()) <= 250, path
    assert {path.name for path in (whole.out / "syntax").iterdir()} == {
        f"labels{locale}.{kind}" for locale in ("", "_pt-BR") for kind in ("sps", "R", "do")
    }
