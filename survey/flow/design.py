"""A participant's design from their seed and the items they were given. Pure.

Whoever has a session's seed, its items and the instrument's two settings can derive everything else anew: the order
of the items, which option stands first on each page, which question comes first, and the design cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from survey.enums import OptionOrder, Question
from survey.flow.assignment import draw_option_order, draw_question_order, item_option_orders, order_items

BY_ITEM = "by_item"  # the option order changes from item to item, half of them each way


class Settings(NamedTuple):
    """What an instrument says of orders; see ``instrument.yaml``."""

    option_order: str
    question_order: str
    questions: Sequence[str]


class Design(NamedTuple):
    """What one participant gets, page by page."""

    items: list[str]
    option_orders: list[OptionOrder]
    questions: list[Question]
    option_order: OptionOrder
    cell: str


def derive_design(items: Sequence[str], *, country: str, settings: Settings, seed: int) -> Design:
    """Derive a participant's design; the order in which ``items`` come does not matter."""
    ordered = order_items(items, seed=seed)
    option_order = draw_option_order(seed)
    questions = draw_question_order(settings.questions, setting=settings.question_order, seed=seed)
    return Design(
        items=ordered,
        option_orders=item_option_orders(ordered, setting=settings.option_order, seed=seed),
        questions=questions,
        option_order=option_order,
        cell=name_cell(country, BY_ITEM if settings.option_order == "item" else option_order, questions[0]),
    )


def name_cell(country: str, options: str, first: str) -> str:
    """Name a design cell: arm × option order × question that comes first, such as ``BR/culture_first/personal``."""
    return f"{country}/{options}/{first}"


def first_question(cell: str) -> str:
    """Read from a cell's name which question comes first; empty for a session that has no cell."""
    return cell.rpartition("/")[2]
