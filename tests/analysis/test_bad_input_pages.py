"""Every page of results on data that no estimator likes: a number, or the reason why there is none; no traceback."""

import re
from collections.abc import Callable
from itertools import product

import pytest
from django.test import Client
from django.urls import reverse

from analysis.families import FamilyKey
from analysis.parameters import choose
from analysis.reports import compute
from analysis.results.stored import Results
from survey.enums import AgeBand, Choice, Gender, OptionOrder, Question
from tests.analysis.conftest import Made, fill, make_completion, make_run, make_session, make_spec, store, with_plan

CULTURE, PREFERENCE = Choice.CULTURE, Choice.PREFERENCE
OF_PEOPLE = (
    "plan", "rates", "rates_crossed", "rates_poststratified", "country_differences", "agreement", "reliability",
    "agreement_across", "pluralism", "own_culture", "effect_sizes", "variance",
)  # fmt: skip
CELL = re.compile(r"<t[dh][^>]*>([^<]*)</t[dh]>")
TOLD = re.compile(r'<section class="cautions".*?</section>|<p class="finding">.*?</p>|<td>.*?</td>', re.DOTALL)
CODE = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[a-z_]+\[\w+\]|\b(?:BR|US)\b")


def nobody(made: Made) -> None:
    """Leave the study without answers."""


def one_respondent(made: Made) -> None:
    make_session(made)


def one_country(made: Made) -> None:
    for number in range(6):
        answers = {item.code: (CULTURE if (number + n) % 3 else PREFERENCE,) * 2 for n, item in enumerate(made.items)}
        make_session(made, answers=answers, gender=[Gender.WOMAN, Gender.MAN][number % 2])


def constant_outcome(made: Made) -> None:
    for country, number in product(("BR", "US"), range(5)):
        make_session(made, country, age_band=[AgeBand.A18_24, AgeBand.A55_64][number % 2])


def complete_separation(made: Made) -> None:
    """Let one country always follow the culture, and the other never."""
    for country, number in product(("BR", "US"), range(5)):
        choice = CULTURE if country == "BR" else PREFERENCE
        answers = {item.code: (choice, choice) for item in made.items}
        make_session(made, country, answers=answers, gender=[Gender.WOMAN, Gender.MAN][number % 2])


def silent_model(made: Made) -> None:
    """Add a model of which nothing was ever read."""
    fill(made, 4)
    spec = make_spec("silent")
    run = make_run(made, spec)
    for item, question, order in product(made.items, Question, OptionOrder):
        make_completion(run, spec, item, question=question, order=order, choice="")


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        (nobody, "Nothing can be said yet"),
        (one_respondent, "fewer than two respondents"),
        (one_country, "Few items: intervals about new items rest on 3 items."),
        (constant_outcome, "all answers are the same"),
        (complete_separation, "all answers are the same"),
        (silent_model, "Nothing was read from silent: no number stands for it."),
    ],
)
def test_every_page_gives_numbers_or_reasons(
    made: Made, staff: Client, arrange: Callable[[Made], None], reason: str
) -> None:
    arrange(made)
    with_plan(made)
    run = store(made, compute(made.study, choose(include_simulated=True), lambda step: None))
    seen = []
    for address in (
        reverse("analysis:result", args=[run.pk]),
        *(reverse("analysis:result_family", args=[run.pk, key]) for key in FamilyKey),
    ):
        response = staff.get(address)
        page = response.content.decode()
        assert response.status_code == 200, address
        cells = [cell.strip() for cell in CELL.findall(page)]
        wrong = [cell for cell in cells if cell.lower() in ("nan", "none%", "inf", "–", "-") or "nan" in cell.split()]
        assert wrong == [], (address, wrong)
        assert not re.search(r"\b(nan|NaN|Traceback|inf)\b", re.sub(r"<[^>]*>", " ", page)), address
        told = [code for text in TOLD.findall(page) for code in CODE.findall(re.sub(r"<[^>]*>", " ", text))]
        assert set(told) <= {"tiny_a", "tiny_b"}, (address, told)
        seen.append(page)
    for name in run.results["tables"]:
        assert staff.get(reverse("analysis:result_csv", args=[run.pk, name])).status_code == 200
    assert reason in "".join(seen)
    for name in OF_PEOPLE:
        silent = [row for row in Results(run).rows(name) if row["estimate"] is None and not row["reason"]]
        assert silent == [], (name, silent[:2])
