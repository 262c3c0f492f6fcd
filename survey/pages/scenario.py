"""One item: the scenario, then the personal and the norm question with the same two options."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.answering import record_answers
from survey.enums import Choice, OptionOrder, Question
from survey.flow.plan import PlanPage, n_scenarios, scenario_number
from survey.flow.wording import Shown, Wording
from survey.pages.base import DECLINED, Option, PageKind, RadioGroup, Turn
from survey.queries import item_wording


def heading_pattern() -> str:
    return _("Situation %(number)d of %(total)d")


def heading_numbers(plan: Sequence[PlanPage], position: int) -> dict[str, int]:
    return {"number": scenario_number(plan, position), "total": n_scenarios(plan)}


class ScenarioPage(PageKind):
    template = "survey/pages/scenario.html"

    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        page = plan[position]
        return (page["option_order"], *page["questions"])

    def wording(self, turn: Turn) -> Wording:
        return item_wording(turn.session.version_id, turn.session.locale, turn.page["item"])

    def shown(self, turn: Turn) -> Shown:
        session, page = turn.session, turn.page
        return Shown(session.version_id, session.locale, page["option_order"], page["item"])

    def groups(self, turn: Turn) -> list[RadioGroup]:
        wording = self.wording(turn)
        order = wording.ordered(OptionOrder(turn.page["option_order"]))
        options = tuple(Option(choice.value, wording.options[choice]) for choice in order)
        missing = {
            Question.PERSONAL: _("Select what you would do"),
            Question.NORM: _("Select what most people would consider appropriate"),
        }
        questions = [Question(name) for name in turn.page["questions"]]
        opt_out = _("I prefer not to answer this one")
        return [RadioGroup(q.value, wording.questions[q], options, missing[q], opt_out) for q in questions]

    def heading(self, turn: Turn) -> str:
        plan, position = turn.session.plan, turn.session.position
        return heading_pattern() % heading_numbers(plan, position)

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": self.heading(turn), "wording": self.wording(turn)}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        record_answers(
            turn.session,
            item=turn.page["item"],
            answers={Question(name): None if value == DECLINED else Choice(value) for name, value in answers.items()},
            wording=self.wording(turn),
            option_order=OptionOrder(turn.page["option_order"]),
            served_at=served_at,
        )
