from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from survey.llm import completion_views, domain, tasks, trouble
from survey.llm.completion_filter import CompletionFilter
from survey.llm.design import Design
from survey.llm.enums import CellState, Method, PersonaSetting, PromptCondition, RunState
from survey.llm.experiment import Experiment
from survey.llm.models import Attempt, Completion, ModelSpec, Run
from survey.models import Study
from tests.factories import make_study

MakeSpec = Callable[..., ModelSpec]
PAGES = [
    ("get", "llm:runs", False),
    ("get", "llm:run_new", False),
    ("post", "llm:run_new", False),
    ("get", "llm:run", True),
    ("get", "llm:run_progress", True),
    ("post", "llm:run_cancel", True),
    ("post", "llm:run_resume", True),
    ("get", "llm:specs", False),
    ("get", "llm:spec_new", False),
    ("post", "llm:spec_new", False),
    ("get", "llm:completions", False),
    ("get", "llm:completions_csv", False),
]


@pytest.fixture
def run(study: Study, make_spec: MakeSpec) -> Run:
    specs = [make_spec("one"), make_spec("two")]
    return domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])


@pytest.mark.parametrize(("method", "name", "takes_run"), PAGES)
def test_page_is_for_staff_only(
    method: str, name: str, takes_run: bool, run: Run, client: Client, visitor_client: Client
) -> None:
    url = reverse(name, args=[run.pk] if takes_run else [])
    for anyone in (client, visitor_client):
        response = getattr(anyone, method)(url)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("login"))
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


@pytest.mark.parametrize("name", ["llm:run_cancel", "llm:run_resume"])
def test_changes_need_a_post_with_a_token(name: str, run: Run, staff_client: Client) -> None:
    assert staff_client.get(reverse(name, args=[run.pk])).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff_client.cookies
    assert strict.post(reverse(name, args=[run.pk])).status_code == 403


def test_list_shows_the_runs_of_a_study(run: Run, staff_client: Client) -> None:
    page = staff_client.get(reverse("llm:runs"), {"study": "trial"}).content.decode()
    assert f"Run {run.pk}" in page
    assert "one (simulated), two (simulated)" in page
    assert staff_client.get(reverse("llm:runs"), {"study": "absent"}).status_code == 404


def test_list_takes_the_same_queries_for_one_and_three_runs(
    study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    spec = make_spec()
    counts = []
    for n_more in (1, 2):
        for _ in range(n_more):
            domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.NO_PERSONA], limit=1)
        with CaptureQueriesContext(connection) as captured:
            staff_client.get(reverse("llm:runs"))
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("in_process")
def test_page_of_a_done_run_shows_answers_side_by_side(run: Run, staff_client: Client) -> None:
    tasks.start_run.delay(run.pk)
    page = staff_client.get(reverse("llm:run", args=[run.pk])).content.decode()
    assert '<span class="state done">Done</span>' in page
    assert "<dd>100 % <small>24 of 24 questions</small></dd>" in page
    assert 'aria-label="one: 12 answered"' in page
    assert page.count("p(culture)") == 4 * 2
    assert "data-refresh-url" not in page
    part = staff_client.get(reverse("llm:run_progress", args=[run.pk]))
    assert part.headers["X-Refresh"] == "stop"


def test_samples_are_questions_that_the_slowest_model_has_answered(run: Run, staff_client: Client) -> None:
    domain.begin_run(run)
    fast, slow = run.specs.order_by("tag")
    tasks.work(fast.pk)
    tasks.work(slow.pk)
    unasked = list(run.cells.filter(spec=slow).order_by("pk").values_list("pk", flat=True)[:2])
    Completion.objects.filter(cell__in=unasked).delete()
    run.cells.filter(pk__in=unasked).update(state=CellState.TODO)
    shown = staff_client.get(reverse("llm:run_progress", args=[run.pk])).context["samples"]
    assert [[answer is None for answer in sample.answers] for sample in shown] == [[False, False]] * 4
    answered_by_slow = set(Completion.objects.filter(cell__spec=slow).values_list("pk", flat=True))
    assert {sample.answers[1].pk for sample in shown} <= answered_by_slow


