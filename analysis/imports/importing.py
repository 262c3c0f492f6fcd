"""Every write of imports, one verb a function: all rows or none, in one transaction; removed as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from analysis.group_counts import count_import
from analysis.imports import storing
from analysis.imports.faults import BadImport, Faults
from analysis.imports.judgments import NAMES
from analysis.imports.mapping import ColumnMap
from analysis.imports.sources import Source
from analysis.models import AnalysisRun, Import
from survey.domain.audit import record
from survey.enums import AgeBand, Locale, Question, StudyState, TextStatus
from survey.models import Arm, Instrument, InstrumentVersion, Item, Study, Text

State = Import.State
UNFINISHED = (State.QUEUED, State.RUNNING)
SILENT_FOR = timedelta(minutes=2)
MAX_STARTS = 3
CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
YOUNGER = (AgeBand.A18_24, AgeBand.A25_34, AgeBand.A35_44)
OLDER = (AgeBand.A45_54, AgeBand.A55_64, AgeBand.A65)


class NothingStored(Exception):
    """Rolls a dry run back."""


class CodeTaken(ValueError):
    """Another study has this code, or it is none."""


class NotImported(ValueError):
    """The study is one of the site's own: it is not removed."""


def find_same(identity: str) -> Import | None:
    """Find the import of the very same data."""
    return Import.objects.filter(identity=identity, study__isnull=False).select_related("study").first()


def hand_in(kind: str, name: str, *, stored_as: str, mapping: Mapping[str, Any], by: str) -> Import:
    """Note that a file was handed in; nothing is read yet."""
    return Import.objects.create(kind=kind, name=name[:200], stored_as=stored_as, mapping=mapping, by=by)


def request(handed: Import, *, code: str, title: str, mapping: ColumnMap, is_dry: bool, by: str) -> bool:
    """Queue an import, or a look at it; False when it is under way or over."""
    refuse_code(code)
    chosen = {"code": code, "title": title[:200], "mapping": mapping.as_json(), "is_dry": is_dry, "by": by}
    waiting = Import.objects.filter(pk=handed.pk).exclude(state__in=(*UNFINISHED, State.DONE))
    return bool(waiting.update(state=State.QUEUED, step="", faults=[], n_faults=0, report={}, n_starts=0, **chosen))


def refuse_code(code: str) -> None:
    """Refuse a code that is none or that another study has."""
    if not CODE.fullmatch(code):
        raise CodeTaken(f"{code!r} is no code: small letters, digits and hyphens")
    if Study.objects.filter(code=code).exists():
        raise CodeTaken(f"there is a study {code!r} already: choose another code")


def begin(import_id: int) -> Import | None:
    """Take a queued import; None when somebody else did or it is over."""
    taken = Import.objects.filter(pk=import_id, state=State.QUEUED).update(
        state=State.RUNNING, heartbeat_at=Now(), n_starts=F("n_starts") + 1
    )
    return Import.objects.get(pk=import_id) if taken else None


def note(handed: Import, step: str) -> None:
    _ours(handed).update(step=step[:60], heartbeat_at=Now())


def finish(
    handed: Import, state: State, *, faults: Faults | None = None, report: Mapping[str, Any] | None = None
) -> None:
    """Note how an import ended."""
    kept = [list(fault) for fault in faults or ()]
    n_faults = faults.n if faults else 0
    _ours(handed).update(state=state, step="", faults=kept, n_faults=n_faults, report=report or {}, finished_at=Now())


def requeue_silent() -> None:
    """Queue imports again whose workers died; give up those that keep killing them."""
    silent = Import.objects.filter(state=State.RUNNING, heartbeat_at__lt=Now() - SILENT_FOR)
    silent.filter(n_starts__gte=MAX_STARTS).update(
        state=State.FAILED, report={"error": f"{MAX_STARTS} workers died while they imported this."}
    )
    silent.update(state=State.QUEUED, step="")


