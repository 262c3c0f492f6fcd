"""Any two groups side by side: people of a study, own or imported, or a model as some persona; from counts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, FloatField, Q, Sum, Value, When
from django.db.models.functions import Power

from analysis.figures import Figure, FigureRow, draw, share_scale
from analysis.figures import Value as Shown
from analysis.limits import FEW_RESPONDENTS
from analysis.models import GroupCount, ModelCount, PeopleMoment
from analysis.results.sentences import doubt, size
from analysis.stats.additive import (
    NOTHING,
    Estimate,
    Group,
    ItemSum,
    PeopleSums,
    alpha_of,
    correlation,
    difference_of,
    item_by_item,
    rate_of,
)
from analysis.stats.live_counts import wilson_95
from survey.enums import ActorGender, AgeBucket, Choice, Country, Gender, Locale, Question
from survey.llm.enums import DemographicConfig, PersonaSetting, PreferenceConfig, PromptCondition, RunKind
from survey.llm.models import Completion, Run
from survey.models import Study

PEOPLE, MODEL = "people", "model"
ALL, CORE, SHARED = "all", "core", "shared"
ITEM_SETS = {ALL: "each group's own", CORE: "of the core", SHARED: "that both judged"}
TRAITS = ("country", "locale", "age", "gender")
ASKED = {Question.PERSONAL: "personal choices", Question.NORM: "norm judgments"}
PLOT = 240  # side of the square that shares are drawn in
MARGIN = 34


class Who(NamedTuple):
    """What can be chosen as a group: the people of a study, or a model that it asked."""

    key: str
    label: str
    study: Study
    model: str = ""


@dataclass(frozen=True)
class Chosen:
    """One group as it was chosen; empty traits choose everybody, and of a model the answers without a persona."""

    who: Who
    traits: Mapping[str, str]

    @property
    def label(self) -> str:
        names = [str(WORDS[name].get(value, value)) for name, value in self.traits.items() if value]
        return ", ".join([self.who.label, *names])


@dataclass(frozen=True)
class Side:
    """A chosen group and what was counted of it, by question."""

    chosen: Chosen
    groups: Mapping[str, Group]
    is_simulated: bool
    is_hidden: bool = False
    n_people: int | None = None  # who judged anything; None of a model
    leaves_out_simulated: bool = False  # beside real people

    @property
    def has_few_people(self) -> bool:
        return 0 < (self.n_people or 0) < FEW_RESPONDENTS

    @property
    def is_empty(self) -> bool:
        return not any(group.n for group in self.groups.values())

    @property
    def is_imported(self) -> bool:
        return self.chosen.who.study.is_imported


class QuestionRow(NamedTuple):
    """Both groups on one question."""

    question: Question
    first: Estimate
    second: Estimate
    difference: Estimate
    by_item: Estimate
    first_alpha: Estimate
    second_alpha: Estimate
    n_shared: int
    correlation: float | None
    first_n: float  # answers
    second_n: float


class ItemRow(NamedTuple):
    """Both groups on one item and question."""

    question: str
    item: str
    first: ItemSum | None
    second: ItemSum | None

    @property
    def gap(self) -> float | None:
        return self.first.rate - self.second.rate if self.first and self.second else None


class Dot(NamedTuple):
    x: float
    y: float
    marker: str
    title: str


WORDS: Mapping[str, Mapping[str, Any]] = {
    "country": dict(Country.choices),
    "locale": {value: value for value in Locale.values},
    "age": dict(AgeBucket.choices),
    "gender": {**dict(Gender.choices), **dict(ActorGender.choices)},
}


def offered() -> list[Who]:
    """List everything that can be chosen: two queries on studies and runs, one on imported models. Test runs cannot."""
    studies = list(Study.objects.filter(test_of=None).order_by("code"))
    by_pk = {study.pk: study for study in studies}
    own = Run.objects.filter(specs__isnull=False).values_list("study_id", "specs__tag").distinct()
    imported = ModelCount.objects.values_list("study_id", "model_tag").distinct()
    people = [Who(f"{PEOPLE}:{one.code}", f"People of {one.code}{_mark(one)}", one) for one in studies]
    tags = sorted({(by_pk[study].code, tag, study) for study, tag in (*own, *imported) if study in by_pk})
    models = [
        Who(f"{MODEL}:{code}:{tag}", f"Model {tag} in {code}{_mark(by_pk[study])}", by_pk[study], tag)
        for code, tag, study in tags
    ]
    return [*people, *models]


def _mark(study: Study) -> str:
    return " (imported)" if study.is_imported else ""


def choose(everything: Sequence[Who], data: Mapping[str, str], prefix: str) -> Chosen | None:
    """Read one group from an address; None where none is named."""
    who = next((one for one in everything if one.key == data.get(prefix)), None)
    if who is None:
        return None
    traits = {name: data.get(f"{prefix}_{name}", "") for name in TRAITS}
    return Chosen(who, {name: value if value in WORDS[name] else "" for name, value in traits.items()})


def read_side(chosen: Chosen, *, core: bool) -> Side:
    """Read what was counted of a group; real people of a study that is not unblinded stay hidden."""
    if chosen.who.model:
        rows, is_simulated = _model_rows(chosen, core=core)
        return Side(chosen, {q: Group(_items(rows, q)) for q in Question.values}, is_simulated)
    study = chosen.who.study
    conditions = {"study": study, **_conditions(chosen.traits)}
    counts = GroupCount.objects.filter(**conditions, n__gt=0)
    if core:
        counts = counts.filter(item__is_core=True)
    summed = list(
        counts.values_list("is_simulated", "question", "item__code").annotate(Sum("n"), Sum("n_culture")).order_by()
    )
    simulated = not any(not row[0] for row in summed)
    if not simulated and study.unblinded_at is None:
        return Side(chosen, {}, is_simulated=False, is_hidden=True)
    rows = [(q, item, n, k, k) for is_simulated, q, item, n, k in summed if is_simulated == simulated]
    moments = PeopleMoment.objects.filter(**conditions, is_simulated=simulated, core_only=core)
    sums = {
        question: PeopleSums(n, float(kk), float(kn), float(nn))
        for question, n, kk, kn, nn in moments.values_list("question")
        .annotate(Sum("n_people"), Sum("kk"), Sum("kn"), Sum("nn"))
        .order_by()
    }
    groups = {q: Group(_items(rows, q), sums.get(q, PeopleSums(0, 0, 0, 0))) for q in Question.values}
    return Side(
        chosen,
        groups,
        is_simulated=simulated and bool(summed),
        n_people=max((one.n_people for one in sums.values()), default=0),
        leaves_out_simulated=not simulated and any(row[0] for row in summed),
    )


def _conditions(traits: Mapping[str, str]) -> dict[str, str]:
    columns = {"country": "country", "locale": "locale", "age": "age_bucket", "gender": "gender"}
    return {columns[name]: value for name, value in traits.items() if value}


Rows = Sequence[tuple[str, str, float, float, float]]  # question, item, n, total, squares


def _items(rows: Rows, question: str) -> dict[str, ItemSum]:
    return {item: ItemSum(n, total, squares) for q, item, n, total, squares in rows if q == question}


def _model_rows(chosen: Chosen, *, core: bool) -> tuple[Rows, bool]:
    """Count a model's answers by item, with the two option orders together."""
    persona = {name: chosen.traits[name] for name in ("country", "age", "gender") if chosen.traits[name]}
    setting = PersonaSetting.PERSONA if persona else PersonaSetting.NO_PERSONA
    read = _imported_answers if chosen.who.study.is_imported else _own_answers
    rows = read(chosen, setting, persona, core)
    return [(q, item, n, total, squares) for q, item, _s, n, total, squares in rows], any(row[2] for row in rows)


