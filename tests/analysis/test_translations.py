"""The page of a study's texts: counts, texts beside their source, variants, and the decision to open all the same."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analysis.word_diff import Piece, word_diff
from survey.domain.translations import open_text_faults
from survey.models import Study, Text, TextOverride
from tests.factories import make_study

PAGE_QUERIES, LOCALE_QUERIES, VARIANTS_QUERIES = 13, 6, 6


@pytest.fixture
def study(db: None) -> Study:
    study = make_study("texts", live=False)
    study.text_overrides.all().delete()
    return study


def address(name: str = "translations", *args: str) -> str:
    return reverse(f"analysis:{name}", args=["texts", *args])


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b c", "a b c", [Piece("same", "a b c")]),
        ("the color red", "the colour red", [
            Piece("same", "the"), Piece("del", "color"), Piece("ins", "colour"), Piece("same", "red"),
        ]),
        ("a c", "a b c", [Piece("same", "a"), Piece("ins", "b"), Piece("same", "c")]),
    ],
)  # fmt: skip
def test_word_diff_names_what_differs(old: str, new: str, expected: list[Piece]) -> None:
    assert word_diff(old, new) == expected


def test_page_counts_texts_and_names_what_holds_the_study_back(study: Study, staff: Client) -> None:
    Text.objects.filter(locale="pt-BR", key="title").update(status="reviewed", staleness="source")
    Text.objects.filter(locale="pt-BR", key="consent.task").update(status="reviewed")
    page = text_of(staff, address())
    assert "hold the study back" in page
    assert f'<a href="{address("translations_locale", "pt-BR")}?stale=1">1</a>' in page
    lines = text_of(staff, address("translations_csv")).splitlines()
    assert lines[0] == "locale,machine_draft,reviewed,adjudicated,pretested,frozen,stale,ready"
    assert lines[-1] == "pt-BR,1160,2,0,0,0,1,1"


def test_decision_is_recorded_with_the_readers_name(study: Study, staff: Client) -> None:
    staff.post(address("translations_override"), {"reason": "  "})
    assert not TextOverride.objects.exists()
    response = staff.post(address("translations_override"), {"reason": "pilot among ourselves"})
    assert response["Location"] == address()
    assert [(o.by, o.reason) for o in TextOverride.objects.all()] == [("researcher", "pilot among ourselves")]
    assert open_text_faults(study) == []
    for url in (address(), address("dashboard")):
        assert "pilot among ourselves" in text_of(staff, url)
    assert "Accept these texts" not in text_of(staff, address())


def test_locale_page_shows_source_text_and_people(study: Study, staff: Client) -> None:
    Text.objects.filter(locale="hi-IN", key="consent.task").update(
        status="reviewed", reviewer="Ravi", note="checked twice", staleness="source"
    )
    page = text_of(staff, f"{address('translations_locale', 'hi-IN')}?status=reviewed&stale=1&part=consent")
    text, source = (Text.objects.get(locale=locale, key="consent.task").body for locale in ("hi-IN", "en-US"))
    for part in (text, source, "Reviewer: Ravi.", "Note: checked twice", "The source has changed since", "1 text<"):
        assert part in page
    item = text_of(staff, f"{address('translations_locale', 'hi-IN')}?part=BR01")
    assert item.count('<article class="text">') == 6
    assert "No text is like that." in text_of(staff, f"{address('translations_locale', 'hi-IN')}?search=zzzz")


def test_locale_page_turns_pages_and_keeps_the_filter(study: Study, staff: Client) -> None:
    page = text_of(staff, f"{address('translations_locale', 'pt-BR')}?status=machine+draft&page=2")
    assert page.count('<article class="text">') == 25
    assert "status=machine+draft&amp;stale=&amp;part=&amp;search=&amp;page=3" in page
    assert staff.get(address("translations_locale", "fr-FR")).status_code == 404


def test_variants_show_only_what_differs(study: Study, staff: Client) -> None:
    english = Text.objects.filter(locale__startswith="en-")
    for key, body in english.filter(locale="en-US").values_list("key", "body"):
        english.filter(key=key).exclude(body=body).update(body=body)
    assert "All variants are the same." in text_of(staff, address("translations_variants"))
    english.filter(locale="en-GB", key="consent.heading").update(body="Before you decide about joining in")
    page = text_of(staff, address("translations_variants"))
    assert page.count('<article class="text">') == 1
    assert "<dt>en-GB</dt>" in page
    assert "<ins>about joining in</ins>" in page
    assert "<dt>en-ZA</dt>" not in page


def test_texts_download_has_the_record(study: Study, staff: Client) -> None:
    Text.objects.filter(locale="hi-IN", key="title").update(reviewer="Ravi")
    lines = text_of(staff, address("translations_texts", "hi-IN")).splitlines()
    assert lines[0] == "key,status,staleness,translator,reviewer,adjudicator,note,source_hash,body"
    assert next(line for line in lines if line.startswith("title,")).startswith("title,machine draft,,,Ravi,")
    assert len(lines) == 1163


def test_pages_are_for_staff_and_cost_a_fixed_number_of_queries(
    study: Study, staff: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for url, n in (
        (address(), PAGE_QUERIES),
        (address("translations_locale", "hi-IN"), LOCALE_QUERIES),
        (address("translations_variants"), VARIANTS_QUERIES),
    ):
        with django_assert_num_queries(n):
            staff.get(url)
        assert Client().get(url).status_code == 302
    assert Client().post(address("translations_override"), {"reason": "x"}).status_code == 302
    assert not TextOverride.objects.exists()
