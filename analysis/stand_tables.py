"""The numbers behind each of the dashboard's charts as rows for a CSV file, their header first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analysis.item_health import read_item_health
from analysis.stand import StudyStand
from survey.enums import Country

Rows = list[list[Any]]


def recruitment_rows(stand: StudyStand) -> Rows:
    rows: Rows = [["country", "cell", "n_complete", "n_live", "target", "is_open"]]
    for country in stand.work.countries:
        rows += [[str(country.country), f.label, f.n_complete, f.n_live, f.target, f.is_open] for f in country.fills]
    return rows


def funnel_rows(stand: StudyStand) -> Rows:
    header = ["step", "n_sessions", "percent_of_landed", "n_before", "percent_of_before"]
    return [header, *([s.name, s.n, _two(s.percent), s.n_before, _two(s.percent_of_before)] for s in stand.funnel)]


def page_rows(stand: StudyStand) -> Rows:
    header = ["page", "n_reached", "n_stopped", "n_live", "percent_stopped"]
    return [header, *([*stop, _two(stop.percent_stopped)] for stop in stand.work.page_stops)]


def dropout_rows(stand: StudyStand) -> Rows:
    rows: Rows = [["by", "group", "n_not_finished", "n_over", "percent"]]
    for by, groups in (("country", stand.work.dropouts_by_country), ("locale", stand.work.dropouts_by_locale)):
        rows += [[by, one.key, one.n_stopped, one.n, _two(one.percent)] for one in groups]
    return rows


def day_rows(stand: StudyStand) -> Rows:
    return [["day", "n_complete"], *([day.isoformat(), n] for day, n in stand.days)]


def time_rows(stand: StudyStand) -> Rows:
    rows: Rows = [["country", "n_complete", "minutes_p10", "minutes_median", "minutes_p90"]]
    for line in stand.spending.lines:
        rows.append([str(line.country), *(line.times or (0, None, None, None))])
    return rows


def money_rows(stand: StudyStand) -> Rows:
    header = [
        "country", "panel", "currency", "reward", "n_timed", "is_time_by_panel", "hourly_pay", "floor", "n_approved",
        "n_awaiting_review", "spent", "committed", "budget",
    ]  # fmt: skip
    return [
        header,
        *(
            [
                str(line.country), line.totals.panel, line.totals.currency, line.reward, line.n_timed,
                bool(line.n_by_panel), line.totals.hourly, line.floor, line.n_paid, line.totals.n_waiting,
                line.totals.spent, line.totals.committed, line.totals.budget,
            ]
            for line in stand.spending.lines
        ),
    ]  # fmt: skip


def flag_rows(stand: StudyStand) -> Rows:
    header = ["flag", "measures", "raised", "n_flagged", "n_complete", "percent", "is_exclusion"]
    return [
        header,
        *([f.name, f.label, f.limit, *f.share, _two(f.share.percent), f.is_exclusion] for f in stand.flags),
    ]


def run_rows(stand: StudyStand) -> Rows:
    header = ["run", "state", "n_cells", "n_ended", "n_unread", "n_errors", "currency", "spent", "budget"]
    return [
        header,
        *(
            [one.run.pk, one.run.state, one.n_cells, one.n_ended, one.n_unread, one.n_errors, one.run.currency,
             one.run.spent, one.run.budget]
            for one in stand.runs.shown
        ),
    ]  # fmt: skip


def item_rows(stand: StudyStand) -> Rows:
    countries = [Country(arm.country) for arm in stand.whole.arms]
    health = read_item_health(stand.study, countries)
    return [["item_code", *(f"n_{country.value.lower()}" for country in countries)], *health.table]


def outcome_rows(stand: StudyStand) -> Rows:
    """Give the outcomes so far; none while the study hides them."""
    header = ["country", "question", "is_simulated", "n", "n_items", "rate", "alpha"]
    is_simulated = stand.are_outcomes_simulated
    return [
        header,
        *([str(o.country), str(o.question), is_simulated, o.n, o.n_items, o.rate, o.alpha] for o in stand.outcomes),
    ]


TABLES: Mapping[str, Callable[[StudyStand], Rows]] = {
    "recruitment": recruitment_rows,
    "funnel": funnel_rows,
    "pages": page_rows,
    "dropout": dropout_rows,
    "days": day_rows,
    "times": time_rows,
    "money": money_rows,
    "flags": flag_rows,
    "runs": run_rows,
    "items": item_rows,
    "outcomes": outcome_rows,
}


def _two(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