@pytest.mark.usefixtures("in_process")
def test_answers_side_by_side_are_to_the_very_same_question(
    study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    specs = [make_spec("one"), make_spec("two")]
    design = Design(methods=(Method.FIRST_TOKEN, Method.SAMPLE), n_samples=3, conditions=tuple(PromptCondition))
    run = domain.create_run(Experiment(study, design, specs, list(study.version.items.all())))
    tasks.start_run.delay(run.pk)
    shown = staff_client.get(reverse("llm:run_progress", args=[run.pk])).context["samples"]
    for sample in shown:
        first, second = (answer.cell for answer in sample.answers)
        assert (first.method, first.repeat, first.condition) == (second.method, second.repeat, second.condition)
    assert len(shown) == 4


def test_page_of_an_open_run_refreshes_its_progress(run: Run, staff_client: Client) -> None:
    url = reverse("llm:run_progress", args=[run.pk])
    page = staff_client.get(reverse("llm:run", args=[run.pk])).content.decode()
    assert f'data-refresh-url="{url}"' in page
    part = staff_client.get(url)
    assert part.headers["X-Refresh"] == "2"
    assert "<html" not in part.content.decode()
    assert "<dd>0 % <small>0 of 24 questions</small></dd>" in part.content.decode()


def stop(run: Run, reason: str) -> None:
    for spec in run.specs.all():
        trouble.stop_model(run, spec, reason)


def test_page_shows_what_failed_and_what_to_mend(run: Run, staff_client: Client) -> None:
    domain.begin_run(run)
    stop(run, "Check the key <b>.")
    cell = run.cells.first()
    assert cell is not None
    for message in ("no key", "bad key"):
        Attempt.objects.create(
            cell=cell, status_code=401, error_class="EndpointRefused", message=message, body='{"why": "<old>"}'
        )
    page = staff_client.get(reverse("llm:run", args=[run.pk])).content.decode()
    assert "Check the key &lt;b&gt;." in page
    assert "2 × Endpoint refused: the model stops" in page
    assert "HTTP 401" in page
    assert ("bad key" in page, "no key" in page) == (True, False)
    assert "{&quot;why&quot;: &quot;&lt;old&gt;&quot;}" in page


@pytest.mark.parametrize(
    ("state", "offered", "seconds"),
    [
        (RunState.QUEUED, {"pause", "cancel", "budget"}, "2"),
        (RunState.RUNNING, {"pause", "cancel", "budget"}, "2"),
        (RunState.PAUSED, {"resume", "cancel", "budget"}, "15"),
        (RunState.FAILED, {"resume", "cancel", "budget"}, "15"),
        (RunState.CANCELLED, set(), "stop"),
        (RunState.DONE, set(), "stop"),
    ],
)
def test_controls_fit_the_state_and_are_refreshed_with_it(
    state: RunState, offered: set[str], seconds: str, run: Run, staff_client: Client
) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, currency="USD", budget=2, spent="0.5")
    part = staff_client.get(reverse("llm:run_progress", args=[run.pk]))
    names = ("pause", "resume", "cancel", "budget")
    found = {name for name in names if f'action="{reverse(f"llm:run_{name}", args=[run.pk])}"' in part.content.decode()}
    assert found == offered
    assert part.headers["X-Refresh"] == seconds
    assert '<progress max="100" value="25"' in part.content.decode()


def test_run_that_was_stopped_is_watched_until_nothing_is_in_flight(run: Run, staff_client: Client) -> None:
    domain.begin_run(run)
    domain.lease_cells(run, run.specs.get(tag="one"), 2)
    domain.cancel_run(run)
    url = reverse("llm:run_progress", args=[run.pk])
    assert staff_client.get(url).headers["X-Refresh"] == "2"
    run.cells.filter(state=CellState.LEASED).update(state=CellState.DONE)
    assert staff_client.get(url).headers["X-Refresh"] == "stop"


def test_list_of_runs_shows_how_far_each_is(run: Run, staff_client: Client) -> None:
    run.cells.filter(pk__in=run.cells.order_by("pk")[:3].values("pk")).update(state=CellState.REFUSED)
    page = staff_client.get(reverse("llm:runs")).content.decode()
    assert f'aria-label="run {run.pk}: 3 refused, 21 to do"' in page
    assert "3 of 24" in page


def test_list_without_runs_says_what_to_do_next(staff_client: Client, make_spec: MakeSpec) -> None:
    assert reverse("llm:spec_new") in staff_client.get(reverse("llm:runs")).content.decode()
    make_spec()
    assert "No run yet. Choose models" in staff_client.get(reverse("llm:runs")).content.decode()


