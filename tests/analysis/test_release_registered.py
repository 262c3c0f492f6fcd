"""What a study registered and how it deviated travels with its release, without names, and is checked there."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from analysis.imports.importing import store
from analysis.imports.sources import ReleaseSource
from analysis.models import Release
from analysis.release.validation import validate
from survey.domain.registration import register, report_deviation
from survey.models import Registration, Study
from tests.analysis.conftest import Made
from tests.analysis.releasing import add_people, content, make_publishable, release

STAFF = "gracehopper"


@pytest.fixture
def registered(made: Made) -> Made:
    make_publishable(made)
    add_people(made)
    register(made.study, by=STAFF)
    Study.objects.update(stopping_rule="Three weeks.")
    register(Study.objects.get(), by=STAFF, reason="recruitment is slow")
    report_deviation(made.study, what="models", before="", after="three", reason="one more came out", by=STAFF)
    return made


def test_release_carries_registrations_and_deviations_without_names(registered: Made, tmp_path: Path) -> None:
    out = tmp_path / "out"
    release(registered, out)
    for one in Registration.objects.all():
        data = (out / f"documentation/registration_{one.number}.json").read_bytes()
        assert hashlib.sha256(data).hexdigest() == one.sha256
    with (out / "documentation/deviations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["registration"], row["what"], row["before"], row["found_by"]) for row in rows] == [
        ("2", "stopping_rule", "Collection ends when every quota cell has the completes it takes.", "comparison"),
        ("2", "models", "NA", "person"),
    ]
    package = json.loads((out / "datapackage.json").read_text())
    assert [one["number"] for one in package["release"]["registrations"]] == [1, 2]
    assert "deviations" in {one["name"] for one in package["resources"]}
    assert "found_by" in (out / "documentation/codebook.csv").read_text()
    assert "Deviations from it: 2" in (out / "README.md").read_text()
    assert "documentation/registration_2.json" in (out / "SHA256SUMS").read_text()
    assert [path for path, data in content(out).items() if STAFF.encode() in data] == []
    assert validate(out) == []


def test_what_deviates_later_changes_no_byte(registered: Made, tmp_path: Path) -> None:
    release(registered, tmp_path / "one")
    report_deviation(registered.study, what="more", before="", after="x", reason="later", by=STAFF)
    release(registered, tmp_path / "two")
    assert Release.objects.count() == 1
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_release_says_that_nothing_was_registered(made: Made, tmp_path: Path) -> None:
    make_publishable(made)
    add_people(made)
    release(made, tmp_path / "out")
    assert "Nothing was registered before the data came in" in (tmp_path / "out/README.md").read_text()
    assert not list((tmp_path / "out/documentation").glob("registration_*"))
    assert validate(tmp_path / "out") == []


def test_changed_registration_is_found(registered: Made, tmp_path: Path) -> None:
    out = tmp_path / "out"
    release(registered, out)
    (out / "documentation/registration_1.json").write_text("{}")
    assert "registration: documentation/registration_1.json: is not what was registered: its hash differs" in map(
        str, validate(out)
    )


def test_release_with_deviations_is_imported(registered: Made, tmp_path: Path) -> None:
    release(registered, tmp_path / "out")
    study, report = store(ReleaseSource(tmp_path / "out"), code="again", title="", by="x", is_dry=False)
    assert study is not None
    assert "deviations" not in report["n_rows"]
