"""Data of others on the site: handed in, looked at, mended, read, taken away, by page and by program."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertRedirects

from analysis.columns import LONG
from analysis.imports.archives import unpacked
from analysis.imports.judgments import country_code
from analysis.imports.working import work
from analysis.models import Import
from pact_site.roles import Role
from survey.models import Study
from tests.analysis.conftest import Made
from tests.analysis.releasing import add_people, make_publishable, release
from tests.analysis.test_bad_files import GOOD, HUMAN, PREDICTED, PREDICTIONS, judged, write
from tests.analysis.test_import_study import ANSWERS, CHOSEN, answers_file, bring_in, exported
from tests.staff import make_staff, sign_in


@pytest.fixture
def place(settings: object, tmp_path: Path) -> Path:
    settings.RELEASES_DIR = tmp_path / "releases"  # type: ignore[attr-defined]
    return tmp_path


def hand_in(staff: Client, text: str, name: str = "answers.csv") -> str:
    answer = staff.post(reverse("analysis:imports"), {"files": SimpleUploadedFile(name, text.encode())})
    assert answer.status_code == 302
    return str(answer["Location"])


FORM = {f"column_{role}": column for role, column in CHOSEN.columns.items()} | {
    "code": "others", "culture": "follow", "preference": "allow", "all_locale": "en-GB",
}  # fmt: skip


def test_file_is_looked_at_mended_and_imported(
    db: None, staff: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.tasks.import_data.delay", work)
    where = hand_in(staff, ANSWERS.replace("p2,GB", "p2,Narnia"))
    page = staff.get(where).content.decode()
    assert ("Which column says what" in page, "60-69" in page) == (True, True)
    told = staff.post(where, {**FORM, "act": "import"}, follow=True).content.decode()
    for text in ("1 fault: nothing was stored", '<td data-label="Line">4</td>', "<code>Narnia</code>", "ISO code"):
        assert text in told
    assert "answers.csv,4,land,Narnia" in staff.get(f"{where}faults.csv").content.decode()
    assert not Study.objects.exists()
    where = hand_in(staff, ANSWERS)
    assert "Every row is in order" in staff.post(where, {**FORM, "act": "look"}, follow=True).content.decode()
    assert not Study.objects.exists()
    assert "The study is" in staff.post(where, {**FORM, "act": "import"}, follow=True).content.decode()
    study = Study.objects.get()
    assert not list((place / "releases" / "imports" / Import.objects.latest("pk").stored_as).glob("*"))
    for name in ("items", "exports", "study_results"):
        shown = staff.get(reverse(f"analysis:{name}", args=[study.code])).content.decode()
        assert "Imported data." in shown, name
    assert "Imported" in staff.get(reverse("home")).content.decode()
    for name in ("dashboard", "balance", "quality"):
        assert staff.get(reverse(f"analysis:{name}", args=[study.code])).status_code in (302, 404), name


def test_release_and_papers_files_come_in_by_the_page(
    made: Made, staff: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.tasks.import_data.delay", work)
    add_people(make_publishable(made))
    release(made, place / "out")
    write(place, HUMAN, GOOD)
    write(place, PREDICTIONS, PREDICTED)
    for name, folder, title in (("tiny.zip", "out", "Study tiny"), ("others.zip", "", "others.zip")):
        with zipfile.ZipFile(place / name, "w") as archive:
            for path in sorted((place / folder).rglob("*") if folder else place.glob("*.csv")):
                archive.write(path, path.relative_to(place))
        data = SimpleUploadedFile(name, (place / name).read_bytes())
        where = staff.post(reverse("analysis:imports"), {"files": data})["Location"]
        done = staff.post(where, {"code": name.removesuffix(".zip") + "-2", "act": "import"}, follow=True)
        assert f">{title}</a>" in done.content.decode()
        assert "rows of long" in done.content.decode()
    with unpacked(place / "others.zip") as found:
        assert found.name == "others"


def test_import_by_command_has_a_page_beside_uploads(db: None, staff: Client, place: Path) -> None:
    imported = bring_in(answers_file(place), mapping=CHOSEN).imported
    hand_in(staff, ANSWERS.replace("p1", "p3"))
    page = staff.get(reverse("analysis:import", args=[imported.pk]))
    assert (page.status_code, "Which column says what" in page.content.decode()) == (200, False)


def test_rows_without_any_answer_are_told(db: None, staff: Client, place: Path) -> None:
    path, noted = answers_file(place, f"{ANSWERS}p3,IN,s1,GB,,,40,m\n"), io.StringIO()
    columns = [f"{role}={column}" for role, column in CHOSEN.columns.items()]
    call_command(
        "import_study", path, code="others", column=columns, culture=["follow"], preference=["allow"], stderr=noted
    )
    assert "1 row without an answer to either question: counted nowhere" in noted.getvalue()
    page = staff.get(reverse("analysis:import", args=[Import.objects.get().pk])).content.decode()
    assert "1 row has no answer to either question: it counts nowhere." in page
    assert "respondents of United Kingdom." in page


def test_answers_that_cannot_be_read_are_told_with_their_place(
    db: None, staff: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.tasks.import_data.delay", work)
    text = GOOD + judged("p3", "i1", "C") + "".join(judged(f"p{n}", "i1", norm="maybe") for n in range(4, 10))
    upload = SimpleUploadedFile(HUMAN, text.encode())
    where = staff.post(reverse("analysis:imports"), {"files": upload})["Location"]
    page = staff.post(where, {"code": "others", "act": "look"}, follow=True).content.decode().replace("&#x27;", "'")
    assert "Every row is in order" not in page
    assert "7 answers are neither A nor B: taken as not given, as in the paper (the first: " in page
    assert f"{HUMAN}, line 5, human_personal: 'C'; {HUMAN}, line 6, human_norm: 'MAYBE'; " in page
    assert "line 10" not in page


def test_api_lists_items_with_the_texts_that_there_are(db: None, staff: Client, tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    versions = [str(bring_in(tmp_path).version), str(bring_in(answers_file(tmp_path), "second", CHOSEN).version)]
    rows = staff.get("/api/items/?limit=2000").json()["results"]
    paper, second = ([one["texts"] for one in rows if one["version"] == version] for version in versions)
    assert len(paper) > 1
    assert all(set(texts) == {"en-US"} and texts["en-US"]["scenario"] for texts in paper)
    assert second == [{}, {}]


@pytest.mark.parametrize(
    ("text", "code"),
    [("United States", "US"), ("USA", "US"), (" united kingdom", "GB"), ("uk", "GB"), ("br", "BR"), ("Narnia", None)],
)
def test_countries_are_known_as_people_write_them(text: str, code: str | None) -> None:
    assert country_code(text) == code


def test_known_files_lead_to_their_study(db: None, staff: Client, place: Path) -> None:
    write(place, HUMAN, GOOD)
    bring_in(place)
    text = GOOD
    assert hand_in(staff, text, HUMAN) == reverse("analysis:items", args=["others"])


def test_removal_is_confirmed_and_for_pis_alone(db: None, staff: Client, client: Client, tmp_path: Path) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    address = reverse("analysis:import_remove", args=[study.code])
    staff.post(address, {"code": "other"})
    assert Study.objects.exists()
    analyst: User = make_staff("analyst", Role.ANALYST)
    other = Client()
    other.force_login(analyst)
    assert other.post(address, {"code": study.code}).status_code == 403
    staff.post(address, {"code": study.code})
    assert not Study.objects.exists()
    viewer = sign_in(Role.VIEWER, name="viewer")
    assert viewer.get(reverse("analysis:imports")).status_code == 403


def test_header_of_the_long_table_is_ours(db: None, tmp_path: Path) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    assert tuple(exported(study)[0]) == LONG.names


def test_own_studies_are_listed_before_imported_ones(made: Made, staff: Client, tmp_path: Path) -> None:
    others = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    assert others.code < made.study.code
    listed = [line.study for line in staff.get(reverse("home")).context["listed"]]
    assert listed == [made.study, others]


def test_pages_of_an_imported_study_say_what_it_is_and_offer_nothing_else(db: None, tmp_path: Path) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    client = sign_in()
    results = client.get(reverse("analysis:study_results", args=[study.code])).content.decode()
    assert "<strong>2</strong> respondents, <strong>5</strong> answers of people: read-only, imported from" in results
    assert "complete session" not in results
    assert "Blinding" not in results
    for name in (
        "analysis:alarms", "analysis:quality", "analysis:balance", "analysis:translations",
        "survey:setup", "survey:review", "survey:reconciliation", "survey:preview", "survey:setup_registration",
    ):  # fmt: skip
        page = client.get(reverse(name, args=[study.code]))
        told = page.content.decode()
        assert (page.status_code, "This study was imported and is only read" in told) == (404, True), name
        assert reverse("analysis:items", args=[study.code]) in told, name
    items = reverse("analysis:items", args=[study.code])
    assertRedirects(client.get(reverse("analysis:dashboard", args=[study.code])), items)
    for name, sent in (("survey:setup_state", {"action": "launch"}), ("survey:trial", {"country": "GB"})):
        assert client.post(reverse(name, args=[study.code]), sent).status_code == 404, name
    assert client.get(reverse("analysis:exports", args=[study.code])).status_code == 200


def test_page_of_no_address_leads_staff_home_and_participants_nowhere(db: None) -> None:
    client = Client()
    assert "All studies" not in client.get("/nowhere/").content.decode()
    client.force_login(make_staff("ada"))
    told = client.get("/nowhere/")
    assert (told.status_code, "All studies" in told.content.decode()) == (404, True)
