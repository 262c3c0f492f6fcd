"""Copies of participants' pages, one file each: the real templates with their styles inside, no script, no address.

They stand in for screenshots: every release has the same bytes, and any browser draws them. `manage.py screenshots`
photographs them; what it makes depends on the browser, so it stays outside the release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import format_html, format_html_join

from analysis.release.writing import Folder
from survey.enums import Country, OptionOrder, Outcome, Page
from survey.flow.plan import PlannedItem, build_plan
from survey.instruments.visible import ItemPlace, visible_items
from survey.models import Arm, Item, SurveySession
from survey.pages import PAGES, Turn
from survey.queries import text_catalogue
from survey.views.endings import COMPLETE, ENDINGS

STYLES = settings.BASE_DIR / "static" / "survey.css"
BEFORE_CONSENT = frozenset({Page.LANGUAGE, Page.CONSENT, Page.SCREENING})
INDEX = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>\n'
    "<body><h1>{title}</h1><p>As participants see them, one situation for all. The contact address is left out.</p>"
    "<ol>\n{pages}</ol></body></html>\n"
)


def folder_of(arm: Arm, locale: str) -> str:
    return f"materials/pages/{arm.country}_{locale}"


def drawn_from(arm: Arm) -> list[str]:
    """List the items that an arm's respondents can be given."""
    version = arm.study.version
    rows = Item.objects.filter(version=version).order_by("code").values_list("code", "scenario_country", "is_core")
    return sorted(visible_items(version.structure, arm.country, [ItemPlace(*row) for row in rows]))


def lay_out(arm: Arm, locale: str) -> SurveySession:
    """Lay out a session that is nobody's: all pages that an arm has, with the first items that can be drawn."""
    structure = arm.study.version.structure
    codes = drawn_from(arm)
    n_items = min(len(codes), sum(structure["arms"][arm.country]["items"].values()))
    drawn = [PlannedItem(code, OptionOrder.CULTURE_FIRST, structure["questions"]) for code in codes[:n_items]]
    n_checks = len(structure["attention_checks"])
    plan = build_plan(structure["blocks"], items=drawn, n_locales=len(arm.locales), n_attention_checks=n_checks)
    return SurveySession(arm=arm, version=arm.study.version, locale=locale, plan=plan)


def turns(session: SurveySession) -> Iterator[Turn]:
    """Give the session at each of its pages, of the scenarios at the first only."""
    for position in _shown_once(session.plan):
        session.position = position
        yield Turn(session)


def _shown_once(plan: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    has_scenario = False
    for position, page in enumerate(plan):
        if page["kind"] != Page.SCENARIO or not has_scenario:
            yield position
        has_scenario = has_scenario or page["kind"] == Page.SCENARIO


def add_page_copies(folder: Folder, arm: Arm, locale: str) -> None:
    """Write each page and each ending of an arm in one language, and a list of them."""
    place, names = folder_of(arm, locale), []
    with translation.override(locale.lower()):
        for name, text in _copies(arm, locale):
            folder.add_text(f"{place}/{name}.html", text)
            names.append(name)
    pages = format_html_join("", '<li><a href="{}.html">{}</a></li>\n', ((name, name) for name in names))
    title = f"{Country(arm.country).label}, {locale}: the pages in order"
    folder.add_text(f"{place}/index.html", format_html(INDEX, title=title, pages=pages))


def _copies(arm: Arm, locale: str) -> Iterator[tuple[str, str]]:
    shared = {
        "lang": locale,
        "title": text_catalogue(arm.study.version_id, locale)["title"],
        "styles": STYLES.read_text(encoding="utf-8"),
    }
    for turn in turns(lay_out(arm, locale)):
        kind = Page(turn.page["kind"])
        page = PAGES[kind]
        context = {
            **shared,
            **page.context(turn),
            "groups": page.groups(turn),
            "answers": {},
            "errors": {},
            "withdraw_url": "" if kind in BEFORE_CONSENT else "#",
        }
        yield f"{turn.session.position + 1:02}_{kind.value}", render_to_string(page.template, context)
    for outcome, ending in ENDINGS.items():
        if ending is COMPLETE and outcome != Outcome.COMPLETE:
            continue  # reads the same
        context = {**shared, "heading": ending.heading, "body": ending.body}
        context |= {"is_complete": ending is COMPLETE, "receipt": "…"}
        yield f"end_{outcome.value}", render_to_string("survey/end.html", context)
