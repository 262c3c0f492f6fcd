"""Setting a study up in a real browser: new study, preview, test run, launch, registration."""

import io
import zipfile

from survey.instruments.loader import SHIPPED
from survey.models import Registration, Response, Study, SurveySession
from tests.e2e.conftest import NewPage
from tests.e2e.test_staff import log_in
from tests.staff import make_staff


def packed(spoilt: str = "") -> bytes:
    """Pack the shipped instrument; one file may be as a spreadsheet with another separator saves it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in SHIPPED.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                content = content.replace(b",", b";") if path.name == spoilt else content
                archive.writestr(str(path.relative_to(SHIPPED.parent)), content)
    return out.getvalue()


def test_from_a_zip_file_to_a_registered_study(db: None, new_page: NewPage) -> None:
    make_staff("staff", password="a long pass phrase")
    page = new_page(width=360)
    log_in(page, "/new-study/")
    page.get_by_label("Zip file").set_input_files(
        {"name": "pact.zip", "mimeType": "application/zip", "buffer": packed(spoilt="items.csv")}
    )
    page.get_by_label("Code").fill("fresh")
    page.get_by_label("Title").fill("Fresh")
    page.get_by_role("button", name="Create the study").click()
    told = page.get_by_text("save the file as CSV with commas").bounding_box()
    assert told is not None
    assert told["x"] + told["width"] <= 360  # beside nothing that has to be pushed aside to read it
    page.get_by_label("Zip file").set_input_files(
        {"name": "pact.zip", "mimeType": "application/zip", "buffer": packed()}
    )
    page.get_by_label("Code").fill("fresh")
    page.get_by_label("Title").fill("Fresh")
    page.get_by_role("button", name="Create the study").click()
    page.get_by_text("The study is set up as a draft").wait_for()

    page.goto("/studies/fresh/preview/?at=BR+pt-BR")
    phone = page.frame_locator("iframe[name=phone]")
    page.get_by_role("link", name="Consent", exact=True).click()
    phone.get_by_text("Preview.").wait_for()
    phone.get_by_role("button").click()
    phone.get_by_role("radio").first.wait_for()

    page.goto("/studies/fresh/setup/")
    page.get_by_role("button", name="Begin a test run").click()
    page.get_by_text("Test run.").wait_for()
    assert not Response.objects.exists()
    assert SurveySession.objects.count() == 1
    study = Study.objects.get(code="fresh")
    assert study.state == "draft"

    Study.objects.filter(pk=study.pk).update(required_text_status="machine draft")
    page.goto("/studies/fresh/setup/")
    page.get_by_role("button", name="Launch").click()
    page.get_by_text("This also registers what follows").wait_for()
    page.get_by_role("button", name="Launch").click()
    page.get_by_text("The study is live.").wait_for()
    assert Registration.objects.get().study == study
