"""Figures for print: the same tables give the same bytes, what is missing is said, nothing is filled in."""

from __future__ import annotations

import io
import zipfile
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from matplotlib.figure import Figure

from analysis import tasks
from analysis.domain import find_undrawn, request_analysis
from analysis.families import HOLDS
from analysis.from_files.paper_folder import analyse_folder
from analysis.models import AnalysisRun, FigureArchive
from analysis.parameters import choose
from analysis.plots import style
from analysis.plots.files import FIGURES, Made, as_archive, frames_of, make_figures
from analysis.reports import Report
from analysis.results.stored import Results
from tests.analysis.conftest import Made as MadeStudy
from tests.analysis.conftest import fill_behaviour, store
from tests.analysis.test_bad_files import GOOD, HUMAN, PREDICTED, PREDICTIONS, judged, predicted, write

RUNS = Path(__file__).parents[1] / "reference" / "behaviour_runs"
DRAWN_OF = ("rates", "agreement", "effect_sizes", "alignment", "shift", "paper")
OF_BEHAVIOUR = ["base_to_instruct", "country_contrasts", "demographic_contrasts"]


def papers_frames(folder: Path) -> dict[str, pd.DataFrame]:
    return {f"paper_{name}": table for name, table in analyse_folder(folder).tables.items()}


@pytest.fixture(scope="module")
def behaviour() -> Made:
    return make_figures(papers_frames(RUNS))


def test_a_figure_comes_in_three_formats_with_its_numbers_and_in_words(behaviour: Made) -> None:
    kinds = ("csv", "pdf", "png", "svg", "txt")
    assert sorted(behaviour.files) == sorted(
        [*(f"{name}.{kind}" for name in OF_BEHAVIOUR for kind in kinds), "not_made.txt"]
    )


def test_the_same_tables_give_the_same_bytes(behaviour: Made) -> None:
    again = make_figures(papers_frames(RUNS))
    assert again.files == behaviour.files
    assert as_archive(again) == as_archive(behaviour)
    with zipfile.ZipFile(io.BytesIO(as_archive(behaviour))) as archive:
        assert archive.namelist() == sorted(behaviour.files)


def test_files_carry_no_date_and_fonts_that_printers_take(behaviour: Made) -> None:
    for name in OF_BEHAVIOUR:
        pdf, svg = behaviour.files[f"{name}.pdf"], behaviour.files[f"{name}.svg"]
        assert b"CreationDate" not in pdf
        assert b"/Type3" not in pdf
        assert b"/CIDFontType2" in pdf
        assert b"dc:date" not in svg


def test_figures_are_as_wide_as_a_column_or_two(behaviour: Made) -> None:
    width = {name: int.from_bytes(behaviour.files[f"{name}.png"][16:20]) / 200 for name in OF_BEHAVIOUR}
    assert width == {"base_to_instruct": 3.3, "country_contrasts": 6.8, "demographic_contrasts": 6.8}


def test_figures_without_their_tables_are_named_with_the_reason(behaviour: Made) -> None:
    assert set(behaviour.not_made) == set(FIGURES) - set(OF_BEHAVIOUR)
    assert behaviour.not_made["alignment_and_ceiling"] == "no table alignment"
    assert b"alignment_and_ceiling: no table alignment" in behaviour.files["not_made.txt"]


def test_what_is_missing_stays_missing_in_numbers_and_words(behaviour: Made) -> None:
    numbers = pd.read_csv(io.BytesIO(behaviour.files["demographic_contrasts.csv"]))
    rows = numbers[numbers["group"] == "receiver: younger − older"]  # all receivers of these runs are older
    assert len(rows) == 5
    assert rows["estimate"].isna().all()
    assert (
        b"receiver: younger \xe2\x88\x92 older, mean of the models: not estimable"
        in (behaviour.files["demographic_contrasts.txt"])
    )


def test_dots_of_calibration_are_the_means_of_items_with_like_probabilities() -> None:
    items = pd.DataFrame(
        {
            "item_code": list("abcd"), "question": "norm", "model_tag": "m", "persona_setting": "no_persona",
            "method": "first_token", "human_rate": [0.2, 0.4, 0.9, 0.7], "model_rate": [0.11, 0.19, 0.85, 0.95],
        }
    )  # fmt: skip
    made = make_figures({"alignment_items": items})
    numbers = pd.read_csv(io.BytesIO(made.files["calibration.csv"]))
    assert numbers["estimate"].tolist() == pytest.approx([0.3, 0.9, 0.7])
    assert numbers["n_items"].tolist() == [2, 1, 1]
    assert numbers["ci_low"].isna().tolist() == [False, True, True]  # one item has no spread
    sampled = make_figures({"alignment_items": items.assign(method="sample")})
    assert sampled.not_made["calibration"] == "no model gave probabilities"


