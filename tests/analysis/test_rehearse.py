"""The rehearsal: what is planted comes back, through the real pages and runs."""

import csv
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.rehearsal import recover_models
from survey.crowd import read_planted
from survey.enums import Status, StudyState
from survey.llm.models import Completion
from survey.llm.providers.simulated import Planted as PlantedModel
from survey.models import Study, SurveySession


class Log(logging.NullHandler):
    """A log of the process that rehearses."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()


@pytest.mark.django_db(transaction=True)
def test_rehearsal_goes_through_a_study_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, log = tmp_path / "recovered.csv", Log()
    call_command("rehearse", participants=15, items=6, out=out, plant=["p_break=0"])
    assert not log.is_closed  # setting Django up a second time would close every log, and whatever it writes to
    told = capsys.readouterr().out
    study = Study.objects.get()
    assert (study.code.startswith("rehearsal-"), study.state) == (True, StudyState.CLOSED)
    sessions = SurveySession.objects.filter(arm__study=study)
    assert {session.status for session in sessions} <= {Status.COMPLETE, Status.SCREENED_OUT}
    assert all(session.participant.is_simulated for session in sessions)
    assert Completion.objects.count() == Completion.objects.filter(is_simulated=True).count() > 1000
    with out.open(encoding="utf-8", newline="") as file:
        rows = {row["parameter"]: row for row in csv.DictReader(file)}
    assert len(rows) == 14
    assert float(rows["rehearsal_simulated_rigid: order bias"]["estimate"]) == pytest.approx(0.9, abs=1e-6)
    assert float(rows["norm"]["ci_low"]) < float(rows["norm"]["estimate"]) < float(rows["norm"]["ci_high"])
    assert "intervals hold what was planted; one in twenty is expected to miss" in told


def made_completions(shift: float, bias: float) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for item, scenario in enumerate(["BR", "IN", "US"] * 8):
        for question in ("personal", "norm"):
            effect = rng.normal()
            for persona in ("BR", "IN", "US"):
                for age in ("younger", "older"):
                    level = effect + shift * (persona == scenario) + rng.normal(0, 0.05)
                    for order, sign in (("culture_first", 1), ("preference_first", -1)):
                        p = 1 / (1 + np.exp(-(level + sign * bias)))
                        rows.append((f"I{item}", scenario, question, "m", persona, age, "female", order, p))
    names = ["item_code", "scenario_country", "question", "model_tag", "persona_country", "persona_age"]
    return pd.DataFrame(rows, columns=[*names, "persona_gender", "option_order", "p_culture"])


def test_slopes_of_models_come_back() -> None:
    truth = PlantedModel(own_country_shift=-0.4, order_bias=0.3)
    bias, shift = recover_models(made_completions(-0.4, 0.3), {"m": truth})
    assert bias.estimate == pytest.approx(0.3)
    assert shift.estimate == pytest.approx(-0.4, abs=0.03)
    assert bias.is_inside and shift.is_inside  # noqa: PT018
    assert not recover_models(made_completions(0.0, 0.3), {"m": truth})[1].is_inside


@pytest.mark.parametrize("setting", ["p_speeder", "p_speeder=2", "sd_item=-1", "country=1", "hope=0.5"])
def test_what_cannot_be_planted_is_named(setting: str) -> None:
    with pytest.raises(ValueError, match=setting.partition("=")[0]):
        read_planted([setting])
    with pytest.raises(CommandError, match=setting.partition("=")[0]):
        call_command("rehearse", plant=[setting])
