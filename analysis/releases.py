"""Every write of releases, one verb a function; a release that is done is never made anew or changed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from analysis.code_version import code_version
from analysis.extract import read_snapshot_hash
from analysis.models import AnalysisRun, Release
from analysis.release.build import Built, ReleaseRefused, build
from analysis.release.choices import Choices, read_number
from analysis.release.results import why_unfit
from analysis.release.validation import Finding, validate
from survey.models import Study

State = Release.State
UNFINISHED = (State.QUEUED, State.RUNNING)
SILENT_FOR = timedelta(seconds=60)
MAX_STARTS = 3
PARTIAL = ".partial"


class ReleaseExists(ValueError):
    """The number is taken, by other choices."""


class NotValid(ValueError):
    """What was written does not pass its own checks."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(map(str, findings[:5])))
        self.findings = findings


@transaction.atomic
def request_release(study: Study, number: str, choices: Choices, *, by: str = "") -> Release:
    """Queue a release, or give the one with the same number and choices. A failed one may be asked for again."""
    if Study.objects.select_for_update().get(pk=study.pk).is_imported:
        raise ReleaseRefused("imported data are released by whoever collected them")
    release = Release.objects.filter(study=study, number=read_number(number)).first()
    if release is None:
        secret = secrets.token_hex(32)
        return Release.objects.create(study=study, number=number, choices=choices.as_json(), secret=secret, by=by)
    if release.state == State.FAILED:
        Release.objects.filter(pk=release.pk, state=State.FAILED).update(
            state=State.QUEUED, choices=choices.as_json(), by=by, error="", step="", n_starts=0
        )
        release.refresh_from_db()
    elif release.choices != choices.as_json():
        raise ReleaseExists(f"{release} was asked for with other choices: a release is never overwritten")
    return release


def find_analysis(study: Study, choices: Choices) -> AnalysisRun | None:
    """Find the newest analysis that goes with a release of the data as they are."""
    snapshot_hash = read_snapshot_hash(study)
    runs = AnalysisRun.objects.filter(study=study, state=AnalysisRun.State.DONE, snapshot_hash=snapshot_hash)
    return next((run for run in runs.order_by("-pk") if not why_unfit(run, choices, snapshot_hash, 0)), None)


def begin(release_id: int) -> Release | None:
    """Take a queued release; None when somebody else did or it is over."""
    taken = Release.objects.filter(pk=release_id, state=State.QUEUED).update(
        state=State.RUNNING, heartbeat_at=Now(), n_starts=F("n_starts") + 1, code_version=code_version()
    )
    return Release.objects.select_related("study").get(pk=release_id) if taken else None


class Progress:
    """What a release is at. It is noted where everything is read as of one moment, and nothing can be written; it is
    written from another thread.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self.step = ""

    def note(self, step: str) -> None:
        self.step = step

    def write(self) -> None:
        _ours(self.release).update(step=self.step[:60], heartbeat_at=Now())


def make(release: Release, out: Path, on_step: Callable[[str], None]) -> Built:
    """Write a release beside its place, check it, and move it there; what fails leaves nothing behind."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseRefused(f"{out} is not empty: a release is never written over anything")
    partial = out.with_name(f"{out.name}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        built = build(release, partial, on_step)
        if release.checksum and release.checksum != built.checksum:
            raise ReleaseRefused(
                f"the files differ from those of {release}, which {release.code_version} made; this is {code_version()}"
            )
        on_step("Checking what was written")
        if findings := validate(partial):
            raise NotValid(findings)
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return built


def finish(release: Release, built: Built) -> bool:
    """Record what was made, unless the release was given to somebody else meanwhile."""
    return bool(
        _ours(release).update(
            state=State.DONE,
            step="",
            snapshot_hash=built.snapshot_hash,
            checksum=built.checksum,
            report=built.report,
            finished_at=Now(),
        )
    )


def fail(release: Release, reason: str) -> bool:
    return bool(_ours(release).update(state=State.FAILED, error=reason, step="", finished_at=Now()))


def requeue_silent() -> None:
    """Queue releases again whose workers died; give up those that keep killing them."""
    silent = Release.objects.filter(state=State.RUNNING, heartbeat_at__lt=Now() - SILENT_FOR)
    silent.filter(n_starts__gte=MAX_STARTS).update(
        state=State.FAILED, error=f"{MAX_STARTS} workers died while they made this.", finished_at=Now()
    )
    silent.update(state=State.QUEUED, step="")


def _ours(release: Release) -> QuerySet[Release]:
    """Narrow to the row as long as the start that we made is its latest one."""
    return Release.objects.filter(pk=release.pk, state=State.RUNNING, n_starts=release.n_starts)
