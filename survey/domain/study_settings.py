"""What researchers set about a study and its countries; every change is kept, and asks why where it was registered."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.db import transaction

from survey.domain.registration import note_change
from survey.enums import Country, PanelName, StudyChangeKind, StudyState
from survey.models import Arm, Study, StudyChange
from survey.panels.lint import lint_arm
from survey.panels.rules import Severity

LONGEST = 200  # of what a change keeps of old and new


class NotAllowed(ValueError):
    """The change would harm; the message says how."""


class StudySettings(NamedTuple):
    """What is said of the study as a whole."""

    title: str
    contact_email: str
    ethics_reference: str
    stopping_rule: str


class ArmSettings(NamedTuple):
    """What is set of one country."""

    locales: list[str]
    panel: PanelName
    exit_codes: dict[str, str]
    panel_settings: dict[str, Any]


@transaction.atomic
def change_settings(study: Study, settings: StudySettings, *, by: str, reason: str = "") -> list[str]:
    """Set what is said of a study; give the names of what is new. `ReasonNeeded` for what was registered."""
    locked = Study.objects.select_for_update(of=("self",), no_key=True).get(pk=study.pk)
    new = settings._asdict()
    changed = [name for name in new if getattr(locked, name) != new[name]]
    if changed:
        Study.objects.filter(pk=study.pk).update(**{name: new[name] for name in changed})
    for name in changed:
        old = f"{name}: {getattr(locked, name)}"
        keep(study, StudyChangeKind.SETTING, old, f"{name}: {new[name]}", by=by, reason=reason)
    if changed:
        note_change(study, by=by, reason=reason)
    study.refresh_from_db()
    return changed


@transaction.atomic
def change_arm(arm: Arm, settings: ArmSettings, *, by: str, reason: str = "") -> list[str]:
    """Set locales, panel, codes and terms of a country; give the names of what is new.

    `NotAllowed` where a live study would be left with errors, and for locales that the instrument has not for it.
    """
    locked = Arm.objects.select_for_update(of=("self",)).select_related("study__version__instrument").get(pk=arm.pk)
    offered = locked.study.version.structure["arms"].get(locked.country, {}).get("locales", [])
    if unknown := [locale for locale in settings.locales if locale not in offered]:
        raise NotAllowed(f"the instrument has no texts for this country in {', '.join(unknown)}")
    new = settings._asdict()
    changed = {name: getattr(locked, name) for name in new if getattr(locked, name) != new[name]}
    for name in changed:
        setattr(locked, name, new[name])
    if locked.study.state == StudyState.LIVE:
        faults = [str(one.wrong) for one in lint_arm(locked) if one.severity == Severity.ERROR]
        faults += [] if locked.locales else ["it would offer no locale"]
        if faults:
            raise NotAllowed(f"the study is live: {'; '.join(faults)}")
    if changed:
        locked.save(update_fields=list(changed))
        name = Country(locked.country).label
        old_told, new_told = tell(changed), tell({key: new[key] for key in changed})
        keep(locked.study, StudyChangeKind.ARM, f"{name}: {old_told}", f"{name}: {new_told}", by=by, reason=reason)
        note_change(locked.study, by=by, reason=reason)
    return list(changed)


def tell(values: dict[str, Any]) -> str:
    """Say values in short; of codes only for which outcomes there are some."""
    shown = {key: sorted(one) if key == "exit_codes" else one for key, one in values.items()}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def keep(study: Study, kind: StudyChangeKind, old: str, new: str, *, by: str, reason: str) -> None:
    old, new = (one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…" for one in (old, new))
    StudyChange.objects.create(study=study, kind=kind, old=old, new=new, by=by, reason=reason)


def note_preview(study: Study, *, by: str) -> None:
    """Keep that somebody looked through every page of the study's present version."""
    keep(study, StudyChangeKind.PREVIEW, "", str(study.version), by=by, reason="")
