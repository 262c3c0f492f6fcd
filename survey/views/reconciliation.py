"""Staff page: a panel's visits beside our sessions, and what may be done about them at the panel.

Every act is asked for once more on a page that lists what will happen to whom. Personal identifiers stand on these
pages alone: they are not cached, and no address and no log line holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from survey.domain.acts import resolve_unconfirmed
from survey.domain.fixes import (
    LONGEST_ADDITION,
    MOST_AT_ONCE,
    MOST_BONUS,
    BadWish,
    Wish,
    clean_pks,
    has_api,
    order,
    preview,
)
from survey.domain.panel_totals import add_up_arms, add_up_money, count_discrepancies, count_soon_approved
from survey.domain.panels import refresh as ask_panel
from survey.domain.visits import ANY, CLEAN, Choice, Row, panel_arms, read_rows, with_details
from survey.enums import ActState, Country, Discrepancy, PanelVerb, SubmissionStatus
from survey.flow.reconciling import APPROVED_BY_ITSELF_DAYS, SOON_DAYS
from survey.models import PanelAct, Study
from survey.panels.submission_files import COLUMNS, FIELDS
from survey.panels.terms import faulty_settings
from survey.views.access import study_page
from survey.views.csv_lines import write_parts
from survey.views.downloads import as_download
from survey.views.framing import SeeOther

ROWS_A_PAGE = 50
EFFECTS: dict[PanelVerb, str] = {
    PanelVerb.APPROVE: "The panel pays them. That cannot be taken back.",
    PanelVerb.COMPLETE: "The panel counts them as complete, as if they had entered the code.",
    PanelVerb.REQUEST_RETURN: "The panel asks them, in these words, to return their submission. They may decline.",
    PanelVerb.BONUS: "The panel pays them the amount besides the reward. That cannot be taken back.",
}
CSV_COLUMNS = (
    "country", "panel", "person", "submission", "session_status", "outcome", "panel_status", "came_at_utc",
    "our_minutes", "panel_minutes", "answered", "expected", "attention_failed", "comprehension_wrong", "quota_cell",
    "lease", "code_issued", "code_used", "signature", "bonus_due", "bonus_paid", "acts", "discrepancies",
)  # fmt: skip


@study_page
@require_safe
def page(request: HttpRequest, study: Study) -> HttpResponse:
    """Show totals, what does not agree, and every visit of the filter."""
    choice = read_choice(request.GET)
    arms, rows = panel_arms(study), read_rows(study)
    chosen = [row for row in rows if choice.takes(row)]
    shown = Paginator(chosen, ROWS_A_PAGE).get_page(request.GET.get("page"))
    totals = add_up_arms(arms, rows)
    context = {
        "study": study,
        "arms": arms,
        "has_api": any(has_api(arm) for arm in arms),
        "has_upload_only": any(not has_api(arm) for arm in arms),
        "faulty": [(Country(arm.country).label, names) for arm in arms if (names := faulty_settings(arm))],
        "has_rows": bool(rows),
        "n_rows": len(chosen),
        "lines": with_details(list(shown.object_list)),
        "page": shown,
        "choice": choice,
        "choice_fields": drop_empty(choice).items(),
        "query": urlencode(drop_empty(choice)),
        "totals": totals,
        "money": add_up_money(totals),
        "counts": count_discrepancies(rows),
        "n_discrepant": sum(bool(row.advices) for row in rows),
        "n_clean": len(clean_pks(rows)),
        "n_soon": count_soon_approved(rows),
        "soon_days": SOON_DAYS,
        "limit_days": APPROVED_BY_ITSELF_DAYS,
        "unsure": [(row, act) for row in rows for act in row.acts if act.state == ActState.UNCONFIRMED],
        "failed": [(row, act) for row in rows for act in row.acts if act.state == ActState.FAILED],
        "discrepancies": Discrepancy.choices,
        "statuses": SubmissionStatus.choices,
        "verbs": PanelVerb,
        "presets": [panel for panel in COLUMNS if panel in {arm.panel for arm in arms}],
        "fields": FIELDS,
    }
    return render(request, "study/reconciliation.html", context)


def read_choice(params: Mapping[str, str]) -> Choice:
    """Read a filter; what is none of the known values counts as not chosen."""
    country, found, status = (params.get(name, "") for name in Choice._fields)
    return Choice(
        country if country in Country.values else "",
        found if found in (*Discrepancy.values, ANY, CLEAN) else "",
        status if status in SubmissionStatus.values else "",
    )


def drop_empty(choice: Choice) -> dict[str, str]:
    return {name: value for name, value in choice._asdict().items() if value}


@study_page
@require_POST
def confirm(request: HttpRequest, study: Study) -> HttpResponse:
    """Show what would be done to whom, before anything is."""
    verb = read_verb(request.POST)
    pks = read_chosen(request, study)
    if not pks:
        messages.warning(request, "No visit was chosen.")
        return back_to(study, request.POST)
    planned = preview(study, Wish(verb, addition=request.POST.get("addition", "")[:LONGEST_ADDITION]), pks)
    n_chosen, planned = len(planned), planned[:MOST_AT_ONCE]
    doable = [one for one in planned if not one.obstacle]
    rewards = {(one.row.terms.reward, one.row.terms.currency) for one in doable}
    context = {
        "study": study,
        "verb": verb,
        "effect": EFFECTS[verb],
        "n_chosen": n_chosen,
        "n_later": n_chosen - len(planned),
        "doable": doable,
        "left_out": [one for one in planned if one.obstacle],
        "rows": ",".join(str(one.row.submission_pk) for one in doable),
        "choice_fields": drop_empty(read_choice(request.POST)).items(),
        "reward": rewards.pop() if len(rewards) == 1 else None,
        "is_owed_to_all": all(one.row.is_owed for one in doable),
        "is_bonus": verb == PanelVerb.BONUS,
        "is_request": verb == PanelVerb.REQUEST_RETURN,
        "longest_addition": LONGEST_ADDITION,
        "most_bonus": MOST_BONUS,
    }
    return render(request, "study/reconciliation_confirm.html", context)


def read_verb(params: Mapping[str, str]) -> PanelVerb:
    if params.get("verb") not in PanelVerb.values:
        raise Http404
    return PanelVerb(params["verb"])


def read_chosen(request: HttpRequest, study: Study) -> set[int]:
    """Read which visits are meant: those ticked, or all of the filter."""
    if request.POST.get("all"):
        choice = read_choice(request.POST)
        return {row.submission_pk for row in read_rows(study) if row.submission_pk and choice.takes(row)}
    return {int(value) for value in request.POST.getlist("row") if value.isascii() and value.isdecimal()}


@study_page
@require_POST
def act(request: HttpRequest, study: Study) -> HttpResponse:
    """Write down what was confirmed; asked for twice, it is written down once."""
    verb = read_verb(request.POST)
    pks = {int(value) for value in request.POST.get("rows", "").split(",") if value.isascii() and value.isdecimal()}
    wish = Wish(verb, read_amount(request.POST.get("amount", "")), request.POST.get("addition", ""))
    try:
        n = order(study, wish, pks, by=request.user)  # type: ignore[arg-type]  # staff are logged in
    except BadWish as error:
        messages.error(request, f"Nothing was done: {error}.")
        return back_to(study, request.POST)
    if n:
        messages.success(request, f"{verb.label}: {n} written down, to be done at the panel.")
    else:
        messages.info(request, "Nothing new: all of it was asked for before, or may no longer be done.")
    return back_to(study, request.POST)


def read_amount(value: str) -> Decimal | None:
    try:
        amount = Decimal(value.strip())
    except InvalidOperation:
        return None
    return amount.quantize(Decimal("0.01")) if amount.is_finite() and abs(amount) < 10_000 else None


@study_page
@require_POST
def refresh(request: HttpRequest, study: Study) -> HttpResponse:
    """Ask the panels for their lists now; the first that cannot be asked ends it."""
    for arm in panel_arms(study):
        if not has_api(arm):
            continue
        found = ask_panel(arm)
        name = Country(found.country).label
        if found.error:
            messages.error(request, f"{name}: {found.error}.")
            break
        messages.success(request, f"{name}: {found.n} submission(s) read.")
    return back_to(study, request.POST)


@study_page
@require_POST
def resolve(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    """Take a person's word for whether an act was done of which the panel's answer never came."""
    found = get_object_or_404(PanelAct, pk=pk, study=study)
    if request.POST.get("done") not in ("yes", "no"):
        raise Http404
    is_done = request.POST["done"] == "yes"
    if resolve_unconfirmed(found, is_done=is_done, by=request.user):  # type: ignore[arg-type]  # staff are logged in
        messages.success(request, "Noted as done." if is_done else "It is sent once more.")
    else:
        messages.info(request, "Somebody has settled it already.")
    return back_to(study, request.POST)


@study_page
@require_safe
def rows_csv(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Give the rows of the filter as a file, with identifiers and without answers."""
    choice = read_choice(request.GET)
    rows = with_details([row for row in read_rows(study) if choice.takes(row)])
    return as_download(write_parts([CSV_COLUMNS, *map(csv_row, rows)]), f"{study.code}_reconciliation.csv")


def csv_row(row: Row) -> list[Any]:
    visit = row.visit
    return [
        row.arm.country, row.arm.panel, row.person, row.submission, row.status, visit.outcome, visit.panel_status,
        row.came_at.strftime("%Y-%m-%dT%H:%M:%SZ") if row.came_at else "",
        minutes(row.our_seconds), minutes(row.panel_seconds), *row.details, row.cell, row.lease,
        row.code_issued, row.code_used, visit.signature, row.bonus_due, row.bonus_paid,
        "; ".join(f"{one.verb} {one.state}" for one in row.acts),
        "; ".join(advice.discrepancy for advice in row.advices),
    ]  # fmt: skip


def minutes(seconds: int | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 2)


def back_to(study: Study, params: Mapping[str, str]) -> HttpResponse:
    """Lead back to the list under the filter that the request came from."""
    query = urlencode(drop_empty(read_choice(params)))
    return SeeOther(reverse("survey:reconciliation", args=[study.code]) + (f"?{query}" if query else ""))
