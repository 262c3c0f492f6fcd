"""Paradata page by page: how each page was used, as far as the browser told."""

from analysis.columns import RESPONDENT, STUDY, Column, Table
from survey.enums import Page, Viewport

NOT_A_SCENARIO = "the page shows no item"
UNTOLD = "the browser did not tell"
KIND_SQL = "session.plan -> event.position::int ->> 'kind'"
ITEM_SQL = "session.plan -> event.position::int ->> 'item'"
AWAY_SQL = "sum(greatest(event.next_ms - event.at_ms, 0)) FILTER"


def _count(name: str, kind: str, label: str) -> Column:
    return Column(name, "integer", f"count(*) FILTER (WHERE event.kind = '{kind}')", label)


PAGES = Table(
    "pages",
    "One row per respondent and page of which the browser told something; a description, never evidence",
    ("respondent_id", "page_number"),
    (
        *STUDY,
        *RESPONDENT,
        Column("page_number", "integer", "event.position + 1", "Place of the page in the session, from 1"),
        Column("page_kind", "code", KIND_SQL, "Kind of the page", tuple(Page.values)),
        Column("item_code", "code", ITEM_SQL, "Code of the item shown", (), NOT_A_SCENARIO),
        Column(
            "viewport",
            "code",
            "max(event.detail) FILTER (WHERE event.kind = 'page_shown')",
            "Width of the window, in three classes",
            tuple(Viewport.values),
            UNTOLD,
        ),
        Column(
            "first_interaction_ms",
            "integer",
            "min(event.at_ms) FILTER (WHERE event.kind = 'first_interaction')",
            "From showing the page to the first touch, by the browser's clock",
            (),
            UNTOLD,
        ),
        _count("n_answer_changes", "answer_change", "Times an answer was chosen or changed"),
        _count("n_hidden", "hidden", "Times the page was turned away from"),
        Column(
            "hidden_ms",
            "integer",
            f"{AWAY_SQL} (WHERE event.kind = 'hidden' AND event.next_kind = 'visible')",
            "Time turned away from the page, where its end was told",
            (),
            "never turned away, or the end was not told",
        ),
    ),
)
