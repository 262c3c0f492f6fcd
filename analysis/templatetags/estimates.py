"""Numbers with their intervals, as pages write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.timesince import timesince

from analysis.stats.additive import Estimate

register = template.Library()
MISSING = "–"


@register.filter
def item(mapping: Mapping[str, Any], key: str) -> Any:
    """Look a key up."""
    return mapping.get(key, "")


@register.filter
def ago(moment: datetime | None) -> str:
    """Say how long ago something was."""
    if moment is None:
        return MISSING
    told = timesince(moment)
    return "just now" if told.startswith("0") else f"{told} ago"


@register.filter
def percent(value: float | str | None) -> str:
    return MISSING if not isinstance(value, float) else f"{100 * value:.0f}%"


@register.filter
def points(value: float | str | None) -> str:
    return MISSING if not isinstance(value, float) else f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


@register.filter
def number(value: float | None) -> str:
    return MISSING if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


@register.filter
def percent_ci(one: Estimate) -> str:
    return _with_interval(one, lambda value: f"{100 * value:.1f}", "%")


@register.filter
def points_ci(one: Estimate) -> str:
    return _with_interval(one, lambda value: f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−"), "")


@register.filter
def number_ci(one: Estimate) -> str:
    return _with_interval(one, number, "")


def _with_interval(one: Estimate, write: Any, unit: str) -> str:
    if one.estimate is None:
        return f"{MISSING} ({one.reason})"
    if one.low is None or one.high is None:
        return f"{write(one.estimate)}{unit} ({one.reason})"
    return f"{write(one.estimate)}{unit} [{write(one.low)}, {write(one.high)}]"