def _imported_answers(chosen: Chosen, setting: str, persona: Mapping[str, str], core: bool) -> list[Any]:
    wanted = {f"persona_{name}": value for name, value in persona.items()}
    counts = ModelCount.objects.filter(
        study=chosen.who.study, model_tag=chosen.who.model, persona_setting=setting, **wanted
    )
    if core:
        counts = counts.filter(item__is_core=True)
    by_item = counts.values_list("question", "item__code", "is_simulated").order_by()
    return list(by_item.annotate(Sum("n"), Sum("total"), Sum("squares")))


def _own_answers(chosen: Chosen, setting: str, persona: Mapping[str, str], core: bool) -> list[Any]:
    wanted = {f"cell__persona_{name}": value for name, value in persona.items()}
    if chosen.traits["locale"]:
        wanted["cell__locale"] = chosen.traits["locale"]
    said = Case(
        When(p_culture__isnull=False, then=F("p_culture")),
        When(choice=Choice.CULTURE, then=Value(1.0)),
        When(choice=Choice.PREFERENCE, then=Value(0.0)),
        output_field=FloatField(),
    )
    answers = Completion.objects.filter(
        ~Q(choice="") | Q(p_culture__isnull=False),
        cell__run__study=chosen.who.study, cell__run__kind=RunKind.ALIGNMENT, cell__spec__tag=chosen.who.model,
        cell__persona_setting=setting, cell__condition=PromptCondition.NO_BALANCE, set_aside_by=None,
        cell__preference_config=PreferenceConfig.ACTOR_PREF_ONLY,
        cell__demographic_config=DemographicConfig.NO_DEMO, **wanted,
    )  # fmt: skip
    if core:
        answers = answers.filter(cell__item__is_core=True)
    by_item = answers.values_list("cell__question", "cell__item__code", "is_simulated").order_by()
    return list(by_item.annotate(n=Count("pk"), total=Sum(said), squares=Sum(Power(said, 2))))


