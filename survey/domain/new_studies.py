"""Make a study of an instrument that somebody brings: all of it or nothing."""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction

from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study
from survey.enums import PanelName
from survey.instruments.schema import Definition
from survey.models import Study


class NameTaken(ValueError):
    """There is a study under this code already."""


class Wanted(NamedTuple):
    """What is said of a new study."""

    code: str
    title: str
    panel: PanelName
    target_per_cell: int
    reward: int | None  # in pence or cents
    currency: str


class Founded(NamedTuple):
    study: Study
    is_new_version: bool


@transaction.atomic
def found_study(definition: Definition, wanted: Wanted) -> Founded:
    """Store the instrument as a version, if it is not there yet, and a draft study on it with its arms and cells."""
    if Study.objects.filter(code=wanted.code).exists():
        raise NameTaken(f"there is a study {wanted.code} already")
    loaded = load_instrument(definition)
    study = create_study(
        code=wanted.code,
        title=wanted.title,
        version=loaded.version,
        panel=wanted.panel,
        target_per_cell=wanted.target_per_cell,
    )
    if wanted.reward is not None:
        study.arms.update(panel_settings={"reward": wanted.reward, "currency": wanted.currency})
    return Founded(study, loaded.is_new)
