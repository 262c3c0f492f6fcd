"""What can be chosen about an analysis. Light: the web process imports it."""

from __future__ import annotations

from collections.abc import Mapping
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

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Parameters:
        return cls(**{**stored, "exclusions": tuple(stored["exclusions"])})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "exclusions": list(self.exclusions)}


def choose(*, include_simulated: bool) -> Parameters:
    """Give the usual parameters, with or without simulated data."""
    return Parameters() if include_simulated else Parameters(exclusions=(COMPLETE_ONLY, NO_SIMULATED))
