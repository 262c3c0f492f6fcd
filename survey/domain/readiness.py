"""What a study still lacks before people can be sent into it, in plain words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Count

from survey.domain import readiness_of_study as of_study
from survey.domain.points import Point
from survey.domain.translations import accepted_locales, text_faults
from survey.enums import Country, TextStatus
from survey.flow.counted import counted
from survey.models import Arm, QuotaCell, Study, Text
from survey.panels.lint import lint_arm
from survey.panels.rules import Severity

EXAMPLE = "example.org"
TEXTS = "Texts"  # the name of the point that a decision can settle


def checklist(study: Study) -> list[Point]:
    """Go through everything that participants depend on."""
    arms = list(study.arms.select_related("study__version"))
    return [
        instrument_point(study),
        arms_point(arms),
        texts_point(study, arms),
        panels_point(arms),
        quotas_point(study, arms),
        contact_point(study),
        consent_point(study),
        of_study.plan_point(study),
        of_study.exclusions_point(study),
        of_study.stopping_point(study),
        of_study.pay_point(arms),
        of_study.ethics_point(study),
        of_study.preview_point(study),
        of_study.trial_point(study),
        of_study.registration_point(study),
    ]


def instrument_point(study: Study) -> Point:
    version = study.version
    newest = version.instrument.versions.order_by("-number").first()
    hints = []
    if newest is not None and newest.number > version.number:
        hints.append(f"{newest} was loaded meanwhile: a draft study can be put on it below.")
    return Point("Instrument", f"{version}, {counted(version.items.count(), 'item')}", (), hints)


def arms_point(arms: Sequence[Arm]) -> Point:
    if not arms:
        return Point("Countries", "none", ["The study has no arms: add one per respondent country."])
    told = ", ".join(f"{Country(arm.country).label} ({', '.join(arm.locales)})" for arm in arms)
    empty = [f"{Country(arm.country).label} offers no locale: choose at least one." for arm in arms if not arm.locales]
    return Point("Countries", told, empty)


def texts_point(study: Study, arms: Sequence[Arm]) -> Point:
    offered = sorted({locale for arm in arms for locale in arm.locales})
    rows = Text.objects.filter(version=study.version_id, locale__in=offered).values_list("locale", "status")
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for locale, status, n in rows.annotate(n=Count("pk")).order_by("locale"):
        counts[locale][status] = n
    told = "; ".join(
        f"{locale}: " + ", ".join(f"{n:,} {TextStatus(status).label.lower()}" for status, n in sorted(by.items()))
        for locale, by in counts.items()
    )
    faults, accepted = text_faults(study), accepted_locales(study)
    missing = [full_stop(str(fault)) for fault in faults if fault.locale not in accepted]
    hints = [full_stop(f"accepted as they are: {fault}") for fault in faults if fault.locale in accepted]
    return Point(TEXTS, told or "no locale offered", missing, hints)


def full_stop(sentence: str) -> str:
    return sentence if sentence.endswith("…") else f"{sentence}."


def panels_point(arms: Sequence[Arm]) -> Point:
    found = [(arm, violation) for arm in arms for violation in lint_arm(arm)]
    told = ", ".join(f"{Country(arm.country).label}: {arm.get_panel_display()}" for arm in arms)

    def say(severity: Severity) -> list[str]:
        return [
            f"{Country(arm.country).label}: {one.wrong}: {one.mend}." for arm, one in found if one.severity == severity
        ]

    return Point("Panels", told or "none", say(Severity.ERROR), say(Severity.HINT))


def quotas_point(study: Study, arms: Sequence[Arm]) -> Point:
    cells = defaultdict(list)
    for cell in QuotaCell.objects.filter(arm__study=study):
        cells[cell.arm_id].append(cell)
    n_cells, n_wanted = sum(map(len, cells.values())), sum(cell.target for own in cells.values() for cell in own)
    hints = []
    for arm in arms:
        if not cells[arm.pk]:
            hints.append(f"{Country(arm.country).label} has no quota cells: it takes everybody, without end.")
        elif not any(cell.is_open and cell.target for cell in cells[arm.pk]):
            hints.append(f"{Country(arm.country).label} has no open cell with a target: it takes nobody.")
    return Point("Quotas", f"{counted(n_cells, 'cell')}, {counted(n_wanted, 'complete')} wanted", (), hints)


def contact_point(study: Study) -> Point:
    address = study.contact_email or settings.CONTACT_EMAIL
    hints = []
    if address.endswith(EXAMPLE):
        hints.append("Nobody reads this address: enter the study's own, or set CONTACT_EMAIL for the site.")
    return Point("Contact", address, (), hints)


def consent_point(study: Study) -> Point:
    return Point("Consent", f"version {study.version.structure.get('consent_version', '–')}")