def only_shared(first: Side, second: Side) -> tuple[Side, Side]:
    """Keep the items that both judged; what people gave to others is in no sum any more, so errors are over items."""
    kept: list[dict[str, Group]] = [{}, {}]
    for question in Question.values:
        groups = [side.groups.get(question, Group({})) for side in (first, second)]
        shared = set(groups[0].items) & set(groups[1].items)
        for place, group in enumerate(groups):
            kept[place][question] = Group({item: one for item, one in group.items.items() if item in shared})
    return tuple(  # type: ignore[return-value]
        replace(side, groups=groups) for side, groups in zip((first, second), kept, strict=True)
    )


def compare(first: Side, second: Side) -> list[QuestionRow]:
    """Compare two groups on each question."""
    return [_row(q, first.groups.get(q, Group({})), second.groups.get(q, Group({}))) for q in Question]


def _alpha_of(group: Group) -> Estimate:
    return alpha_of(group) if group.people or _is_whole(group) else NOTHING._replace(reason="probabilities, no choices")


def _row(question: Question, first: Group, second: Group) -> QuestionRow:
    return QuestionRow(
        question, rate_of(first), rate_of(second), difference_of(first, second), item_by_item(first, second),
        _alpha_of(first), _alpha_of(second),
        len(set(first.items) & set(second.items)), correlation(first, second), first.n, second.n,
    )  # fmt: skip


def _is_whole(group: Group) -> bool:
    """Tell whether all answers are choices: agreement is not defined of probabilities."""
    return all(abs(one.squares - one.total) < 1e-9 for one in group.items.values())


def finding(rows: Sequence[QuestionRow], first: Side, second: Side) -> str:
    """Say how far apart the two groups are, as far as that can be told."""
    told = [_apart(row) for row in rows if row.difference.estimate is not None]
    if not told:
        return ""
    return (
        f"In the first group ({first.chosen.label}) the culture is followed {' and '.join(told)} than in the second "
        f"({second.chosen.label})."
    )


def _apart(row: QuestionRow) -> str:
    one = {"estimate": row.difference.estimate, "ci_low": row.difference.low, "ci_high": row.difference.high}
    direction = "more" if (row.difference.estimate or 0.0) >= 0 else "less"
    return f"{size(one)} {direction} in {ASKED[row.question]}{doubt(one)}"


def item_rows(first: Side, second: Side) -> list[ItemRow]:
    """Give every item of either group, the largest differences first."""
    rows = []
    for question in Question.values:
        a, b = (side.groups.get(question, Group({})).items for side in (first, second))
        rows += [ItemRow(question, item, a.get(item), b.get(item)) for item in sorted(set(a) | set(b))]
    return sorted(rows, key=lambda row: (row.gap is None, -abs(row.gap or 0), row.item, row.question))


def rates_figure(rows: Sequence[QuestionRow], first: Side, second: Side) -> Figure:
    """Draw both groups' shares by question."""
    drawn = [FigureRow(row.question.label, [_shown(row.first), _shown(row.second)]) for row in rows]
    series = (first.chosen.label, second.chosen.label)
    return draw("comparison", "Share that follows the culture", drawn, series=series, scale=share_scale(), note="")


def _shown(estimate: Estimate) -> Shown:
    return Shown(estimate.estimate, estimate.low, estimate.high)


def dots(rows: Sequence[ItemRow]) -> list[Dot]:
    """Place every item that both judged: the first group's share to the right, the second's upwards."""
    return [
        Dot(
            round(MARGIN + row.first.rate * PLOT, 1), round(MARGIN / 2 + (1 - row.second.rate) * PLOT, 1),
            "circle" if row.question == Question.PERSONAL else "square",
            f"{row.item}, {row.question}: {100 * row.first.rate:.0f}% and {100 * row.second.rate:.0f}%",
        )
        for row in rows
        if row.first and row.second
    ]  # fmt: skip


def interval(one: ItemSum | None) -> tuple[float | None, float | None]:
    """Give Wilson's interval of an item's share over people; none of probabilities."""
    if one is None or abs(one.squares - one.total) > 1e-9:
        return None, None
    return wilson_95(round(one.total), round(one.n)) or (None, None)
