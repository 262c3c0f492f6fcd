from __future__ import annotations

from collections.abc import Callable

import pytest

from survey.enums import Locale, OptionOrder
from survey.flow.wording import word_item
from survey.llm import domain
from survey.llm.enums import PersonaSetting, ProviderName
from survey.llm.models import Cell, ModelSpec
from survey.llm.requests import build_request, request_hash
from survey.models import Study
from survey.queries import text_catalogue

MakeSpec = Callable[..., ModelSpec]


@pytest.fixture
def spec(make_spec: MakeSpec) -> ModelSpec:
    return make_spec(
        "served", provider=ProviderName.OPENAI, base_url="http://localhost:1/v1", parameters={"seed": None, "top_k": 0}
    )


@pytest.fixture
def cell(study: Study, spec: ModelSpec) -> Cell:
    run = domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.NO_PERSONA])
    return run.cells.select_related("item").order_by("pk")[0]


def test_text_hash_is_the_one_that_people_get_for_the_same_words(study: Study, spec: ModelSpec, cell: Cell) -> None:
    wording = word_item(text_catalogue(study.version_id, Locale.EN_US), cell.item.code)
    request = build_request(spec, cell, study.version_id)
    assert request.text_hash == wording.digest(cell.question, OptionOrder(cell.option_order))  # type: ignore[arg-type]


def test_fields_that_a_spec_leaves_out_are_named(study: Study, spec: ModelSpec, cell: Cell) -> None:
    request = build_request(spec, cell, study.version_id)
    assert request.dropped == ("seed",)
    assert "seed" not in request.body
    assert request.body["top_k"] == 0


def test_request_hash_follows_body_endpoint_and_repeat_and_nothing_else(spec: ModelSpec) -> None:
    known = request_hash(spec, {"a": 1, "b": 2}, 0)
    spec.timeout_s, spec.max_in_flight, spec.tag = 1, 1, "renamed"
    assert request_hash(spec, {"b": 2, "a": 1}, 0) == known
    spec.base_url += "/"
    assert request_hash(spec, {"a": 1, "b": 2}, 0) == known
    others = [request_hash(spec, {"a": 1, "b": 3}, 0), request_hash(spec, {"a": 1, "b": 2}, 1)]
    spec.model = "another"
    others.append(request_hash(spec, {"a": 1, "b": 2}, 0))
    assert len({known, *others}) == 4


def test_simulated_models_of_other_behaviour_do_not_share_answers(make_spec: MakeSpec) -> None:
    one, two = make_spec("one", model="m"), make_spec("two", model="m")
    three = ModelSpec(tag="one", model="m", provider=ProviderName.SIMULATED, parameters={"order_bias": 1})
    assert len({request_hash(spec, {}, 0) for spec in (one, two, three)}) == 3
