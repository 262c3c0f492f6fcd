"""The one survey that every system serves; its texts are those of the shipped instrument for the United States.

Consent, demographics, 24 items of two questions, debrief, end: 27 submits, of which 24 bring two answers each.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from survey.enums import AgeBand, Choice, Gender, Page
from survey.flow.wording import word_item
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED, Definition

COUNTRY, LOCALE = "US", "en-US"
BLOCKS = [Page.CONSENT, Page.DEMOGRAPHICS, Page.SCENARIO, Page.DEBRIEF]
POOLS = {"core": 6, "same": 6, "close": 6, "far": 6}
N_ITEMS = sum(POOLS.values())
N_SUBMITS = N_ITEMS + 3
END = "All your answers are stored"
CONSENT = ("consent.purpose", "consent.task", "consent.data", "consent.rights")
GROUPS = {"consent": ("consent",), "demographics": ("age_band", "gender", "country"), "item": ("personal", "norm")}


@lru_cache
def definition() -> Definition:
    """Give the shipped instrument with the pages and the number of items of the bench."""
    shipped = read_instrument(SHIPPED)
    arms = {**shipped.structure["arms"], COUNTRY: {**shipped.structure["arms"][COUNTRY], "items": POOLS}}
    structure = {**shipped.structure, "blocks": [str(page) for page in BLOCKS], "attention_checks": [], "arms": arms}
    return replace(shipped, structure=structure, content_hash="the bench's")


def make_spec() -> dict[str, Any]:
    """Give everything that is shown, as the other systems' applications read it from `spec.json`."""
    shipped = definition()
    texts = {key: entry.body for key, entry in shipped.texts[LOCALE].entries.items()}
    arm = shipped.structure["arms"][COUNTRY]
    near = {COUNTRY, *arm["close"], *arm["far"]}
    rows = [row.values for row in shipped.items if row.values["core"] == "1" or row.values["scenario_country"] in near]
    countries = [*sorted(shipped.structure["arms"]), OTHER_COUNTRY, UNDISCLOSED]
    return {
        "title": texts["title"],
        "n_items": N_ITEMS,
        "consent": page(texts, "consent", *CONSENT),
        "demographics": page(texts, "demographics", "demographics.intro"),
        "debrief": page(texts, "debrief", "debrief.purpose", "debrief.thanks"),
        "end": {"heading": "The end", "paragraphs": [END]},
        "questions": {
            "consent": question(
                "Do you want to take part?", {"yes": texts["consent.agree"], "no": texts["consent.decline"]}
            ),
            "age_band": question(texts["demographics.age"], {band: texts[f"age.{band}"] for band in AgeBand}),
            "gender": question(texts["demographics.gender"], {one: texts[f"gender.{one}"] for one in Gender}),
            "country": question(texts["demographics.country"], {one: texts[f"country.{one}"] for one in countries}),
        },
        "items": [item(texts, row["code"]) for row in rows],
    }


def page(texts: dict[str, str], name: str, *paragraphs: str) -> dict[str, Any]:
    return {"heading": texts[f"{name}.heading"], "paragraphs": [texts[key] for key in paragraphs]}


def question(legend: str, options: dict[Any, str]) -> dict[str, Any]:
    return {"legend": legend, "options": [[str(value), label] for value, label in options.items()]}


def item(texts: dict[str, str], code: str) -> dict[str, str]:
    wording = word_item(texts, code)
    return {
        "code": code,
        "scenario": wording.scenario,
        "expectation": wording.expectation,
        "preference_text": wording.preference,
        **{str(asked): legend for asked, legend in wording.questions.items()},
        **{str(choice): wording.options[choice] for choice in Choice},
    }