def store(
    source: Source, *, code: str, title: str, by: str, is_dry: bool, handed: Import | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> tuple[Study | None, dict[str, Any]]:  # fmt: skip
    """Import data as a study of their own, or only look at them. `BadImport` lists all faults; nothing is stored."""
    refuse_code(code)
    identity = source.identity
    same = find_same(identity)
    if same is not None:
        return same.study, {**same.report, "is_known": True}
    report: dict[str, Any] = {}
    try:
        with transaction.atomic():
            on_step("Reading and checking the rows")
            study = _create_study(source, code, title, identity)
            report |= _fill(source, study, on_step)
            if is_dry:
                raise NothingStored
            imported = handed or Import(kind=source.kind, name=source.path.name[:200], by=by)
            imported.study, imported.identity, imported.code, imported.title = study, identity, code, study.title
            imported.report = report
            if handed is None:
                imported.state, imported.is_dry, imported.finished_at = State.DONE, False, timezone.now()
                imported.save()
            else:
                imported.save(update_fields=["study", "identity", "code", "title", "report"])
            record(
                by, "import", {"study": code}, {"name": imported.name, "identity": identity, "n_rows": report["n_rows"]}
            )
    except NothingStored:
        return None, report
    return study, report


def _create_study(source: Source, code: str, title: str, identity: str) -> Study:
    about = source.about()
    instrument, _ = Instrument.objects.get_or_create(code=f"imported-{code}"[:50])
    structure = {
        "code": instrument.code, "source_locale": Locale.EN_US.value, "questions": list(Question.values), "blocks": [],
        "option_order": "participant", "question_order": "fixed", "attention_checks": [], "exclusions": [], "flags": {},
        "fluencies": [], "arms": {},
        "age_buckets": {**dict.fromkeys(YOUNGER, "younger"), **dict.fromkeys(OLDER, "older")},
    }  # fmt: skip
    version = InstrumentVersion.objects.create(
        instrument=instrument, number=instrument.versions.count() + 1, content_hash=identity, structure=structure
    )
    return Study.objects.create(
        code=code, title=(title or about.get("title") or source.path.name)[:200], version=version
    )


def _seal(study: Study) -> None:
    """Close the study for good: from now on the database refuses changes of its items, and nobody can enter it."""
    study.state, study.is_imported = StudyState.CLOSED, True
    study.launched_at = study.unblinded_at = timezone.now()
    study.save(update_fields=["state", "is_imported", "launched_at", "unblinded_at"])


def _fill(source: Source, study: Study, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Store the rows and what follows from them; `BadImport` if any is at fault."""
    faults = source.faults
    n_rows = storing.copy_rows(study, source.rows(study.code, str(study.version)))
    faults = source.faults
    if not faults:
        on_step("Looking for answers given twice")
        storing.find_repeated(study, *source.answers_of, faults)
    if not faults and not n_rows.get("long") and not n_rows.get("completions"):
        file, _ = source.answers_of
        faults.add(file, 0, "", None, "holds no answer", "Hand in a file with answers of people or models")
    if faults:
        raise BadImport(faults)
    if source.seen.n_partial:
        storing.gather_halves(study)
    on_step("Counting")
    _add_items(study, source)
    count_import(study)
    _seal(study)
    return {
        **source.about(),
        "n_rows": n_rows,
        "n_respondents": storing.count_respondents(study),
        "n_items": Item.objects.filter(version=study.version_id).count(),
        "countries": list(study.arms.order_by("country").values_list("country", flat=True)),
        "n_unread": source.seen.n_unread,
        "unread": source.seen.unread,
        "n_silent": source.seen.n_silent,
    }


def _add_items(study: Study, source: Source) -> None:
    """Make the items with their texts, and an arm per country of respondents."""
    version = study.version
    items = [
        Item(version=version, code=one.pop("item_code"), source_note="imported", **one)
        for one in storing.items_of(study)
    ]
    Item.objects.bulk_create(items)
    texts = storing.texts_of(study) or [
        (item, Locale.EN_US.value, TextStatus.MACHINE_DRAFT.value, "scenario", text)
        for item, text in sorted(source.seen.texts.items())
    ]
    newest = {(item, locale, part): (status, body) for item, locale, status, part, body in texts}
    Text.objects.bulk_create(
        Text(version=version, locale=locale, key=f"items.{item}.{part}", body=body, status=status)
        for (item, locale, part), (status, body) in newest.items()
    )
    arms = storing.arms_of(study)
    Arm.objects.bulk_create(Arm(study=study, country=country, locales=locales) for country, locales in arms.items())
    spoken = sorted({locale for locales in arms.values() for locale in locales})
    Text.objects.bulk_create(  # whoever follows a link reads it above the word that the study is not open
        Text(version=version, locale=locale, key="title", body=study.title, status=TextStatus.MACHINE_DRAFT)
        for locale in spoken
    )
    version.structure["arms"] = {country: {"locales": locales} for country, locales in arms.items() if country in NAMES}
    version.save(update_fields=["structure"])


@transaction.atomic
def remove_import(study: Study, *, by: str) -> int:
    """Take an imported study away, with its analyses; give how many rows went. The log keeps that it was there."""
    locked = Study.objects.select_for_update().select_related("version").get(pk=study.pk)
    if not locked.is_imported:
        raise NotImported(f"{study.code} was not imported: studies of this site are not removed")
    record(
        by, "import removed", {"study": locked.code}, {"title": locked.title, "identity": locked.version.content_hash}
    )
    n_rows = storing.delete_rows(locked)
    AnalysisRun.objects.filter(study=locked).delete()
    version = locked.version
    locked.arms.all().delete()
    locked.delete()
    instrument = version.instrument
    version.delete()
    if not instrument.versions.exists():
        instrument.delete()
    return n_rows


def _ours(handed: Import) -> QuerySet[Import]:
    """Narrow to the row as long as the start that we made is its latest one."""
    return Import.objects.filter(pk=handed.pk, state=State.RUNNING, n_starts=handed.n_starts)