def test_progress_takes_the_same_queries_for_one_and_three_models(
    study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    counts = []
    for tags in (["a"], ["b", "c", "d"]):
        specs = [make_spec(tag) for tag in tags]
        run = domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])
        with CaptureQueriesContext(connection) as captured:
            staff_client.get(reverse("llm:run_progress", args=[run.pk]))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_cancel_ends_the_run(run: Run, staff_client: Client) -> None:
    response = staff_client.post(reverse("llm:run_cancel", args=[run.pk]), follow=True)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert set(run.cells.values_list("state", flat=True)) == {CellState.CANCELLED}
    assert "The run is cancelled." in response.content.decode()
    again = staff_client.post(reverse("llm:run_cancel", args=[run.pk]), follow=True)
    assert "had ended already" in again.content.decode()


@pytest.mark.usefixtures("in_process")
def test_resume_goes_on_where_the_run_stopped(run: Run, staff_client: Client) -> None:
    domain.begin_run(run)
    stop(run, "mend the key")
    staff_client.post(reverse("llm:run_resume", args=[run.pk]))
    run.refresh_from_db()
    assert (run.state, run.error, Completion.objects.count()) == (RunState.DONE, "", 24)
    again = staff_client.post(reverse("llm:run_resume", args=[run.pk]), follow=True)
    assert "Only a run that is paused or was stopped" in again.content.decode()


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", ["modelspec", "run", "cell", "completion", "attempt"])
def test_admin_shows_raw_records_and_changes_none(name: str, run: Run, admin_client: Client) -> None:
    tasks.start_run.delay(run.pk)
    cell = run.cells.get(pk=run.cells.values("pk")[:1])
    attempt = Attempt.objects.create(cell=cell, error_class="Transient", message="busy")
    pk = {"modelspec": cell.spec_id, "run": run.pk, "cell": cell.pk, "completion": cell.completions.get().pk}
    assert admin_client.get(reverse(f"admin:llm_{name}_changelist")).status_code == 200
    page = reverse(f"admin:llm_{name}_change", args=[pk.get(name, attempt.pk)])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {}).status_code == 403
    assert admin_client.get(reverse(f"admin:llm_{name}_add")).status_code == 403


