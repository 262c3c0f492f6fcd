"""What can be chosen about an analysis. Light: the web process imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from survey.enums import country_name
from survey.flow.quality import FLAGS

COMPLETE_ONLY = "complete sessions"
NO_SIMULATED = "no simulated"
FLAGGED, FROM = "not flagged ", "from "
LISTS = ("exclusions", "countries", "families")


@dataclass(frozen=True)
class Parameters:
    """The choices of one analysis; the same choices on the same data give the same numbers."""

    exclusions: tuple[str, ...] = (COMPLETE_ONLY,)
    level: float = 0.95
    seed: int = 1
    n_resamples: int = 2000
    sesoi: float = 0.05  # smallest effect size of interest, as a share
    last_day: int = 0  # respondents who came by this day of the study; 0: all
    countries: tuple[str, ...] = ()  # of respondents; none named: all
    families: tuple[str, ...] = ()  # of results; none named: all

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Parameters:
        chosen: dict[str, Any] = {name: tuple(value) if name in LISTS else value for name, value in stored.items()}
        return cls(**chosen)

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if name in LISTS else value for name, value in asdict(self).items()}

    @property
    def alpha(self) -> float:
        """Give the level of significance that belongs to the intervals."""
        return round(1 - self.level, 12)


DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Parameters)}


def without(flag: str) -> str:
    """Name the exclusion of sessions on which a quality flag was raised."""
    return f"{FLAGGED}{flag}"


def in_words(exclusion: str) -> str:
    """Say in words what an exclusion keeps: its name in tables holds codes of flags and countries."""
    flag = FLAGS.get(exclusion.removeprefix(FLAGGED))
    if flag is not None:
        label = f"{flag.label[0].lower()}{flag.label[1:]}"
        return f"{FLAGGED}for {label}{' below the limit' if flag.is_raised_below else ''}"
    if exclusion.startswith(FROM):
        return f"{FROM}{', '.join(map(country_name, exclusion.removeprefix(FROM).split(', ')))}"
    return exclusion


def choose(*, include_simulated: bool, flags: Sequence[str] = (), **chosen: Any) -> Parameters:
    """Give the usual parameters, with or without simulated data; ``flags`` are the instrument's own exclusions."""
    origin = () if include_simulated else (NO_SIMULATED,)
    return Parameters(exclusions=(COMPLETE_ONLY, *origin, *(without(flag) for flag in flags)), **chosen)