def test_intervals_follow_the_level_that_was_chosen_and_the_figure_says_it() -> None:
    items = pd.DataFrame(
        {
            "item_code": list("ab"), "question": "norm", "model_tag": "m", "persona_setting": "no_persona",
            "method": "first_token", "human_rate": [0.4, 0.5], "model_rate": [0.11, 0.19],
        }
    )  # fmt: skip
    widths = {}
    for level in (0.5, 0.9):
        made = make_figures({"alignment_items": items}, level)
        row = pd.read_csv(io.BytesIO(made.files["calibration.csv"])).iloc[0]
        widths[level] = row["ci_high"] - row["ci_low"]
        assert f"{100 * level:g}% intervals".encode() in made.files["calibration.txt"]
        assert f"lines: {100 * level:g}% intervals".encode() in made.files["calibration.svg"]
    # t quantiles with one degree of freedom, 1 and 6.314, times 0.05
    assert widths == {0.5: pytest.approx(0.1), 0.9: pytest.approx(0.6313752)}


def test_arrows_start_at_the_base_and_end_at_the_instruct_rate(behaviour: Made) -> None:
    assert b"llama, told to balance: 0.607 to 0.452, a shift of -0.155;" in behaviour.files["base_to_instruct.txt"]
    assert b"As the paper has it: without intervals" in behaviour.files["base_to_instruct.svg"]
    assert b"% intervals" not in behaviour.files["base_to_instruct.txt"]
    assert b"simulated" not in behaviour.files["base_to_instruct.txt"]


def test_arrows_carry_the_intervals_of_both_ends_and_of_the_way() -> None:
    labels = {"model_family": "llama", "question": "norm", "condition": "balance", "method": "sample", "n_pairs": 90}
    sides = {"rate_first": (0.4, 0.3, 0.5), "rate_second": (0.55, 0.45, 0.7), "net_shift": (0.15, 0.02, 0.28)}
    rows = [
        {**labels, "measure": measure, "estimate": middle, "ci_low": low, "ci_high": high}
        for measure, (middle, low, high) in sides.items()
    ]
    rows += [{**row, "condition": "no_balance", "estimate": None, "ci_low": None, "ci_high": None} for row in rows]
    made = make_figures({"shift": pd.DataFrame(rows)}, 0.9)
    numbers = pd.read_csv(io.BytesIO(made.files["base_to_instruct.csv"]))
    found = {
        row["series"]: [row["estimate"], row["ci_low"], row["ci_high"]]
        for row in numbers.to_dict("records")
        if row["group"] == "llama, told to balance"
    }
    # of those that allow the preference: one less the share that follows the culture, and its ends change places
    assert found["base"] == pytest.approx([0.6, 0.5, 0.7])
    assert found["instruct"] == pytest.approx([0.45, 0.3, 0.55])
    assert found["shift"] == pytest.approx([-0.15, -0.28, -0.02])
    assert made.files["base_to_instruct.txt"].decode() == (
        "Share that allows the preference from base to instruct model. llama, told to balance: 0.600 [0.500, 0.700] to "
        "0.450 [0.300, 0.550], a shift of -0.150 [-0.280, -0.020]; llama, not told: not estimable. In brackets or as "
        "lines: 90% intervals.\n"
    )
    assert b"lines: 90% intervals" in made.files["base_to_instruct.svg"]


def test_deviances_without_degrees_of_freedom_are_gaps(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD + judged("p3", "i1").replace("Brazil", "India"))
    write(tmp_path, PREDICTIONS, PREDICTED + predicted("i1"))
    made = make_figures(papers_frames(tmp_path))
    numbers = pd.read_csv(io.BytesIO(made.files["drop_one_deviance.csv"]))
    assert numbers.loc[numbers["df_difference"] == 0, "estimate"].isna().all()
    rates = pd.read_csv(io.BytesIO(made.files["rates_by_country.csv"]))
    assert rates["ci_low"].isna().all()  # the paper's tables have no intervals, so the figure has none