# --- Completions ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_process")
def test_completions_are_found_by_their_factors_and_in_pages(
    run: Run, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("survey.llm.completion_views.PAGE_SIZE", 5)
    tasks.start_run.delay(run.pk)
    url = reverse("llm:completions")
    seen: list[int] = []
    query = f"?spec=one&run={run.pk}"
    while query:
        response = staff_client.get(url + query)
        seen += [row.pk for row in response.context["rows"]]
        query = response.context["older"]
        assert "spec=one" in query or not query
    own = Completion.objects.filter(cell__spec__tag="one").order_by("-pk")
    assert seen == list(own.values_list("pk", flat=True))
    chosen = {"item": "T02", "question": "norm", "option_order": "culture_first", "persona_setting": "no_persona"}
    assert len(staff_client.get(url, chosen).context["rows"]) == 2
    assert staff_client.get(url, {"state": "refused"}).context["rows"] == []
    assert staff_client.get(url, {"question": "colour"}).context["rows"] == []


@pytest.mark.usefixtures("in_process")
def test_every_filter_of_completions_finds_what_it_names(
    study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    tasks.start_run.delay(domain.create_alignment_run(study, specs=[make_spec("one")], limit=2).pk)
    shown = Completion.objects.select_related("cell__item", "cell__run__study", "cell__spec").filter(
        cell__persona_country="ZA", cell__item__code="T02"
    )[0]
    Completion.objects.filter(pk=shown.pk).update(text="A rare 100% word", choice="preference")
    cell = shown.cell
    named: dict[str, str | int] = {
        "run": cell.run_id, "study": "trial", "spec": "one", "item": "t02", "country": "MM", "question": cell.question,
        "option_order": cell.option_order, "persona_setting": "persona", "persona_country": "ZA",
        "persona_age": cell.persona_age, "persona_gender": cell.persona_gender, "locale": "en-US",
        "condition": "no_balance", "paraphrase": 1, "preference_config": "actor_pref_only",
        "demographic_config": "no_demo", "method": "first_token", "state": "done", "parse_stage": "label",
        "choice": "preference", "is_taken": "False", "is_simulated": "True", "text": "RARE 100% w",
    }  # fmt: skip
    assert set(named) == set(CompletionFilter.base_filters)
    url = reverse("llm:completions")
    response = staff_client.get(url, named)
    assert [row.pk for row in response.context["rows"]] == [shown.pk]
    assert len(response.context["chips"]) == len(named)
    others: dict[str, str | int] = {
        "run": 0, "item": "T01", "country": "ZA", "persona_country": "BR", "state": "refused", "parse_stage": "refusal",
        "is_taken": "True", "is_simulated": "False", "text": "absent", "method": "sample", "paraphrase": 2,
    }  # fmt: skip
    for name, value in others.items():
        assert staff_client.get(url, {**named, name: value}).context["rows"] == [], name


@pytest.mark.usefixtures("in_process")
def test_filters_make_a_permanent_link_and_can_be_removed_one_by_one(run: Run, staff_client: Client) -> None:
    tasks.start_run.delay(run.pk)
    url = reverse("llm:completions")
    sent = staff_client.get(f"{url}?spec=one&item=&question=norm&text=&utm=1&below=9")
    assert (sent.status_code, sent["Location"]) == (302, f"{url}?spec=one&question=norm&below=9")
    page = staff_client.get(f"{url}?spec=one&question=norm")
    assert [(chip.label, chip.value, chip.without) for chip in page.context["chips"]] == [
        ("Model", "one (simulated)", "?question=norm"), ("Question", "Norm judgment", "?spec=one"),
    ]  # fmt: skip
    assert "No completion is like this" in staff_client.get(url, {"text": "absent"}).content.decode()


@pytest.mark.usefixtures("in_process")
def test_csv_of_completions_has_what_the_filter_finds_and_no_formula(run: Run, staff_client: Client) -> None:
    tasks.start_run.delay(run.pk)
    first = Completion.objects.filter(cell__spec__tag="one", cell__question="norm").earliest("pk")
    Completion.objects.filter(pk=first.pk).update(text='=HYPERLINK("x"),\nand a line')
    response = staff_client.get(reverse("llm:completions_csv"), {"spec": "one", "question": "norm"})
    assert response.streaming
    rows = list(csv.DictReader(StringIO(response.getvalue().decode())))
    assert len(rows) == 6
    assert {(row["model_tag"], row["question"], row["is_simulated"]) for row in rows} == {("one", "norm", "True")}
    assert (rows[0]["completion"], rows[0]["text"]) == (str(first.pk), '\'=HYPERLINK("x"),\nand a line')
    assert staff_client.get(reverse("llm:completions_csv"), {"question": "colour"}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_csv_are_read_while_it_is_sent_and_not_before() -> None:
    study = make_study()
    rows = completion_views.read_as_sent(Study.objects.values_list("pk"))
    assert next(rows) == (study.pk,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_holdable FROM pg_cursors WHERE statement LIKE '%%survey_study%%'")
        assert cursor.fetchall() == [(False,)]  # a holdable one has put a copy of all its rows aside
    assert list(rows) == []


@pytest.mark.usefixtures("in_process")
def test_search_that_takes_too_long_is_given_up(
    run: Run, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.start_run.delay(run.pk)
    slow = Completion.objects.extra(where=["pg_sleep(0.5)::text = ''"])
    monkeypatch.setattr(completion_views, "read_filter", lambda request: CompletionFilter(request.GET, queryset=slow))
    monkeypatch.setattr(completion_views, "SEARCH_SECONDS", 0.05)
    response = staff_client.get(reverse("llm:completions"), {"run": run.pk})
    assert "The search took too long." in response.content.decode()


@pytest.mark.usefixtures("in_process")
def test_completion_has_a_page_with_request_and_reply_as_stored(run: Run, staff_client: Client) -> None:
    tasks.start_run.delay(run.pk)
    completion = Completion.objects.select_related("cell__item").order_by("pk")[0]
    page = staff_client.get(reverse("llm:completion", args=[completion.pk])).content.decode()
    assert "Simulated." in page
    assert completion.request["messages"][0]["content"] in page
    assert completion.reply["id"] in page
    assert completion.text_hash in page
    assert staff_client.get(reverse("llm:completion", args=[0])).status_code == 404


@pytest.mark.usefixtures("in_process")
def test_list_of_completions_takes_few_queries_whatever_its_length(run: Run, staff_client: Client) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            staff_client.get(reverse("llm:completions"))
        counts.append(len(captured))
        tasks.start_run.delay(run.pk)
    assert counts[0] == counts[1]
