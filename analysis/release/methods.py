"""What venues ask of a study with people: instructions and texts as shown, recruitment, pay, consent, demographics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import translation
from django.utils.translation import gettext as _

from analysis.disclosure import Detail, Disclosure, Traits
from analysis.release.checklist import checklist
from analysis.release.facts import Facts
from analysis.release.page_copies import add_page_copies, drawn_from, lay_out, turns
from analysis.release.people import People
from analysis.release.writing import Folder
from survey.enums import AgeBucket, Country, Gender, Page, PanelName, TextStatus
from survey.flow.pay import hourly_pay, judge_pay
from survey.flow.wording import word_item
from survey.models import Arm, SurveySession, Text
from survey.pages import PAGES, Turn
from survey.panels.terms import read_terms
from survey.queries import text_catalogue

CONSENT = ("consent.heading", "consent.purpose", "consent.task", "consent.data", "consent.rights", "consent.agree")
SECONDS = """
SELECT extract(epoch FROM session.finished_at - session.landed_at)::int
FROM survey_surveysession session JOIN survey_participant participant ON participant.id = session.participant_id
WHERE session.arm_id = %s AND session.status = 'complete' AND (NOT participant.is_simulated OR %s)
"""


def add_methods(folder: Folder, facts: Facts, people: People) -> None:
    """Write the pack: one page of answers, and per language what respondents read."""
    arms = list(facts.study.arms.select_related("study__version").order_by("country"))
    pages = {
        f"materials/pages/{arm.country}_{locale}.md": pages_of(arm, locale) for arm in arms for locale in arm.locales
    }
    consents = {
        f"materials/consent/{locale}.md": consent(facts, locale)
        for locale in sorted({x for a in arms for x in a.locales})
    }
    for path, text in {**pages, **consents}.items():
        folder.add_text(path, text)
    for arm in arms:
        for locale in arm.locales:
            add_page_copies(folder, arm, locale)
    folder.add_text("materials/checklist.md", checklist(facts))
    folder.add_text("materials/methods.md", "\n".join([*_methods(facts, arms, people, pages, consents), ""]))


# --- What respondents read ---------------------------------------------------------------------
def pages_of(arm: Arm, locale: str) -> str:
    """Write every page of an arm in one language as it is shown, then the situations that can be drawn."""
    version = arm.study.version
    session = lay_out(arm, locale)
    lines = [f"# {Country(arm.country).label}, {locale}: the pages in order", ""]
    with translation.override(locale.lower()):
        lines += [f"Title: {text_catalogue(version.pk, locale)['title']}", ""]
        for turn in turns(session):
            lines += _page(turn)
        lines += _situations(version.pk, locale, drawn_from(arm))
    return "\n".join(lines)


def _page(turn: Turn) -> list[str]:
    kind = Page(turn.page["kind"])
    page = PAGES[kind]
    context = page.context(turn)
    lines = [f"## {turn.session.position + 1}. {kind.value}", "", f"**{context['heading']}**", ""]
    if kind == Page.SCENARIO:
        wording = context["wording"]
        lines += [wording.scenario, "", wording.expectation, "", wording.preference, ""]
    for paragraph in context.get("paragraphs", ()):
        lines += [paragraph, ""]
    for group in page.groups(turn):
        lines += [group.legend, "", *(f"- ( ) {option.label}" for option in group.options)]
        lines += [*([f"- ( ) {group.opt_out} ({_('or')}; only when passed over once)"] if group.opt_out else []), ""]
    return [*lines, f"[{_('Continue')}]", ""]


def _situations(version_id: int, locale: str, codes: Sequence[str]) -> list[str]:
    """List every situation that can be drawn, with its two options."""
    texts = text_catalogue(version_id, locale)
    lines = ["## All situations", ""]
    for code in codes:
        wording = word_item(texts, code)
        lines += [f"### {code}", "", wording.scenario, "", wording.expectation, "", wording.preference, ""]
        lines += [*(f"- {text}" for text in (*wording.questions.values(), *wording.options.values())), ""]
    return lines


def consent(facts: Facts, locale: str) -> str:
    """Write the consent text of a language, with the hashes under which it was accepted."""
    version = facts.study.version
    texts = text_catalogue(version.pk, locale)
    accepted = (
        SurveySession.objects.filter(arm__study=facts.study, consent__is_given=True, consent__locale=locale)
        .exclude(status="withdrew")
        .values_list("consent__consent_version", "consent__text_hash")
        .distinct()
        .order_by("consent__consent_version", "consent__text_hash")
    )
    return "\n".join(
        [
            f"# Consent, {locale}",
            "",
            f"Version {version.structure.get('consent_version', '–')} of the consent text.",
            "",
            *(line for key in CONSENT for line in (texts[key], "")),
            f"Or: {texts['consent.decline']}",
            "",
            "Accepted as shown, by version and SHA-256 of the text:",
            "",
            *(f"- version {number}: {text_hash}" for number, text_hash in accepted),
            "",
        ]
    )


# --- The answers to the checklist --------------------------------------------------------------
def _methods(
    facts: Facts, arms: Sequence[Arm], people: People, pages: Mapping[str, str], consents: Mapping[str, str]
) -> list[str]:
    ethics = facts.choices.ethics or "not stated for this release"
    return [
        f"# Methods: {facts.title}",
        "",
        "In the order of the ACL checklist for responsible research (D: human participants).",
        "",
        "## D1 Instructions",
        "",
        "Every page with its full text, and copies of the pages as browsers show them:",
        "",
        *(
            f"- [{name}]({name}), [copies]({name.removesuffix('.md')}/index.html)"
            for name in (path.removeprefix("materials/") for path in pages)
        ),
        "",
        "## D2 Recruitment and pay",
        "",
        *_recruitment(facts, arms),
        "",
        "## D3 Consent",
        "",
        "Asked on a page of its own; without it nothing else is asked.",
        "",
        *(f"- [{path.removeprefix('materials/')}]({path.removeprefix('materials/')})" for path in consents),
        "",
        "## D4 Ethics approval",
        "",
        ethics,
        "",
        "## D5 Demographics",
        "",
        *_demographics(facts.disclosure, people),
        "",
        "## Translation",
        "",
        *_translations(facts),
    ]


def _recruitment(facts: Facts, arms: Sequence[Arm]) -> Iterator[str]:
    yield "| country | languages | recruited through | reward | median minutes | pay by the hour |"
    yield "|---|---|---|---|---|---|"
    for arm in arms:
        terms = read_terms(arm)
        with connection.cursor() as cursor:
            cursor.execute(SECONDS, [arm.pk, facts.choices.includes_simulated])
            seconds = sorted(row[0] for row in cursor.fetchall())
        is_enough = len(seconds) >= facts.choices.k
        hourly = hourly_pay(terms.reward, seconds) if is_enough else None
        minutes = f"{seconds[len(seconds) // 2] / 60:.1f}" if is_enough else "–"
        reward = f"{terms.reward} {terms.currency}" if terms.reward is not None else "not entered"
        judged = judge_pay(hourly, terms.currency)
        pay = f"{hourly} {terms.currency}{f' ({judged})' if judged else ''}" if hourly is not None else "–"
        yield (
            f"| {Country(arm.country).label} | {', '.join(arm.locales)} | {PanelName(arm.panel).label} | {reward} |"
            f" {minutes} | {pay} |"
        )


def _demographics(disclosure: Disclosure, people: People) -> Iterator[str]:
    """Count people as they are published: nobody is counted by what is withheld of them."""
    rules = {(r.country, r.locale, r.age_band, r.gender): r for r in disclosure.rules}
    small = set(disclosure.too_small)
    counts: Counter[tuple[str, str, str]] = Counter()
    for traits, n in people.by_traits.items():
        if (traits.country, traits.locale) not in small:
            counts[traits.country, *_group_as_published(traits, rules)] += n
    yield "| country | age group | gender | people |"
    yield "|---|---|---|---|"
    for (country, age, gender), n in sorted(counts.items()):
        yield f"| {Country(country).label} | {age} | {gender} | {n} |"
    yield ""
    withheld = f"{disclosure.n_withheld} people are published with {Detail.WITHHELD}"
    yield f"{withheld}; `documentation/disclosure.md` says why. {people.n_simulated} simulated respondents beside them."


def _group_as_published(traits: Traits, rules: Mapping[tuple[str, str, str, str], Any]) -> tuple[str, str]:
    rule = rules.get((traits.country, traits.locale, traits.age_band, traits.gender))
    if rule is None or not rule.shows_group:
        return "not published", "not published"
    age = str(AgeBucket(traits.age_bucket).label) if traits.age_bucket else "In none"
    return age, str(Gender(traits.gender).label)


def _translations(facts: Facts) -> Iterator[str]:
    """Count the texts of each language by how far they have come."""
    version = facts.study.version_id
    rows = Text.objects.filter(version=version).values_list("locale", "status").annotate(n=Count("pk")).order_by()
    counts = {(locale, status): n for locale, status, n in rows}
    stale = Counter(Text.objects.filter(version=version).exclude(staleness="").values_list("locale", flat=True))
    yield f"| language | {' | '.join(str(status.label) for status in TextStatus)} | stale |"
    yield f"|---|{'---|' * len(TextStatus)}---|"
    for locale in sorted({locale for locale, _status in counts}):
        cells = (str(counts.get((locale, status.value), 0)) for status in TextStatus)
        yield f"| {locale} | {' | '.join(cells)} | {stale[locale]} |"
    yield ""
    yield "A machine draft was not checked by a person. Data file `texts`: every item's texts with their status."
