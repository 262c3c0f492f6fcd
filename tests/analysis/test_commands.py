"""The commands: folders of files, analyses of studies, the paper's tables without a database."""

import gzip
import json
import shutil
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from analysis import tasks
from analysis.models import AnalysisRun
from analysis.parameters import choose
from tests.analysis.conftest import Made, make_session

REFERENCE = Path(__file__).parents[1] / "reference" / "pact_synthetic"


def analyse(**options: object) -> dict[str, object]:
    out = StringIO()
    call_command("analyse", stdout=out, **options)
    told: dict[str, object] = json.loads(out.getvalue())
    return told


def test_export_writes_the_format_that_is_asked_for(full: Made, tmp_path: Path) -> None:
    call_command("export", "tiny", out=tmp_path, format="pact", stdout=StringIO())
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["SHA256SUMS", "eval_decisions.csv", "llm_predictions.csv", "tidy_human_responses.csv"]


def test_export_is_the_same_twice(full: Made, tmp_path: Path) -> None:
    for name in ("one", "two"):
        call_command("export", "tiny", out=tmp_path / name, format="all", stdout=StringIO())
    assert (tmp_path / "one" / "SHA256SUMS").read_text() == (tmp_path / "two" / "SHA256SUMS").read_text()


def test_export_of_an_unknown_study_says_so(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no study 'nowhere'"):
        call_command("export", "nowhere", out=tmp_path)


def test_analyse_queues_once(full: Made) -> None:
    first, second = analyse(study="tiny"), analyse(study="tiny")
    assert first == second
    assert first["state"] == "queued"
    assert AnalysisRun.objects.count() == 1


def test_analyse_reuses_an_analysis_of_the_same_data(full: Made) -> None:
    light: dict[str, object] = {"study": "tiny", "family": ["rates"]}
    run_id = analyse(**light)["analysis"]
    assert isinstance(run_id, int)
    tasks.run_analysis(run_id)
    assert analyse(**light) == {"analysis": run_id, "state": "done", "results": f"/results/{run_id}/"}
    make_session(full)
    assert analyse(**light)["analysis"] != run_id


def test_analyse_waits_for_the_end(full: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "launch", tasks.run_analysis)
    assert analyse(study="tiny", wait=True, family=["rates"])["state"] == "done"


def test_analyse_fails_with_the_analysis(full: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(run_id: int) -> None:
        AnalysisRun.objects.filter(pk=run_id).update(state="failed", error="ValueError: spoilt")

    monkeypatch.setattr(tasks, "launch", spoil)
    with pytest.raises(CommandError, match="failed: ValueError: spoilt"):
        analyse(study="tiny", wait=True)


def test_analyse_real_only_leaves_simulated_data_out(full: Made) -> None:
    analyse(study="tiny", real_only=True)
    assert AnalysisRun.objects.get().parameters == choose(include_simulated=False).as_json()


@pytest.mark.parametrize("options", [{}, {"input": Path("somewhere")}, {"input": Path("nowhere"), "out": Path("out")}])
def test_analyse_asks_for_what_is_missing(options: dict[str, Path]) -> None:
    with pytest.raises(CommandError):
        call_command("analyse", **options)


def test_papers_tables_from_files_need_no_database(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(REFERENCE / "llm_predictions.csv.gz", source)
    packed = gzip.decompress((REFERENCE / "tidy_human_responses.csv.gz").read_bytes())
    (source / "tidy_human_responses.csv").write_bytes(packed)
    call_command("analyse", input=source, out=out, layer="paper", stdout=StringIO())
    expected = REFERENCE / "expected_section5" / "human_response_summary.csv"
    assert (out / "human_response_summary.csv").read_text() == expected.read_text()
    assert len(list(out.glob("*.csv"))) == 10 + 8 + 1  # with the list of what is not estimable


def test_papers_tables_work_without_models(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    with gzip.open(REFERENCE / "tidy_human_responses.csv.gz", "rt") as whole:
        (source / "tidy_human_responses.csv").write_text("".join(islice(whole, 500)))
    call_command("analyse", input=source, out=tmp_path / "out", stdout=StringIO())
    assert (tmp_path / "out" / "human_item_profiles.csv").exists()
