"""All figures of a report as files: PDF, SVG, PNG, the numbers behind each, and a description in words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from analysis.plots import behaviour, ceilings, contrasts, effects, models, people
from analysis.plots.people import Frames, Missing
from analysis.plots.style import LEVEL, Drawn, styled

FIGURES: Mapping[str, Callable[..., Drawn]] = {
    "rates_by_country": people.rates_by_country,
    "plan_tests": effects.plan_tests,
    "own_country": effects.own_country,
    "factor_spreads": effects.factor_spreads,
    "variance_parts": effects.variance_parts,
    "agreement_by_relation": people.agreement_by_relation,
    "agreement_and_ceiling": ceilings.agreement_and_ceiling,
    "respondent_country_contrasts": contrasts.respondent_country_contrasts,
    "drop_one_deviance": people.drop_one,
    "alignment_four_panel": models.alignment_four_panel,
    "alignment_and_ceiling": models.alignment_and_ceiling,
    "correlation_and_ceiling": ceilings.correlation_and_ceiling,
    "item_rates": models.item_rates,
    "calibration": ceilings.calibration,
    "model_spreads": contrasts.model_spreads,
    "persona_country_contrasts": contrasts.persona_country_contrasts,
    "base_to_instruct": behaviour.base_to_instruct,
    "country_contrasts": behaviour.country_contrasts,
    "demographic_contrasts": behaviour.demographic_contrasts,
}
OF_COUNTS = ("item_rates", "calibration")  # these compute their intervals themselves
NOT_MADE = "not_made.txt"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that an archive can hold


class Made(NamedTuple):
    """The files by name, and the figures that were not made with the reason."""

    files: dict[str, bytes]
    not_made: dict[str, str]

    @property
    def n_figures(self) -> int:
        return len(FIGURES) - len(self.not_made)


def frames_of(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """Turn the stored tables of a report into frames."""
    return {name: pd.DataFrame(table["rows"], columns=table["columns"]) for name, table in stored.items()}


def make_figures(frames: Frames, level: float = LEVEL, note: str = "") -> Made:
    """Draw every figure whose tables are there; `level` is that of their intervals, `note` stands above each."""
    made = Made({}, {})
    for name, draw in FIGURES.items():
        try:
            plain = partial(draw, frames, *([level] if name in OF_COUNTS else []))
            drawn, saved = styled(plain, level, note)
        except Missing as reason:
            made.not_made[name] = str(reason)
            continue
        made.files.update({f"{name}.{kind}": content for kind, content in saved.items()})
        made.files[f"{name}.csv"] = drawn.data.to_csv(index=False, na_rep="NA", lineterminator="\n").encode()
        made.files[f"{name}.txt"] = f"{drawn.alt}\n".encode()
    if made.not_made:
        lines = "".join(f"{name}: {reason}\n" for name, reason in made.not_made.items())
        made.files[NOT_MADE] = lines.encode()
    return made


def write_figures(made: Made, out: Path) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    for name, content in made.files.items():
        (out / name).write_bytes(content)
    return [out / name for name in made.files]


def as_archive(made: Made) -> bytes:
    """Pack the files; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(made.files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
