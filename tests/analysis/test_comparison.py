"""Two groups from counts alone: the numbers of the full estimators, nothing hidden shown, no answer read."""

from __future__ import annotations

import csv
import io
import re
from itertools import product

import pandas as pd
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from scipy.special import stdtrit

from analysis import comparison, frames
from analysis.comparison import Chosen, Side, Who
from analysis.live_summary import count_answers
from analysis.models import GroupCount, PeopleMoment
from analysis.stats.additive import Estimate, Group, ItemSum, alpha_of, correlation, item_by_item, rate_of
from analysis.stats.agreement import agreement
from analysis.stats.rates import difference, rate
from analysis.stats.t_quantile import t_quantile
from survey.domain.lifecycle import withdraw
from survey.enums import AgeBand, Gender, OptionOrder, Status
from survey.models import SurveySession
from tests.analysis.conftest import Made, make_completion, make_run, make_session, make_spec, make_study

N_QUERIES = 7


@pytest.fixture
def people(db: None) -> Made:
    """People of two countries who answer some of seven items, each in a way of their own."""
    made = make_study(n_items=7)
    bands, genders = (AgeBand.A25_34, AgeBand.A55_64), (Gender.WOMAN, Gender.MAN)
    for number, country in product(range(9), ("BR", "US")):
        answers: dict[str, tuple[str | None, str | None]] = {
            item.code: (
                "culture" if (number * place + len(country)) % 3 else "preference",
                "culture" if (number + place * place) % 4 else "preference",
            )
            for place, item in enumerate(made.items)
            if (number + place) % 5
        }
        make_session(made, country, answers=answers, age_band=bands[number % 2], gender=genders[number // 2 % 2])
    count_answers()
    return made


def side(made: Made, *, core: bool = False, model: str = "", **traits: str) -> Side:
    who = Who("", "", made.study, model)
    return comparison.read_side(Chosen(who, {**dict.fromkeys(comparison.TRAITS, ""), **traits}), core=core)


def answered(made: Made, question: str) -> pd.DataFrame:
    long = frames.responses_long(made.study, complete_only=True)
    return long[long["question"] == question]


def numbers(one: Estimate) -> list[float | None]:
    return [one.estimate, one.se, one.low, one.high]


@pytest.mark.parametrize("traits", [{}, {"country": "BR"}, {"age": "older"}, {"gender": "woman", "country": "US"}])
@pytest.mark.parametrize("core", [False, True])
def test_rates_are_those_of_the_answers(people: Made, traits: dict[str, str], core: bool) -> None:
    columns = {"country": "respondent_country", "age": "age_bucket", "gender": "gender"}
    for question in ("personal", "norm"):
        rows = answered(people, question)
        for name, value in traits.items():
            rows = rows[rows[columns[name]] == value]
        if core:
            rows = rows[rows["is_core"]]
        expected = rate(rows, value="follows_culture", respondent="respondent_id", item="item_code")
        found = rate_of(side(people, core=core, **traits).groups[question])
        if core:  # one item: no interval
            assert found.estimate == pytest.approx(expected.estimate)
            assert found.se is None
        else:
            wanted = [expected.estimate, expected.se, max(0, expected.ci_low), min(1, expected.ci_high)]
            assert numbers(found) == pytest.approx(wanted)


def test_difference_is_that_of_the_answers(people: Made) -> None:
    rows = comparison.compare(side(people, country="BR"), side(people, country="US"))
    for row in rows:
        expected = difference(
            answered(people, row.question), value="follows_culture", respondent="respondent_id", item="item_code",
            group="respondent_country", first="BR", second="US",
        )  # fmt: skip
        assert numbers(row.difference) == pytest.approx(
            [expected.estimate, expected.se, expected.ci_low, expected.ci_high]
        )
        assert row.n_shared == 7
        by_country = answered(people, row.question)["respondent_country"].value_counts()
        assert (row.first_n, row.second_n) == (by_country["BR"], by_country["US"])


def test_people_are_counted_also_where_items_are_left_out(people: Made) -> None:
    shared = comparison.only_shared(side(people, country="BR"), side(people, country="US"))
    assert [one.n_people for one in shared] == [9, 9]


def test_alpha_is_that_of_the_answers(people: Made) -> None:
    rows = answered(people, "norm")
    (expected,) = (
        one
        for one in agreement(rows, value="follows_culture", respondent="respondent_id", item="item_code")
        if one.measure == "alpha"
    )
    found = alpha_of(side(people).groups["norm"])
    assert found.estimate == pytest.approx(expected.estimate)
    assert found.se == pytest.approx(expected.se_item, rel=0.02)


def test_counts_stay_right_when_people_come_and_go(people: Made) -> None:
    by = ("country", "gender", "age_bucket", "question")

    def kept() -> list[list[tuple[object, ...]]]:
        counts, moments = GroupCount.objects.filter(n__gt=0), PeopleMoment.objects.filter(n_people__gt=0)
        return [
            sorted(counts.values_list(*by, "item", "n", "n_culture")),
            sorted(moments.values_list(*by, "core_only", "n_people", "kk", "kn", "nn")),
        ]

    before = kept()
    session = make_session(people, "BR", gender=Gender.ANOTHER)
    count_answers()
    assert kept() != before
    withdraw(session, reason="their wish")
    count_answers()
    assert kept() == before
    withdraw(SurveySession.objects.filter(status=Status.COMPLETE).earliest("pk"), reason="their wish")
    count_answers()
    rows = answered(people, "personal")
    assert rate_of(side(people).groups["personal"]).estimate == pytest.approx(rows["follows_culture"].mean())


def test_models_stand_beside_people(people: Made) -> None:
    spec = make_spec("m")
    run = make_run(people, spec)
    for place, (item, order) in enumerate(product(people.items, OptionOrder)):
        make_completion(run, spec, item, order=order, p=0.9 if place % 3 else 0.4)
        make_completion(run, spec, item, order=order, p=0.2, persona=("BR", "older", "male"))
    plain, persona = side(people, model="m"), side(people, model="m", country="BR")
    assert plain.groups["personal"].n == persona.groups["personal"].n == 14
    assert rate_of(plain.groups["personal"]).estimate == pytest.approx((5 * 0.4 + 9 * 0.9) / 14)
    assert rate_of(persona.groups["personal"]).estimate == pytest.approx(0.2)
    (row, _) = comparison.compare(side(people), plain)
    assert row.difference.low is not None
    assert (row.second_alpha.estimate, row.second_alpha.reason) == (None, "probabilities, no choices")


def test_shared_items_alone_are_compared_item_by_item(people: Made) -> None:
    for country, items in (("BR", people.items[:2]), ("US", people.items[1:4])):
        make_session(
            people, country, answers={one.code: ("culture", "culture") for one in items}, gender=Gender.ANOTHER
        )
    count_answers()
    first, second = (side(people, country=one, gender="another") for one in ("BR", "US"))
    shared = comparison.only_shared(first, second)
    assert [sorted(one.groups["norm"].items) for one in shared] == [[people.items[1].code]] * 2
    gap = item_by_item(first.groups["norm"], second.groups["norm"])
    assert (gap.estimate, gap.low, gap.reason) == (0.0, None, "fewer than two people or items")


def test_item_by_item_is_the_paired_test() -> None:
    a = Group({name: ItemSum(10, k, k) for name, k in zip("abcd", (2, 5, 9, 4), strict=True)})
    b = Group({name: ItemSum(5, k, k) for name, k in zip("abce", (1, 1, 3, 4), strict=True)})
    gaps = pd.Series([0.2 - 0.2, 0.5 - 0.2, 0.9 - 0.6])
    se = gaps.std() / 3**0.5
    found = item_by_item(a, b)
    assert numbers(found) == pytest.approx(
        [gaps.mean(), se, gaps.mean() - stdtrit(2, 0.975) * se, gaps.mean() + stdtrit(2, 0.975) * se]
    )
    assert correlation(a, b) == pytest.approx(pd.Series([0.2, 0.5, 0.9]).corr(pd.Series([0.2, 0.2, 0.6])))
    assert item_by_item(a, Group({})).reason == "no item in common"


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 40, 1000, 25_000])
def test_quantiles_of_t_are_those_of_scipy(freedom: int) -> None:
    assert [t_quantile(p, freedom) for p in (0.6, 0.95, 0.975, 0.995)] == pytest.approx(
        [stdtrit(freedom, p) for p in (0.6, 0.95, 0.975, 0.995)], rel=1e-9
    )