def test_command_draws_a_finished_analysis(full: MadeStudy, tmp_path: Path) -> None:
    fill_behaviour(full)
    run = request_analysis(full.study, choose(include_simulated=True, families=DRAWN_OF))
    with pytest.raises(CommandError, match="no finished analysis"):
        call_command("figures", analysis=run.pk, out=tmp_path)
    tasks.run_analysis(run.pk)
    call_command("figures", analysis=run.pk, out=tmp_path, stdout=StringIO(), stderr=StringIO())
    drawn = {path.stem for path in tmp_path.glob("*.pdf")}
    assert {"rates_by_country", "agreement_by_relation", "alignment_and_ceiling", "base_to_instruct"} <= drawn
    assert {"agreement_and_ceiling", "model_spreads", "correlation_and_ceiling"} <= drawn
    contrasts = pd.read_csv(tmp_path / "persona_country_contrasts.csv")
    assert (contrasts["ci_low"] < contrasts["estimate"]).all()
    for name in drawn:
        assert "Contains simulated data" in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert (tmp_path / f"{name}.txt").read_text(encoding="utf-8").endswith(" Contains simulated data.\n")
    sizes = pd.read_csv(tmp_path / "model_spreads.csv")
    assert "models under personas" in set(sizes["panel"])


def test_figures_of_files_stand_in_a_folder_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD)
    out = tmp_path / "out"
    call_command("analyse", input=tmp_path, out=out, figures=True, stdout=StringIO(), stderr=StringIO())
    assert (out / "figures" / "rates_by_country.pdf").exists()
    assert "no table alignment" in (out / "figures" / "not_made.txt").read_text()


def test_a_worker_draws_what_the_page_offers(full: MadeStudy, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    page, archive = (reverse(f"analysis:{name}", args=[run.pk]) for name in ("result", "result_figures"))
    assert "Figures for print are being drawn" in staff.get(page).content.decode()
    assert staff.get(archive).status_code == 404
    tasks.draw_figures(run.pk)
    tasks.draw_figures(run.pk)
    stored = FigureArchive.objects.get(run=run)
    assert f"{stored.n_figures} figures for print" in staff.get(page).content.decode()
    response = staff.get(archive)
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as packed:
        assert sum(name.endswith(".pdf") for name in packed.namelist()) == stored.n_figures > 3
        assert stored.names == sorted(packed.namelist())
        drawn = packed.read("rates_by_country.pdf")
    family = staff.get(reverse("analysis:result_family", args=[run.pk, "rates"])).content.decode()
    pdf = reverse("analysis:result_print", args=[run.pk, "rates_by_country", "pdf"])
    assert f'href="{pdf}"' in family
    response = staff.get(pdf)
    assert (response.content, response["Content-Type"]) == (drawn, "application/pdf")
    for wrong in (("nothing", "pdf"), ("rates_by_country", "exe")):
        assert staff.get(reverse("analysis:result_print", args=[run.pk, *wrong])).status_code == 404


def test_every_figure_belongs_to_a_family_and_effects_are_drawn_the_same_twice(planned_report: Report) -> None:
    assert {name for holds in HOLDS.values() for name in holds.prints} == set(FIGURES)
    frames = frames_of(planned_report.results["tables"])
    frames = {name: frames[name] for name in ("plan", "own_culture", "effect_sizes", "variance")}
    first, again = make_figures(frames), make_figures(frames)
    drawn = {"plan_tests", "own_country", "factor_spreads", "model_spreads", "variance_parts"}
    assert {name.removesuffix(".pdf") for name in first.files if name.endswith(".pdf")} == drawn
    assert first.files == again.files
    own = pd.read_csv(io.BytesIO(first.files["own_country.csv"]))
    stored = Results(AnalysisRun(results=planned_report.results)).rows("own_culture", method="mixed", scale="share")
    known = [row["estimate"] for row in stored if row["estimate"] is not None]
    assert list(own["estimate"].dropna()) == pytest.approx(known, rel=1e-12)
    assert make_figures({name: frame.iloc[:0] for name, frame in frames.items()}).files.keys() == {"not_made.txt"}


def test_figures_that_cannot_be_drawn_are_not_drawn_again(made: MadeStudy, empty_report: Report) -> None:
    run = store(made, empty_report)
    assert find_undrawn() == [run.pk]
    with patch("analysis.plots.files.make_figures", side_effect=ValueError("no font")):
        tasks.draw_figures(run.pk)
    assert find_undrawn() == []
    assert FigureArchive.objects.get().error == "ValueError: no font"


def test_no_line_strikes_through_why_there_is_no_dot() -> None:
    ax = Figure().subplots()
    ax.axvline(0.0, zorder=style.UNDER)
    style.say(ax, 0.0, style.GAP, style.GREY)
    (text,) = ax.texts
    assert style.UNDER < text.get_zorder() < style.LINES < style.DOTS
    box = text.get_bbox_patch()
    assert box is not None
    assert box.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
