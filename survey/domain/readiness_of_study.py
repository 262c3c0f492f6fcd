"""The rest of the checklist: what was decided about the study itself, and whether somebody has tried it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from django.db.models import Sum

from survey.domain.points import Point
from survey.domain.registration import FULL_CELLS, compare_with_now, newest_registration
from survey.domain.trial_runs import trial_state
from survey.enums import Country, PanelName, StudyChangeKind
from survey.flow.counted import counted
from survey.flow.outcomes import estimate_minutes
from survey.flow.pay import hourly_pay, judge_pay
from survey.flow.quality import FLAGS, limit_of
from survey.instruments.plan import PLAN_KEY, HypothesisFamily
from survey.models import Arm, QuotaCell, Study
from survey.panels.terms import Terms, faulty_settings, read_terms

ORDER = tuple(HypothesisFamily)
UNPAID = frozenset({PanelName.DIRECT, PanelName.SIMULATED})


def plan_point(study: Study) -> Point:
    plan = study.version.structure.get(PLAN_KEY) or {}
    families = Counter(one.get("family", "") for one in plan.get("hypotheses", {}).values())
    order = sorted(families, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    told = ", ".join(f"{families[name]} {name}" for name in order)
    hints = [] if families else ["No hypothesis is declared: analysis_plan.yaml beside instrument.yaml says them."]
    return Point("Analysis plan", f"hypotheses: {told}" if told else "none", (), hints)


def exclusions_point(study: Study) -> Point:
    structure = study.version.structure
    limits, excluded = structure["flags"], structure["exclusions"]
    told = "; ".join(
        f"{FLAGS[name].label.lower()}: {limit_of(FLAGS[name], limits[name])}" for name in excluded if name in limits
    )
    hints = [] if excluded else ["Nothing is left out of the analysis: is that meant?"]
    return Point("Exclusions", told or "none", (), hints)


def pay_point(arms: Sequence[Arm]) -> Point:
    """Compare reward, time and places with the panel's floor and with the budget."""
    paid = [(arm, read_terms(arm)) for arm in arms if arm.panel not in UNPAID]
    if not paid:
        return Point("Pay", "nobody is paid through a panel")
    targets = dict(QuotaCell.objects.filter(arm__in=arms).values_list("arm").annotate(n=Sum("target")).order_by())
    told = [tell_pay(arm, terms) for arm, terms in paid]
    hints = [hint for arm, terms in paid for hint in pay_hints(arm, terms, targets.get(arm.pk, 0))]
    return Point("Pay", "; ".join(told), (), hints)


def minutes_of(arm: Arm) -> float:
    drawn = arm.study.version.structure["arms"].get(arm.country, {}).get("items", {})
    return estimate_minutes(sum(drawn.values()))


def tell_pay(arm: Arm, terms: Terms) -> str:
    name, minutes = Country(arm.country).label, minutes_of(arm)
    if terms.reward is None:
        return f"{name}: reward not set"
    hourly = hourly_pay(terms.reward, [round(minutes * 60)])
    return f"{name}: {terms.reward} {terms.currency} for about {minutes:.0f} min, {hourly} an hour"


def pay_hints(arm: Arm, terms: Terms, target: int) -> Iterator[str]:
    name = Country(arm.country).label
    if faulty := faulty_settings(arm):
        yield f"{name}: {', '.join(faulty)} cannot be read."
    if terms.reward is None:
        yield f"{name}: without a reward neither pay by the hour nor spending can be watched."
        return
    judgement = judge_pay(hourly_pay(terms.reward, [round(minutes_of(arm) * 60)]), terms.currency)
    if judgement.startswith("below"):
        yield f"{name}: by the time that it takes at least, pay is {judgement} an hour."
    needed = (terms.reward * target).quantize(Decimal("0.01"))
    cost = f"{counted(target, 'complete')} will cost {needed} {terms.currency}"
    if terms.budget is None:
        yield f"{name}: no budget is set; {cost} before the panel’s fee."
    elif needed > terms.budget:
        yield f"{name}: {cost} before fees, the budget is {terms.budget}."


def ethics_point(study: Study) -> Point:
    hints = [] if study.ethics_reference else ["Enter who approved the study, and under which number."]
    return Point("Ethics approval", study.ethics_reference or "not entered", (), hints)


def stopping_point(study: Study) -> Point:
    return Point("Stopping rule", study.stopping_rule or FULL_CELLS)


def preview_point(study: Study) -> Point:
    seen = study.changes.filter(kind=StudyChangeKind.PREVIEW, new=str(study.version)).order_by("pk").last()
    if seen is None:
        return Point("Preview", "not looked through", (), ["Nobody has confirmed having seen this version’s pages."])
    return Point("Preview", f"looked through by {seen.by or 'a command'} on {seen.at:%d %B %Y}")


def trial_point(study: Study) -> Point:
    n_begun, n_complete = trial_state(study)
    hints = [] if n_complete else ["Nobody has walked through this version to the end."]
    return Point("Test run", f"{n_complete} to the end, {n_begun} begun", (), hints)


def registration_point(study: Study) -> Point:
    newest = newest_registration(study)
    if newest is None:
        return Point("Registration", "made by the launch")
    differing = compare_with_now(study, newest)
    told = counted(len(differing), "value is", "values are")
    hints = [f"{told} not as registered: resuming the study needs a reason."] if differing else []
    return Point("Registration", f"number {newest.number}, {newest.sha256[:12]}", (), hints)
