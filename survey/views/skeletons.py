"""Pages, rendered once for all who are shown the same form; what is an item's or a session's own is filled in.

Rendering a template takes longer than everything else of a request together. A page differs by language, by what the
study says around it, an item's by the order of its options and questions as well: a few dozen forms in all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from html import escape
from threading import Lock
from typing import NamedTuple

from survey.enums import Choice, Question
from survey.flow.wording import Shown, Wording
from survey.pages import ScenarioPage, Turn
from survey.pages.scenario import heading_pattern
from survey.queries import item_wording

MOST = 512  # pages of about 2.5 kB


def slot(name: str) -> str:
    """Give what stands in a skeleton for a value; it is valid in an address."""
    return f"slot-for-{name}-here"


SLOT = re.compile(slot("([a-z_]+)"))
WORDS = Wording(
    scenario=slot("scenario"),
    expectation=slot("expectation"),
    preference=slot("preference"),
    questions={question: slot(f"question_{question}") for question in Question},
    options={choice: slot(f"option_{choice}") for choice in Choice},
)


class SkeletonPage(ScenarioPage):
    """An item's page with slots for the item's words and the heading."""

    def wording(self, turn: Turn) -> Wording:
        return WORDS

    def heading(self, turn: Turn) -> str:
        return slot("heading")


class Skeleton(NamedTuple):
    """A page cut at its slots: text and slots' names in turns; and the translated pattern of its heading."""

    parts: Sequence[str]
    heading: str

    @classmethod
    def cut(cls, html: str) -> Skeleton:
        """Cut a page that was rendered just now, in the language of the moment."""
        return cls(tuple(SLOT.split(html)), escape(heading_pattern()))

    def fill(self, values: Mapping[str, str]) -> str:
        """Put in the values, which are HTML."""
        parts = list(self.parts)
        parts[1::2] = [values[name] for name in parts[1::2]]
        return "".join(parts)


_kept: dict[Hashable, Skeleton] = {}
_lock = Lock()


def skeleton(key: Hashable, draw: Callable[[], Skeleton]) -> Skeleton:
    """Give the skeleton that is known under a key, drawn when it is asked for first."""
    known = _kept.get(key)
    if known is None:
        known = draw()
        with _lock:
            if len(_kept) >= MOST:
                _kept.clear()
            _kept[key] = known
    return known


@lru_cache(maxsize=4096)
def words(shown: Shown) -> Mapping[str, str]:
    """Give an item's words as HTML, by slot."""
    wording = item_wording(shown.version_id, shown.locale, shown.item)
    texts = {"scenario": wording.scenario, "expectation": wording.expectation, "preference": wording.preference}
    texts |= {f"question_{question}": text for question, text in wording.questions.items()}
    texts |= {f"option_{choice}": text for choice, text in wording.options.items()}
    return {name: escape(text) for name, text in texts.items()}
