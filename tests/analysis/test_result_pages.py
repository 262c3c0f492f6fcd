"""The pages of an analysis: what each family says, its figures and files, how many queries they cost."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from analysis import domain
from analysis.extract import read_snapshot_hash
from analysis.families import HOLDS, FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.reports import Report, compute, families
from analysis.reports.tables import Made as Tables
from analysis.results import show_family
from analysis.results.stored import Results
from survey.enums import Status
from survey.models import SurveySession
from tests.analysis.conftest import Made, make_session, store, with_plan
from tests.analysis.test_pages import text_of

ALL = choose(include_simulated=True)
RESULT_QUERIES = 4


@pytest.mark.parametrize("n", [0, 1, 5])
def test_every_family_stands_with_no_one_and_many(made: Made, staff: Client, n: int) -> None:
    for number in range(n):
        make_session(made, "BR" if number % 2 else "US")
    with_plan(made)
    run = store(made, compute(made.study, ALL, lambda step: None))
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert ("No complete session is among the data" in page) == (n == 0)
    assert ("answers of 1 respondent kept" in page) == (n == 1)
    for key in FamilyKey:
        address = reverse("analysis:result_family", args=[run.pk, key])
        assert (f'href="{address}"' in page, f'id="{key}"' in page) == (True, True)
        family = text_of(staff, address)
        assert f"<h1>{escape(HOLDS[key].title)}</h1>" in family
        assert n or "Nothing that is looked for was found" not in family
        for wrong in (r"Traceback", r"\b[nN]a[nN]\b", r">None<", r">–<"):
            assert not re.search(wrong, family), (key, wrong)


def test_overview_states_findings_with_intervals_and_where_they_rest(
    full: Made, full_report: Report, staff: Client
) -> None:
    page = text_of(staff, reverse("analysis:result", args=[store(full, full_report).pk]))
    assert "People follow the local expectation in 67%" in page
    assert (
        "It rests on 36 answers, 12 respondents and 3 items. "
        "Intervals: 95%, two-way cluster-robust by respondent and item, t distribution."
    ) in page
    assert "<strong>Not estimable:</strong>" in page


def test_intervals_are_named_by_level_and_kind(full: Made, full_report: Report) -> None:
    run = store(full, full_report)
    run.results["facts"]["parameters"]["level"] = 0.9
    told = {key: show_family(Results(run), key) for key in FamilyKey}
    assert {key for key in FamilyKey if not HOLDS[key].intervals} == {FamilyKey.DROP_ONE, FamilyKey.PAPER}
    for key, family in told.items():
        kind = HOLDS[key].intervals
        assert family.basis.endswith(f" Intervals: 90%, {kind}.") == bool(kind and family.basis), key
        assert ("It rests on" in family.basis) == bool(family.basis), key
    assert told[FamilyKey.RATES].tables[0].caption == "Share that follows the culture, with 90% intervals"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (FamilyKey.RATES, ("95% unless chosen otherwise, two-way cluster-robust",)),
        (FamilyKey.AGREEMENT, ("pairwise percent agreement", "95% unless chosen otherwise", "Spearman–Brown")),
        (FamilyKey.OWN_CULTURE, ("average marginal effect", "crossed random effects", "Wald interval (95%", "TOST")),
        (FamilyKey.EFFECT_SIZES, ("standard deviation of the level effects", "95% unless chosen otherwise")),
        (FamilyKey.VARIANCE, ("95% unless chosen otherwise, by the delta method",)),
        (FamilyKey.DROP_ONE, ("likelihood-ratio tests",)),
        (FamilyKey.ALIGNMENT, ("(expected match)", "95% unless chosen otherwise", "bootstrap")),
        (FamilyKey.SHIFT, ("95% unless chosen otherwise, are cluster-robust by item", "McNemar's for clustered pairs")),
    ],
)
def test_how_names_estimators_and_intervals_as_the_field_does(key: FamilyKey, words: tuple[str, ...]) -> None:
    told = render_to_string(f"analysis/how/{key}.html")
    assert [one for one in words if one not in told] == []


def test_family_page_says_how_and_what_is_doubtful_here(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    page = text_of(staff, reverse("analysis:result_family", args=[run.pk, "rates"]))
    assert "How this is computed" in page
    assert "Nothing was filled in." in page
    assert "Few people: fewer than 20 respondents in Brazil 6, United States of America 6." in page
    assert "One item in a country: scenarios in Brazil, Myanmar, United States of America are one item only" in page
    assert 'aria-current="page">Culture-following rates</a>' in page


def test_family_page_reads_its_own_tables_in_few_queries(
    full: Made, full_report: Report, staff: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = store(full, full_report)
    for address, n_queries in (
        (reverse("analysis:result_family", args=[run.pk, "rates"]), RESULT_QUERIES),
        (reverse("analysis:result_family", args=[run.pk, "paper"]), RESULT_QUERIES),
        (reverse("analysis:result", args=[run.pk]), RESULT_QUERIES + 2),  # its registration, earlier ones
        (reverse("analysis:result_csv", args=[run.pk, "rates"]), RESULT_QUERIES),
    ):
        with django_assert_num_queries(n_queries) as asked:
            assert staff.get(address).status_code == 200
        assert not [query["sql"] for query in asked if '"analysis_analysisrun"."results"' in query["sql"]]
    read = Results.read(run, HOLDS[FamilyKey.RATES].tables)
    assert set(read.tables) == set(HOLDS[FamilyKey.RATES].tables)
    assert read.facts == full_report.results["facts"]
    assert set(Results.read(run, (), "paper_").tables) == {n for n in run.results["tables"] if n.startswith("paper_")}


def test_a_table_that_no_page_would_read_is_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {"majorities": pd.DataFrame(), "rates": pd.DataFrame()}
    monkeypatch.setattr(families, "FAMILIES", {FamilyKey.RATES: lambda inputs, on_step: Tables(tables)})
    with pytest.raises(LookupError, match=r"^majorities: made by the family RATES, but not among its tables"):
        compute(made.study, replace(ALL, families=(FamilyKey.RATES,)), lambda step: None)


def test_every_stored_table_belongs_to_one_family(full_report: Report) -> None:
    for name in set(full_report.results["tables"]) - {"exclusions"}:
        assert [key for key, holds in HOLDS.items() if holds.has(name)] != [], name


def test_the_papers_family_has_figures_that_say_they_have_no_intervals(
    full: Made, full_report: Report, staff: Client
) -> None:
    run = store(full, full_report)
    page = text_of(staff, reverse("analysis:result_family", args=[run.pk, "paper"]))
    drawn = show_family(Results(run), FamilyKey.PAPER).figures
    assert [figure.name for figure in drawn] == ["paper_rates", "paper_gaps", "paper_majority", "paper_agreement"]
    overall = run.results["tables"]["paper_human_response_summary"]
    first = dict(zip(overall["columns"], overall["rows"][0], strict=True))
    rates = drawn[0]
    assert [line.text for line in rates.rows[0].label] == ["All"]
    assert [mark.text for mark in rates.rows[0].marks] == [
        f"{100 * first[f'{question}_culture_rate']:.0f}%" for question in ("personal", "norm")
    ]
    for figure in drawn:
        assert figure.note.startswith("The paper's measures: without intervals")
        assert "no interval" not in figure.description
        assert page.count(escape(figure.description)) == 1
        assert reverse("analysis:result_family_svg", args=[run.pk, "paper", figure.name]) in page


def test_half_credit_and_normalised_agreement_stand_on_the_page(full_report: Report) -> None:
    results = Results(AnalysisRun(results=full_report.results))
    tables = {table.name: table for table in show_family(results, FamilyKey.ALIGNMENT).tables}
    majority = tables["alignment_majority"]
    label = str(majority.rows[0][0])
    row = next(
        row
        for row in results.rows("alignment", predictor="model", measure="majority_match_half_credit")
        if label.startswith(f"{row['model_tag']} without persona") and label.endswith(row["question"])
    )
    shown = majority.rows[0][list(majority.header).index("Half credit for ties")]
    assert shown.startswith(f"{100 * row['estimate']:.0f}%")
    assert "κₓ, normalised" in tables["alignment"].header


def test_old_links_lead_to_where_things_are_now(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    for key, name in (
        ("rates", "rates_country"),
        ("agreement", "agreement_alpha"),
        ("variance", "variance_latent_share"),
    ):
        moved = staff.get(reverse("analysis:result_svg", args=[run.pk, name]))
        now = reverse("analysis:result_family_svg", args=[run.pk, key, name])
        assert (moved.status_code, moved["Location"]) == (301, now)
        assert staff.get(now).status_code == 200
    assert staff.get(reverse("analysis:result_svg", args=[run.pk, "nothing"])).status_code == 404
    assert staff.get(reverse("analysis:result_family", args=[run.pk, "nothing"])).status_code == 404
    assert staff.get(reverse("analysis:result_family_svg", args=[run.pk, "paper", "rates_country"])).status_code == 404


def test_analysis_from_before_the_overview_was_kept_is_still_shown(
    full: Made, full_report: Report, staff: Client
) -> None:
    run = store(full, full_report)
    AnalysisRun.objects.filter(pk=run.pk).update(overview=[], results_hash="", plan_hash="")
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert "People follow the local expectation in 67%" in page
    assert "computed before their hash was kept" in page


def test_overview_keeps_the_record_that_makes_it_repeatable(made: Made, planned_report: Report, staff: Client) -> None:
    run = store(made, planned_report)
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert len(run.plan_hash) == len(run.results_hash) == len(run.snapshot_hash) == 64
    for told in (run.plan_hash, run.results_hash, run.snapshot_hash, run.code_version, "seed: 1; 2000 resamples"):
        assert told in page
    assert "level of significance: 0.05, intervals 95%" in page
    assert all(escape(warning) in page for warning in run.warnings)


def test_every_figure_of_simulated_data_says_so(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    page = text_of(staff, reverse("analysis:result_family", args=[run.pk, "rates"]))
    assert page.count('class="figure"') == page.count('class="note"') > 0
    svg = text_of(staff, reverse("analysis:result_family_svg", args=[run.pk, "rates", "rates_country"]))
    assert "Contains simulated data" in svg


def test_figure_file_is_a_whole_svg(full: Made, full_report: Report, staff: Client) -> None:
    response = staff.get(
        reverse("analysis:result_family_svg", args=[store(full, full_report).pk, "rates", "rates_country"])
    )
    root = ElementTree.fromstring(response.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert response["Content-Type"] == "image/svg+xml"
    assert b" style=" not in response.content


def test_result_downloads_hold_the_stored_numbers(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    stored = json.loads(text_of(staff, reverse("analysis:result_json", args=[run.pk])))
    assert stored["snapshot_hash"] == run.snapshot_hash
    assert stored["tables"] == run.results["tables"]
    family = json.loads(text_of(staff, reverse("analysis:result_family_json", args=[run.pk, "rates"])))
    assert family["tables"] == {name: run.results["tables"][name] for name in HOLDS[FamilyKey.RATES].tables}
    assert family["finding"].startswith("People follow the local expectation in 67%")
    lines = text_of(staff, reverse("analysis:result_csv", args=[run.pk, "rates"])).splitlines()
    assert lines[0].split(",") == run.results["tables"]["rates"]["columns"]
    assert lines[1].startswith("overall,all,personal,0.666")


def test_unfinished_analysis_has_no_downloads(made: Made, staff: Client) -> None:
    run = domain.request_analysis(made.study, ALL)
    assert staff.get(reverse("analysis:result_json", args=[run.pk])).status_code == 404
    assert staff.get(reverse("analysis:result_csv", args=[run.pk, "rates"])).status_code == 404
    for name in ("result_family_json", "result_svg", "result_figures"):
        args = [run.pk, "rates"] if name != "result_figures" else [run.pk]
        assert staff.get(reverse(f"analysis:{name}", args=args)).status_code == 404
    to_overview = staff.get(reverse("analysis:result_family", args=[run.pk, "rates"]))
    assert (to_overview.status_code, to_overview["Location"]) == (302, reverse("analysis:result", args=[run.pk]))


def test_export_streams_the_file_with_a_telling_name(full: Made, staff: Client) -> None:
    address = reverse("analysis:export", args=["tiny", "wide.csv"])
    response = staff.get(address, {"data": "real", "sessions": "complete"})
    assert response.streaming
    assert response["Content-Disposition"] == 'attachment; filename="tiny_wide_real_complete.csv"'
    lines = response.getvalue().decode().splitlines()
    assert len(lines) == 1 + 36


@pytest.mark.parametrize("name", ["secrets.csv", "long.exe", "long"])
def test_unknown_export_is_404(full: Made, staff: Client, name: str) -> None:
    assert staff.get(reverse("analysis:export", args=["tiny", name])).status_code == 404


def test_api_gives_results_to_staff_only(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    listed = staff.get("/api/results/").json()["results"]
    assert [(one["id"], one["study"], "results" in one) for one in listed] == [(run.pk, "tiny", False)]
    assert staff.get(f"/api/results/{run.pk}/").json()["results"] == run.results
    assert Client().get("/api/results/").status_code in (401, 403)
    assert staff.post("/api/results/", {}).status_code == 415  # JSON only


def test_admin_shows_analyses_and_lets_nobody_change_them(
    full: Made, full_report: Report, admin_client: Client
) -> None:
    run = store(full, full_report)
    address = reverse("admin:analysis_analysisrun_change", args=[run.pk])
    assert admin_client.get(reverse("admin:analysis_analysisrun_changelist")).status_code == 200
    assert admin_client.get(address).status_code == 200
    assert admin_client.post(address, {"state": "failed"}).status_code == 403


def test_nothing_that_happens_to_the_data_changes_what_an_analysis_found(
    full: Made, full_report: Report, staff: Client
) -> None:
    run = store(full, full_report)
    first = reverse("analysis:result", args=[run.pk])
    pages = [first, *(reverse("analysis:result_family", args=[run.pk, key]) for key in FamilyKey)]

    def read() -> dict[str, object]:
        links = {link for page in pages for link in re.findall(rf'href="({first}[^"#]+)" download', body(page))}
        return {address: body(address) for address in sorted({*pages, *links})}

    def body(address: str) -> str:
        answer = staff.get(address)
        assert answer.status_code == 200, address
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", b"".join(answer).decode())

    before = read()
    assert len(before) > 2 * len(pages)
    SurveySession.objects.filter(status=Status.COMPLETE).update(status=Status.WITHDREW)  # everybody leaves; one comes
    make_session(full, "BR", answers={"BR00": ("preference", "preference")})
    assert read_snapshot_hash(full.study) != run.snapshot_hash
    assert read() == before
