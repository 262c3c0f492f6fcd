"""Whole experiments against llama.cpp itself, through a real Celery worker: a tiny model with random weights."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from survey.enums import Choice, OptionOrder, Question
from survey.llm import domain, tasks
from survey.llm.design import Design
from survey.llm.enums import CellState, Feature, Method, ParseStage, PromptFormat, ProviderName, Stage
from survey.llm.experiment import Experiment
from survey.llm.models import Completion, ModelSpec, Run
from survey.llm.parsing import read_probabilities
from survey.llm.probing import begin_probe
from survey.llm.prompts import LABELS, Persona
from survey.llm.wire import read_reply
from survey.models import Study
from tests.survey.llm.tiny_model import TinyServer, write_model
from tests.survey.llm.workers import Workers, is_done, wait_until

pytest.importorskip("xllamacpp", reason="xllamacpp, a llama.cpp server as a wheel, cannot be imported here")
pytestmark = pytest.mark.django_db(transaction=True)

N_SAMPLES = 200
PERSONAS = (None, Persona("BR", "older", "female"), Persona("ZA", "younger", "male"))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TinyServer]]:
    """Serve two models: one as instruct, one as base."""
    folder: Path = tmp_path_factory.mktemp("models")
    found = {}
    for stage, seed in ((Stage.INSTRUCT, 2), (Stage.BASE, 4)):
        write_model(folder / f"{stage}.gguf", seed)
        found[str(stage)] = TinyServer(folder / f"{stage}.gguf")
    yield found
    found.clear()


@pytest.fixture
def instruct(servers: dict[str, TinyServer], make_spec: Callable[..., ModelSpec]) -> ModelSpec:
    address = servers["instruct"].base_url
    return make_spec("tiny_instruct", provider=ProviderName.OPENAI, base_url=address, model="tiny", max_in_flight=4)


@pytest.fixture
def base(servers: dict[str, TinyServer], make_spec: Callable[..., ModelSpec]) -> ModelSpec:
    return make_spec(
        "tiny_base", provider=ProviderName.OPENAI, base_url=servers["base"].base_url, model="tiny", max_in_flight=4,
        stage=Stage.BASE, prompt_format=PromptFormat.COMPLETIONS,
    )  # fmt: skip


def ask(workers: Workers, study: Study, design: Design, *specs: ModelSpec, n_items: int = 3) -> Run:
    """Run an experiment through a worker to its end."""
    run = domain.create_run(Experiment(study, design, specs, list(study.version.items.order_by("code"))[:n_items]))
    workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: is_done(run))
    return run


def completions(run: Run, method: Method) -> list[Completion]:
    rows = Completion.objects.filter(cell__run=run, cell__method=method).select_related("cell__item", "cell__spec")
    return list(rows.order_by("pk"))


def probability_of_a(completion: Completion) -> float:
    assert completion.p_culture is not None
    is_first = completion.cell.option_order == OptionOrder.CULTURE_FIRST
    return completion.p_culture if is_first else 1 - completion.p_culture


def test_alignment_experiment_on_a_real_model(
    study: Study, instruct: ModelSpec, base: ModelSpec, workers: Workers
) -> None:
    design = Design(personas=PERSONAS, methods=(Method.FIRST_TOKEN,))
    run = ask(workers, study, design, instruct, base)
    answered = completions(run, Method.FIRST_TOKEN)
    assert len(answered) == run.n_cells == 3 * 2 * 2 * 3 * 2
    assert set(run.cells.values_list("state", flat=True)) == {CellState.DONE}
    assert {row.parse_stage for row in answered} == {ParseStage.LABEL}
    assert min(row.label_mass or 0 for row in answered) > 0.8
    assert all("prompt" in row.request for row in answered if row.cell.spec == base)
    assert all("messages" in row.request for row in answered if row.cell.spec == instruct)
    assert all(row.prompt_tokens and row.completion_tokens and not row.is_simulated for row in answered)

    for spec in (instruct, base):
        own = [row for row in answered if row.cell.spec == spec]
        assert len({round(row.p_culture or 0, 6) for row in own}) == len(own)  # every prompt moves it
        by_persona = defaultdict(list)
        for row in own:
            by_persona[row.cell.persona_country].append(probability_of_a(row))
        means = [sum(values) / len(values) for values in by_persona.values()]
        assert len(means) == 3
        assert max(means) - min(means) > 1e-3

    for row in answered:  # what is stored is what was read from the stored reply
        again = read_probabilities(read_reply(row.reply).first_tokens, _options(row))
        assert again == pytest.approx((row.p_culture, row.label_mass))


def _options(row: Completion) -> list[Choice]:
    both = [Choice.CULTURE, Choice.PREFERENCE]
    return both if row.cell.option_order == OptionOrder.CULTURE_FIRST else both[::-1]


def test_samples_agree_with_log_probabilities(study: Study, instruct: ModelSpec, workers: Workers) -> None:
    """Neutral samples are draws from the very distribution that the log-probabilities tell."""
    design = Design(questions=(Question.PERSONAL,), methods=(Method.FIRST_TOKEN, Method.SAMPLE), n_samples=N_SAMPLES)
    run = ask(workers, study, design, instruct, n_items=1)
    known = {row.cell.option_order: row for row in completions(run, Method.FIRST_TOKEN)}
    drawn = completions(run, Method.SAMPLE)
    assert len(known) == 2
    assert len({row.seed for row in drawn}) == len(drawn) == 2 * N_SAMPLES
    for order, row in known.items():
        texts = [sample.text.strip() for sample in drawn if sample.cell.option_order == order]
        assert set(texts) >= set(LABELS)  # the less likely label is drawn too
        labelled = [text for text in texts if text in LABELS]
        share, p = labelled.count("A") / len(labelled), probability_of_a(row)
        assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / len(labelled)), (order, share, p)
        mass = row.label_mass or 0
        assert abs(len(labelled) / N_SAMPLES - mass) < 4 * math.sqrt(mass * (1 - mass) / N_SAMPLES) + 0.01


def test_restricted_choice_is_always_readable(study: Study, instruct: ModelSpec, workers: Workers) -> None:
    design = Design(questions=(Question.NORM,), methods=(Method.JSON_CHOICE,), n_samples=10)
    run = ask(workers, study, design, instruct, n_items=1)
    answered = completions(run, Method.JSON_CHOICE)
    assert {row.parse_stage for row in answered} == {ParseStage.JSON_FIELD}
    assert len(answered) == 20


@pytest.mark.parametrize("name", ["instruct", "base"])
def test_probe_tells_the_truth(name: str, request: pytest.FixtureRequest) -> None:
    spec: ModelSpec = request.getfixturevalue(name)
    probe = begin_probe(spec)
    tasks.probe(probe.pk)
    probe.refresh_from_db()
    assert probe.error == ""
    works = {feature: found["works"] for feature, found in probe.findings.items()}
    assert works == {
        Feature.CALL: True,
        Feature.LOGPROBS: True,
        Feature.LABEL_MASS: True,
        Feature.LOGPROBS_AT_T: False,  # llama.cpp tells them as they are before the sampler
        Feature.NEUTRAL: True,
        Feature.TEMPERATURE: True,
        Feature.SEED: True,
        Feature.SEVERAL: True,
        Feature.JSON_SCHEMA: name == "instruct",
    }
    assert probe.findings[Feature.LOGPROBS]["value"] >= (
        10 if name == "instruct" else 3
    )  # undecodable tokens look alike
    assert probe.findings[Feature.LABEL_MASS]["value"] > 0.8


def test_endpoint_that_cannot_do_a_method_is_refused_with_words(study: Study, base: ModelSpec) -> None:
    tasks.probe(begin_probe(base).pk)
    design = Design(methods=(Method.JSON_CHOICE,))
    with pytest.raises(ValueError, match="tiny_base continues plain text"):
        domain.create_run(Experiment(study, design, [base], list(study.version.items.all())))
