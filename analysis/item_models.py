"""What models answer to one item: by model, question, method and option order, for each persona and for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, FloatField, Q, Sum, Value, When

from analysis.models import ModelCount
from survey.enums import ActorGender, AgeBucket, Choice, Country, OptionOrder, Question
from survey.llm.enums import Method, PersonaSetting
from survey.llm.models import Completion
from survey.models import Item, Study

PERSONA = ("persona_country", "persona_age", "persona_gender")
WORDS: Mapping[str, str] = {**dict(Country.choices), **dict(AgeBucket.choices), **dict(ActorGender.choices)}


class Summed(NamedTuple):
    """Answers that were read, and the sum of their probabilities (or 0 and 1) of the culture's option."""

    total: float
    n: int

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None


class ModelLine(NamedTuple):
    """What one model answers to one question of an item, in one persona setting, asked by one method."""

    tag: str
    setting: str
    persona: tuple[str, ...]  # country, age, gender; empty without one, or where all personas stand together
    method: str
    question: Question
    is_simulated: bool
    first: Summed  # the culture's option stood first
    last: Summed
    n: int  # answers, also those that could not be read

    @property
    def persona_words(self) -> str:
        return ", ".join(WORDS.get(part, part) for part in self.persona if part)

    @property
    def culture_first(self) -> float | None:
        return self.first.mean

    @property
    def preference_first(self) -> float | None:
        return self.last.mean

    @property
    def mean(self) -> float | None:
        if self.culture_first is None or self.preference_first is None:
            return None
        return (self.culture_first + self.preference_first) / 2

    @property
    def order_bias(self) -> float | None:
        if self.culture_first is None or self.preference_first is None:
            return None
        return self.culture_first - self.preference_first


def persona_lines(study: Study, item: Item) -> list[ModelLine]:
    """Give each model's probability of the culture's option by order and persona, or its share of choices."""
    groups = _imported_groups(study, item) if study.is_imported else _own_groups(study, item)
    return [
        ModelLine(
            group["tag"],
            PersonaSetting(group["setting"]).label,
            tuple(group[name] for name in PERSONA) if group["setting"] == PersonaSetting.PERSONA else (),
            Method(group["by"]).label,
            Question(group["asked"]),
            group["simulated"],
            Summed(group["first_total"] or 0.0, group["first_n"] or 0),
            Summed(group["last_total"] or 0.0, group["last_n"] or 0),
            group["answers"],
        )
        for group in groups
    ]


def together(lines: Iterable[ModelLine]) -> list[ModelLine]:
    """Put all personas of a setting into one line."""
    found: dict[tuple[Any, ...], ModelLine] = {}
    for line in lines:
        key = (line.tag, line.setting, line.method, line.question, line.is_simulated)
        known = found.get(key)
        found[key] = line._replace(persona=()) if known is None else _added(known, line)
    return list(found.values())


def _added(one: ModelLine, other: ModelLine) -> ModelLine:
    first = Summed(one.first.total + other.first.total, one.first.n + other.first.n)
    last = Summed(one.last.total + other.last.total, one.last.n + other.last.n)
    return one._replace(first=first, last=last, n=one.n + other.n)


def _own_groups(study: Study, item: Item) -> Any:
    said = Case(
        When(p_culture__isnull=False, then=F("p_culture")),
        When(choice=Choice.CULTURE, then=Value(1.0)),
        When(choice=Choice.PREFERENCE, then=Value(0.0)),
        output_field=FloatField(),
    )
    first, last = (Q(cell__option_order=order) for order in (OptionOrder.CULTURE_FIRST, OptionOrder.PREFERENCE_FIRST))
    return (
        Completion.objects.filter(cell__item=item, cell__run__study=study, set_aside_by=None)
        .values(
            tag=F("cell__spec__tag"), setting=F("cell__persona_setting"), by=F("cell__method"),
            asked=F("cell__question"), simulated=F("is_simulated"), **{name: F(f"cell__{name}") for name in PERSONA},
        )
        .annotate(
            first_total=Sum(said, filter=first), first_n=Count(said, filter=first),
            last_total=Sum(said, filter=last), last_n=Count(said, filter=last), answers=Count("pk"),
        )
        .order_by("tag", "setting", "by", "-asked", *PERSONA)
    )  # fmt: skip


def _imported_groups(study: Study, item: Item) -> Any:
    first, last = (Q(option_order=order) for order in (OptionOrder.CULTURE_FIRST, OptionOrder.PREFERENCE_FIRST))
    return (
        ModelCount.objects.filter(study=study, item=item)
        .values(
            *PERSONA, tag=F("model_tag"), setting=F("persona_setting"), by=F("method"), asked=F("question"),
            simulated=F("is_simulated"),
        )
        .annotate(
            first_total=Sum("total", filter=first), first_n=Sum("n", filter=first),
            last_total=Sum("total", filter=last), last_n=Sum("n", filter=last), answers=Sum("n"),
        )
        .order_by("tag", "setting", "by", "-asked", *PERSONA)
    )  # fmt: skip
