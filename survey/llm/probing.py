"""Begin a probe, run it in the background, keep what it found."""

from __future__ import annotations

from django.db.models.functions import Now

from survey.llm.models import ModelSpec, Probe
from survey.llm.probe import probe_model
from survey.llm.providers.contract import EndpointRefused
from survey.llm.queries import probe_target


def begin_probe(spec: ModelSpec) -> Probe:
    """Note that a model is to be probed as it is described now."""
    return Probe.objects.create(spec=spec, target=probe_target(spec))


def run_probe(probe: Probe) -> None:
    """Call the model and keep what was found, or why nothing could be; a second run of the same probe does nothing."""
    if probe.finished_at is not None:
        return
    try:
        result = probe_model(probe.spec)
    except EndpointRefused as error:
        probe.error = error.message
    else:
        probe.findings = {feature.value: finding._asdict() for feature, finding in result.findings.items()}
        probe.calls = result.calls
    Probe.objects.filter(pk=probe.pk, finished_at=None).update(
        findings=probe.findings, calls=probe.calls, error=probe.error, finished_at=Now()
    )
