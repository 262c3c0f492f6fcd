"""What models answered to the items of a small study, as real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from survey.enums import Choice, Locale, OptionOrder, Question
from survey.llm.enums import CellState, Method, PersonaSetting, ProviderName, RunState
from survey.llm.models import Cell, Completion, ModelSpec, Run
from survey.models import Item

if TYPE_CHECKING:
    from tests.analysis.conftest import Made


def make_spec(tag: str = "model_a", provider: ProviderName = ProviderName.OPENAI) -> ModelSpec:
    return ModelSpec.objects.create(tag=tag, provider=provider, base_url="http://localhost:8000/v1", model=f"org/{tag}")


def make_run(made: Made, *specs: ModelSpec, state: RunState = RunState.DONE) -> Run:
    run = Run.objects.create(study=made.study, state=state, manifest={}, n_cells=0)
    run.specs.set(specs)
    return run


def make_completion(run: Run, spec: ModelSpec, item: Item, **answered: Any) -> Completion:
    """Store one model answer, as `completion_of` describes it."""
    (completion,) = store_completions([completion_of(run, spec, item, **answered)])
    return completion


def store_completions(completions: list[Completion]) -> list[Completion]:
    """Store model answers and their cells at once: one by one they were most of what a study costs."""
    Cell.objects.bulk_create([completion.cell for completion in completions])
    return Completion.objects.bulk_create(completions)


def completion_of(
    run: Run,
    spec: ModelSpec,
    item: Item,
    *,
    question: Question = Question.PERSONAL,
    order: OptionOrder = OptionOrder.CULTURE_FIRST,
    choice: Choice | str = Choice.CULTURE,
    p: float | None = None,
    persona: tuple[str, str, str] = ("", "", ""),
    **configured: str | int,
) -> Completion:
    """Give one model answer, not stored; an empty choice is a refusal. `configured` are more of the cell's columns."""
    country, age, gender = persona
    cell = Cell(
        run=run,
        spec=spec,
        item=item,
        question=question,
        persona_setting=PersonaSetting.PERSONA if country else PersonaSetting.NO_PERSONA,
        persona_country=country,
        persona_age=age,
        persona_gender=gender,
        locale=Locale.EN_US,
        option_order=order,
        method=Method.FIRST_TOKEN,
        state=CellState.DONE if choice else CellState.REFUSED,
        **configured,
    )
    return Completion(
        cell=cell,
        request={},
        choice=choice,
        p_culture=p,
        parser_version="1",
        parse_stage="label" if choice else "refusal",
        latency_ms=10,
        is_simulated=spec.is_simulated,
    )
