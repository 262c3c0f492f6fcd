"""What can be chosen about an analysis. Light: the web process imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

COMPLETE_ONLY = "complete sessions"
NO_SIMULATED = "no simulated"


@dataclass(frozen=True)
class Parameters:
    """The choices of one analysis; the same choices on the same data give the same numbers."""

    exclusions: tuple[str, ...] = (COMPLETE_ONLY,)
    level: float = 0.95
    seed: int = 1
    n_resamples: int = 2000
    sesoi: float = 0.05  # smallest effect size of interest, as a share

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Parameters:
        return cls(**{**stored, "exclusions": tuple(stored["exclusions"])})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "exclusions": list(self.exclusions)}


def without(flag: str) -> str:
    """Name the exclusion of sessions on which a quality flag was raised."""
    return f"not flagged {flag}"


def choose(*, include_simulated: bool, flags: Sequence[str] = ()) -> Parameters:
    """Give the usual parameters, with or without simulated data; ``flags`` are the instrument's own exclusions."""
    origin = () if include_simulated else (NO_SIMULATED,)
    return Parameters(exclusions=(COMPLETE_ONLY, *origin, *(without(flag) for flag in flags)))
