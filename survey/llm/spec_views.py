"""Staff pages of models: describe one, probe it, say what it costs."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, NamedTuple

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from survey.llm.enums import Feature
from survey.llm.forms import ModelSpecForm, PriceForm
from survey.llm.models import ModelSpec, Probe
from survey.llm.probing import begin_probe
from survey.llm.queries import current_prices, current_probes, probe_target
from survey.llm.tasks import launch_probe
from survey.views.access import staff_only

STALLED_SECONDS = 900  # a probe of this age has lost its worker


class FeatureRow(NamedTuple):
    """One line of what a probe found; `works` is None where it was not found out."""

    feature: Feature
    works: bool | None
    value: Any
    note: str


@staff_only
@require_safe
def spec_list(request: HttpRequest) -> HttpResponse:
    specs = list(ModelSpec.objects.all())
    probes, prices = current_probes(specs), current_prices(specs, timezone.now().date())
    rows = [(spec, probes.get(spec.pk), prices.get(spec.pk)) for spec in specs]
    return render(request, "llm/specs.html", {"rows": rows})


@staff_only
@require_safe
def spec_page(request: HttpRequest, tag: str) -> HttpResponse:
    """Show a model: how it is called, what it can do, what it costs."""
    spec = get_object_or_404(ModelSpec, tag=tag)
    context = {"spec": spec, "price_form": PriceForm(initial={"valid_from": timezone.now().date()})}
    return render(request, "llm/spec.html", {**context, **_probe_context(spec), "prices": spec.prices.all()})


@staff_only
@require_safe
def probe_part(request: HttpRequest, tag: str) -> HttpResponse:
    """Give the part of a model's page that changes while it is probed."""
    spec = get_object_or_404(ModelSpec, tag=tag)
    context = _probe_context(spec)
    response = render(request, "llm/probe.html", {"spec": spec, **context})
    if not context["is_probing"]:
        response.headers["X-Refresh"] = "stop"
    return response


def _probe_context(spec: ModelSpec) -> dict[str, Any]:
    probe = spec.probes.first()
    is_open = probe is not None and probe.finished_at is None
    age = (timezone.now() - probe.asked_at).total_seconds() if probe else 0.0
    return {
        "probe": probe,
        "is_probing": is_open and age < STALLED_SECONDS,
        "is_stalled": is_open and age >= STALLED_SECONDS,
        "is_outdated": probe is not None and probe.target != probe_target(spec),
        "features": _feature_rows(probe) if probe and not is_open else [],
        "calls": [_readable(call) for call in probe.calls] if probe else [],
    }


def _feature_rows(probe: Probe) -> list[FeatureRow]:
    rows = []
    for feature in Feature:
        found = probe.findings.get(feature)
        rows.append(
            FeatureRow(feature, found["works"], found["value"], found["note"])
            if found
            else FeatureRow(feature, None, None, "")
        )
    return rows


def _readable(call: dict[str, Any]) -> dict[str, Any]:
    """Give a call with its bodies as text."""
    shown = dict(call)
    for name in {"request", "reply"} & set(call):
        shown[name] = json.dumps(call[name], indent=1, ensure_ascii=False)
    return shown


@staff_only
@require_POST
def spec_probe(request: HttpRequest, tag: str) -> HttpResponse:
    """Have a model probed in the background, unless that is under way."""
    spec = get_object_or_404(ModelSpec, tag=tag)
    if _probe_context(spec)["is_probing"]:
        messages.warning(request, "The model is being probed already.")
    else:
        _probe(spec)
    return redirect("llm:spec", tag)


def _probe(spec: ModelSpec) -> None:
    with transaction.atomic():
        probe = begin_probe(spec)
        transaction.on_commit(partial(launch_probe, probe.pk))


@staff_only
def spec_edit(request: HttpRequest, tag: str | None = None) -> HttpResponse:
    """Describe a new model or mend a known one; it is probed at once if that is wished."""
    spec = get_object_or_404(ModelSpec, tag=tag) if tag else None
    form = ModelSpecForm(request.POST or None, instance=spec)
    if form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved.tag} is saved.")
        if "probe" in request.POST:
            _probe(saved)
        return redirect("llm:spec", saved.tag)
    return render(request, "llm/spec_edit.html", {"form": form, "spec": spec})


@staff_only
@require_POST
def price_add(request: HttpRequest, tag: str) -> HttpResponse:
    """Add what a model costs from a day on; earlier prices stay as they were."""
    spec = get_object_or_404(ModelSpec, tag=tag)
    form = PriceForm(request.POST)
    form.instance.spec = spec
    if form.is_valid() and not spec.prices.filter(valid_from=form.cleaned_data["valid_from"]).exists():
        form.save()
        messages.success(request, "The price is added.")
        return redirect("llm:spec", tag)
    if form.is_valid():
        form.add_error("valid_from", "There is a price from this day on already.")
    context = {"spec": spec, "price_form": form, **_probe_context(spec), "prices": spec.prices.all()}
    return render(request, "llm/spec.html", context, status=400)