# --- The page ------------------------------------------------------------------------------------
def address(made: Made, name: str = "compare", **query: str) -> str:
    who = f"people:{made.study.code}"
    chosen = {"a": who, "a_country": "BR", "b": who, "b_country": "US", **query}
    return f"{reverse(f'analysis:{name}')}?{'&'.join(f'{key}={value}' for key, value in chosen.items())}"


def test_page_shows_two_groups_and_reads_no_answer(people: Made, staff: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = staff.get(address(people, items="all")).content.decode()
    mine = [one["sql"] for one in queries if "auth_" not in one["sql"] and "django_session" not in one["sql"]]
    assert len(mine) == N_QUERIES, mine
    assert not any("survey_response" in sql for sql in mine)
    for text in ("Difference, points", '<svg class="scatter"', "Krippendorff", people.items[0].code):
        assert text in shown
    rows = list(csv.DictReader(io.StringIO(staff.get(address(people, "compare_items_csv")).content.decode())))
    assert (len(rows), rows[0]["item_code"] in shown) == (14, True)
    told = list(csv.DictReader(io.StringIO(staff.get(address(people, "compare_csv", items="all")).content.decode())))
    assert [row["what"] for row in told[:3]] == ["first", "second", "difference"]


def test_page_says_how_far_apart_the_groups_are(people: Made, staff: Client) -> None:
    shown = staff.get(address(people, items="all")).content.decode()
    (sentence,) = re.findall(r'<p class="finding">([^<]+)</p>', shown)
    rows = comparison.compare(side(people, country="BR"), side(people, country="US"))
    for row in rows:
        size, low, high = (abs(100 * (value or 0)) for value in row.difference[:3])
        assert f"{size:.1f} points" in sentence
        assert f"{low:.1f}" in sentence
        assert f"{high:.1f}" in sentence
    assert sentence.count("the direction is open") == sum((row.difference.low or 0) <= 0 for row in rows)
    assert shown.count(": 9 people, fewer than 20: intervals are wide and approximate.") == 2


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.1, 0.3, "20.0 points [10.0, 30.0] more in personal choices than"),
     (-0.3, -0.1, "20.0 points [10.0, 30.0] less in personal choices than"),
     (-0.1, 0.5, "20.0 points [−10.0, 50.0] more in personal choices (the interval holds zero: the direction")],
)  # fmt: skip
def test_finding_says_the_direction_as_far_as_it_is_known(people: Made, low: float, high: float, told: str) -> None:
    groups = side(people, country="BR"), side(people, country="US")
    row = comparison.compare(*groups)[0]._replace(difference=Estimate((low + high) / 2, low, high, 0.1))
    assert told in comparison.finding([row], *groups)
    assert comparison.finding([], *groups) == ""


