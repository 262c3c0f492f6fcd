"""Pages to watch the fieldwork by: how even the assignment is, how the sessions were answered. No outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from analysis import balance, quality
from analysis.balance import ArmBalance, Balance, Check, PoolBalance
from analysis.export.table_csv import csv_response
from analysis.figures import Histogram, histogram
from analysis.quality import Quality
from survey.models import Participant, Study
from survey.views.access import find_study, staff_only

Rows = Iterator[list[Any]]
BALANCE_TABLES: Mapping[str, Callable[[Balance], Rows]] = {"items": balance.item_rows, "tests": balance.check_rows}
QUALITY_TABLES: Mapping[str, Callable[[Quality], Rows]] = {
    "flags": quality.flag_rows,
    "checks": quality.check_rows,
    "exclusions": quality.exclusion_rows,
    "times": quality.time_rows,
}


class PoolLine(NamedTuple):
    pool: PoolBalance
    reading: str
    strip: Histogram


class OrderLine(NamedTuple):
    check: Check
    reading: str


class ArmCard(NamedTuple):
    arm: ArmBalance
    pools: Sequence[PoolLine]
    orders: Sequence[OrderLine]


@staff_only
def balance_page(request: HttpRequest, code: str) -> HttpResponse:
    study = find_study(code)
    stand = Balance(study, include_simulated=wants_simulated(request))
    context = {"stand": stand, "cards": [card_of(stand, arm) for arm in stand.arms], **frame(request, study)}
    return render(request, "analysis/balance.html", context)


@staff_only
def balance_csv(request: HttpRequest, code: str, name: str) -> HttpResponse:
    stand = Balance(find_study(code), include_simulated=wants_simulated(request))
    if name not in BALANCE_TABLES:
        raise Http404
    header, *rows = BALANCE_TABLES[name](stand)
    return csv_response(f"{code}_balance_{name}.csv", header, rows)


@staff_only
def quality_page(request: HttpRequest, code: str) -> HttpResponse:
    study = find_study(code)
    stand = Quality(study, include_simulated=wants_simulated(request))
    return render(request, "analysis/quality.html", {"stand": stand, **frame(request, study)})


@staff_only
def quality_csv(request: HttpRequest, code: str, name: str) -> HttpResponse:
    stand = Quality(find_study(code), include_simulated=wants_simulated(request))
    if name not in QUALITY_TABLES:
        raise Http404
    header, *rows = QUALITY_TABLES[name](stand)
    return csv_response(f"{code}_quality_{name}.csv", header, rows)


def wants_simulated(request: HttpRequest) -> bool:
    return request.GET.get("data") != "real"


def frame(request: HttpRequest, study: Study) -> dict[str, Any]:
    """Give what both pages say of the data they show."""
    is_all = wants_simulated(request)
    return {
        "study": study,
        "is_all": is_all,
        "query": "" if is_all else "?data=real",
        "has_simulated": Participant.objects.filter(study=study, is_simulated=True).exists(),
    }


def card_of(stand: Balance, arm: ArmBalance) -> ArmCard:
    pools = [
        PoolLine(
            pool,
            stand.reading(pool.test),
            histogram(
                f"strip-{arm.country}-{pool.pool}",
                f"{arm.country.label}, {pool.pool}: items by how often they were given out",
                [load.n for load in pool.loads],
            ),
        )
        for pool in arm.pools
    ]
    return ArmCard(arm, pools, [OrderLine(check, stand.reading_of_order(check.test)) for check in arm.orders])
