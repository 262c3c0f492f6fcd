"""The map of items and the page of one item: the right numbers, nothing hidden shown, the same cost at any size."""

import csv
import io
import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analysis.explorer import N_SAMPLES, TEXT_PARTS, Answers, Spot, sample_completions
from analysis.item_models import persona_lines, together
from analysis.live_summary import count_answers
from analysis.models import ItemCount
from analysis.stats.live_counts import wilson_95
from analysis.stats.wilson import wilson_interval
from survey.enums import OptionOrder, Question
from survey.flow.wording import ITEM_FIELDS
from tests.analysis.conftest import Made, fill, make_completion, make_run, make_session, make_spec

MAP_QUERIES = 7
ITEM_QUERIES = 10


def page(client: Client, name: str, *args: str, **query: str) -> str:
    response = client.get(reverse(f"analysis:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_map_gives_the_share_of_every_item_and_country(full: Made, staff: Client) -> None:
    count_answers()
    table = page(staff, "items_csv", full.study.code, question="norm")
    rows = {(row["item_code"], row["respondent_country"]): row for row in csv.DictReader(io.StringIO(table))}
    assert len(rows) == 6
    assert rows[full.items[0].code, "BR"] == {
        "item_code": full.items[0].code, "scenario_country": "BR", "theme": "food_hospitality", "question": "norm",
        "respondent_country": "BR", "is_simulated": "False", "n": "6", "rate": "1.0",
    }  # fmt: skip
    assert '<td class="s4">100% <small>6</small></td>' in page(staff, "items", full.study.code, question="norm")


def test_choices_stand_in_the_address(full: Made, staff: Client) -> None:
    count_answers()
    shown = page(staff, "items", full.study.code, scenario="US")
    assert (f">{full.items[1].code}<" in shown, f">{full.items[0].code}<" in shown) == (True, False)
    core = page(staff, "items", full.study.code, core="1")
    assert (f">{full.items[0].code}<" in core, f">{full.items[1].code}<" in core) == (True, False)
    assert "No item fits this choice" in page(staff, "items", full.study.code, theme="gift_giving", scenario="US")


def test_blind_map_counts_answers_and_says_no_outcome(full: Made, staff: Client) -> None:
    count_answers()
    full.study.unblinded_at = None
    full.study.save()
    shown = page(staff, "items", full.study.code)
    assert ('<td class="none">6</td>' in shown, "%</td>" in shown or "% <small>" in shown) == (True, False)
    assert {row["rate"] for row in csv.DictReader(io.StringIO(page(staff, "items_csv", full.study.code)))} == {"NA"}
    one = page(staff, "item", full.study.code, full.items[0].code)
    assert ("<svg" in one, "is hidden until the study is" in one) == (False, True)


def test_simulated_people_step_back_before_real_ones(made: Made, staff: Client) -> None:
    make_session(made, "BR", is_simulated=True)
    count_answers()
    back = "simulated ones stepped back"
    assert "Simulated people." in (shown := page(staff, "items", made.study.code))
    assert back not in shown
    make_session(made, "BR")
    count_answers()
    assert "Simulated people." not in (shown := page(staff, "items", made.study.code))
    assert back in shown
    ItemCount.objects.filter(is_simulated=False, item=made.items[0]).delete()
    one = page(staff, "item", made.study.code, made.items[0].code)
    assert back in one
    assert "No real person has answered this item" in one


def test_item_shows_texts_people_models_and_samples(full: Made, staff: Client) -> None:
    count_answers()
    item = full.items[0]
    shown = page(staff, "item", full.study.code, item.code)
    assert f'scenario of "{item.code}", in pt-BR'.replace('"', "&quot;") in shown
    assert re.findall(r'<dt lang="en">(.*?)</dt>', shown)[:6] == list(TEXT_PARTS.values())
    assert set(TEXT_PARTS) == set(ITEM_FIELDS)
    assert "Brazil: personal choice" in shown
    assert "tiny_b, persona" in shown
    assert shown.count("<q>") == 8
    assert staff.get(reverse("analysis:item", args=[full.study.code, "NONE"])).status_code == 404


@pytest.mark.parametrize("n_first", [3, 8, 11])
def test_samples_are_the_first_of_all_answers_in_order(made: Made, n_first: int) -> None:
    spec = make_spec()
    run = make_run(made, spec)
    stored = [
        make_completion(run, spec, made.items[0], paraphrase=number, repeat=repeat)
        for number, repeat in enumerate([2] * 4 + [1] * 4 + [0] * n_first, start=1)
    ]
    in_order = sorted(stored, key=lambda one: (one.cell.repeat, one.pk))
    assert sample_completions(made.study, made.items[0]) == in_order[:N_SAMPLES]


def test_order_bias_is_the_difference_between_the_orders(made: Made) -> None:
    spec = make_spec()
    run = make_run(made, spec)
    for order, p in ((OptionOrder.CULTURE_FIRST, 0.9), (OptionOrder.PREFERENCE_FIRST, 0.7)):
        make_completion(run, spec, made.items[0], order=order, p=p)
    (line,) = together(persona_lines(made.study, made.items[0]))
    assert [line.mean, line.order_bias] == pytest.approx([0.8, 0.2])
    assert line.n == 2
    make_completion(run, spec, made.items[1], p=0.9)
    (line,) = together(persona_lines(made.study, made.items[1]))
    assert (line.mean, line.order_bias) == (None, None)


def test_each_persona_has_its_line_and_all_of_them_one_together(made: Made) -> None:
    spec = make_spec()
    run = make_run(made, spec)
    for country, p in (("BR", 0.9), ("IN", 0.3)):
        make_completion(run, spec, made.items[0], p=p, persona=(country, "younger", "female"))
    lines = persona_lines(made.study, made.items[0])
    assert [line.persona_words for line in lines] == ["Brazil, Younger, Female", "India, Younger, Female"]
    assert [line.culture_first for line in lines] == pytest.approx([0.9, 0.3])
    (summed,) = together(persona_lines(made.study, made.items[0]))
    assert (summed.persona, summed.n) == ((), 2)
    assert summed.culture_first == pytest.approx(0.6)


def test_item_has_its_numbers_as_files(full: Made, staff: Client) -> None:
    count_answers()
    item = full.items[0]
    rows = list(csv.DictReader(io.StringIO(page(staff, "item_people_csv", full.study.code, item.code))))
    assert [(row["respondent_country"], row["question"]) for row in rows] == [
        (country, question) for country in ("BR", "US") for question in Question.values
    ]
    low, high = wilson_95(6, 6) or (0, 0)
    norm = next(row for row in rows if (row["respondent_country"], row["question"]) == ("BR", "norm"))
    assert norm["n"] == "6"
    assert [float(norm["rate"]), float(norm["ci_low"])] == pytest.approx([1.0, low])
    shown = page(staff, "item", full.study.code, item.code)
    assert f"100% [{100 * low:.0f}%, {100 * high:.0f}%]" in shown
    models = list(csv.DictReader(io.StringIO(page(staff, "item_models_csv", full.study.code, item.code))))
    assert {row["model_tag"] for row in models} == {"tiny_a", "tiny_b"}
    full.study.unblinded_at = None
    full.study.save()
    hidden = csv.DictReader(io.StringIO(page(staff, "item_people_csv", full.study.code, item.code)))
    assert [(row["n"], row["rate"], row["ci_low"]) for row in hidden if row["respondent_country"] == "BR"] == [
        ("6", "NA", "NA")
    ] * 2


def test_map_says_what_its_shades_mean(full: Made, staff: Client) -> None:
    count_answers()
    assert "80% or more" in page(staff, "items", full.study.code)


@pytest.mark.parametrize("n_more", [0, 12])
def test_pages_cost_the_same_at_any_size(
    made: Made, staff: Client, n_more: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill(made, 2)
    for _ in range(n_more):
        make_session(made, "US")
    count_answers()
    with django_assert_num_queries(MAP_QUERIES):
        page(staff, "items", made.study.code)
    with django_assert_num_queries(ITEM_QUERIES):
        page(staff, "item", made.study.code, made.items[0].code)


def test_interval_is_the_one_of_the_statistics() -> None:
    assert wilson_95(0, 0) is None
    for ones, n in ((0, 3), (2, 5), (17, 17), (81, 263)):
        low, high = wilson_interval(ones, n)
        assert wilson_95(ones, n) == pytest.approx((float(low), float(high)))


def test_shade_follows_the_share_and_pales_with_few_answers() -> None:
    assert [Spot(Answers(10, k), True).shade for k in (0, 2, 5, 10)] == ["s0", "s1", "s2", "s4"]
    assert Spot(Answers(4, 4), True).shade == "s4 few"
    assert (Spot(Answers(0, 0), True).text, Spot(Answers(0, 0), True).shade) == ("–", "none")
    assert {str(q) for q in Question} == {"personal", "norm"}