def test_page_says_what_to_choose(people: Made, staff: Client) -> None:
    assert "Choose two groups above" in staff.get(reverse("analysis:compare")).content.decode()
    assert "Choose both groups" in staff.get(reverse("analysis:compare"), {"a": "people:nobody"}).content.decode()
    same = staff.get(address(people, b_country="BR")).content.decode()
    assert "Both groups are the same." in same
    overlapping = staff.get(address(people, b_country="", b_age="older")).content.decode()
    assert "can share people" in overlapping


def test_groups_without_a_common_item_are_led_to_their_own_items(people: Made, staff: Client) -> None:
    nobody = f"people:{make_study('nobody').study.code}"
    shared, own = (staff.get(address(people, b=nobody, items=items)).content.decode() for items in ("shared", "all"))
    who = f"a=people%3A{people.study.code}&amp;a_country=BR&amp;b=people%3Anobody&amp;b_country=US"
    assert f'judged no item in common. <a href="?{who}&amp;items=all">' in shared
    assert "judged no item in common.</p>" in own
    assert "People of nobody, United States of America</strong>: there are no answers of this choice yet" in own
    assert own.count("there are no answers of this choice yet") == 1


def test_test_runs_cannot_be_chosen(people: Made) -> None:
    twin = make_study("twin").study
    assert {one.study for one in comparison.offered()} == {people.study, twin}
    twin.test_of = people.study
    twin.save()
    assert {one.study for one in comparison.offered()} == {people.study}


def test_hidden_outcomes_stay_hidden(people: Made, staff: Client) -> None:
    people.study.unblinded_at = None
    people.study.save()
    shown = staff.get(address(people)).content.decode()
    assert ("is hidden until the study is" in shown, "<svg" in shown) == (True, False)
    for name in ("compare_csv", "compare_items_csv"):
        assert staff.get(address(people, name)).content.decode().count("\n") == 1
    make_session(other := make_study("crowd"), is_simulated=True)
    count_answers()
    labelled = staff.get(address(other)).content.decode()
    assert ": simulated answers." in labelled


def test_simulated_people_beside_real_ones_are_left_out_and_that_is_said(people: Made, staff: Client) -> None:
    before = side(people)
    assert not before.leaves_out_simulated
    make_session(people, is_simulated=True)
    count_answers()
    after = side(people)
    assert after.leaves_out_simulated
    assert (after.groups, after.n_people) == (before.groups, before.n_people)
    assert "simulated people are left out" in staff.get(address(people)).content.decode()
