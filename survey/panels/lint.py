"""Check an arm's settings against what its panel allows, before anybody is sent in. Pure.

Errors keep a study from opening: they would strand participants, or pay them for the wrong outcome. Hints are a
person's to weigh. Arms with direct links have nothing to check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from survey.enums import Device, Outcome, PanelName
from survey.flow.outcomes import LONG_MINUTES, estimate_minutes
from survey.models import Arm
from survey.panels import cint, connect
from survey.panels.addresses import PLACEHOLDER, Fault, faults
from survey.panels.base import exit_code, mapping, setting, taken_devices, text
from survey.panels.generic import exit_templates, parameter_names
from survey.panels.prolific import adapter as prolific
from survey.panels.prolific.rules import check_prolific
from survey.panels.rules import Rule, Severity, Violation


class CodeRules(NamedTuple):
    """What a panel asks of its codes: which must be there, which outcomes may have the same."""

    needed: tuple[Outcome, ...]
    may_share: frozenset[Outcome] = frozenset()


SCREEN_OUTS = frozenset({Outcome.SCREENED_OUT, Outcome.QUOTA_FULL})
CODE_RULES: dict[PanelName, CodeRules] = {
    # Prolific pays screen-outs through one code with a fixed reward; who withdraws may be paid by it too.
    PanelName.PROLIFIC: CodeRules(
        (Outcome.COMPLETE, Outcome.NO_CONSENT), SCREEN_OUTS | {Outcome.WITHDREW, Outcome.INCOMPATIBLE_DEVICE}
    ),
    PanelName.CONNECT: CodeRules(
        (Outcome.COMPLETE,), may_share=connect.PARTIAL | {Outcome.NO_CONSENT, Outcome.STUDY_CLOSED}
    ),
}
MISSING = {Outcome.COMPLETE: Rule.NO_COMPLETE_CODE, Outcome.NO_CONSENT: Rule.NO_CONSENT_CODE}
VERIFY: dict[PanelName, tuple[str, ...]] = {
    PanelName.PROLIFIC: prolific.VERIFY,
    PanelName.CONNECT: connect.VERIFY,
    PanelName.CINT: cint.VERIFY,
}
ADDRESS_SETTINGS: dict[PanelName, tuple[str, ...]] = {
    PanelName.CONNECT: ("partial_url",),
    PanelName.CINT: ("exit_base", "complete_base"),
}

# Prolific lets a submission be rejected for failed attention checks: of five minutes or more, for two of them.
CHECKS_IF_LONG = 2


def lint_arm(arm: Arm) -> list[Violation]:
    """List what is wrong with an arm's settings for its panel; the arm comes with its study and version."""
    panel = PanelName(arm.panel)
    if panel in (PanelName.DIRECT, PanelName.SIMULATED):
        return []
    return list(
        chain(
            check_shape(arm),
            check_codes(arm),
            check_code_rules(arm, CODE_RULES.get(panel, CodeRules(()))),
            check_addresses(arm, panel),
            check_devices(arm),
            check_generic(arm) if panel == PanelName.GENERIC else (),
            chain(check_attention(arm), check_prolific(arm)) if panel == PanelName.PROLIFIC else (),
            (
                Violation(Rule.VERIFY, "not known for sure", f"confirm on the live panel {what}", Severity.HINT)
                for what in VERIFY.get(panel, ())
            ),
        )
    )


def check_shape(arm: Arm) -> Iterator[Violation]:
    """Find JSON that is not a mapping where one belongs, values that are not text, and outcomes nobody has."""
    settings = mapping(arm.panel_settings)
    fields: dict[str, object] = {
        "exit_codes": arm.exit_codes,
        "panel_settings": arm.panel_settings,
        **{f"panel_settings.{name}": settings[name] for name in ("parameters", "exit_urls") if name in settings},
    }
    for name, value in fields.items():
        if not isinstance(value, dict):
            yield Violation(Rule.SETTINGS_SHAPE, f"{name} is not a mapping", 'write it as {"name": "value"}')
            continue
        for key, one in value.items():
            if name != "panel_settings" and not isinstance(one, str):
                yield Violation(Rule.SETTINGS_SHAPE, f"{key} in {name} is not text", "put it into quotation marks")
            if name in ("exit_codes", "panel_settings.exit_urls") and key not in Outcome.values:
                known = ", ".join(Outcome.values)
                yield Violation(Rule.UNKNOWN_OUTCOME, f"no session ends as {key} ({name})", f"use one of {known}")


def check_codes(arm: Arm) -> Iterator[Violation]:
    for outcome, code in mapping(arm.exit_codes).items():
        if isinstance(code, str) and (any(letter.isspace() for letter in code) or not code.isprintable()):
            mend = "write it exactly as the panel shows it"
            yield Violation(Rule.CODE_WITH_SPACE, f"the code of {outcome} holds a space", mend)


def check_code_rules(arm: Arm, rules: CodeRules) -> Iterator[Violation]:
    """Check which codes there are against what the panel asks of them."""
    for outcome in rules.needed:
        if not exit_code(arm, outcome):
            mend = "copy it from the panel into exit_codes"
            yield Violation(MISSING[outcome], f"there is no code for {outcome}", mend)
    if not rules.needed:
        return
    holders: dict[str, set[Outcome]] = defaultdict(set)
    own_codes = mapping(arm.exit_codes)
    for outcome in Outcome:
        if code := text(own_codes.get(outcome)):
            holders[code].add(outcome)
    for code, outcomes in holders.items():
        if len(outcomes) > 1 and not outcomes <= rules.may_share:
            names = " and ".join(sorted(outcomes))
            mend = "the panel pays by the code: give each its own"
            yield Violation(Rule.SHARED_CODE, f"{names} share the code {code}", mend)


def check_addresses(arm: Arm, panel: PanelName) -> Iterator[Violation]:
    """Check every address of the settings for its form, and that those that must be there are."""
    addresses = {name: setting(arm, name) for name in ADDRESS_SETTINGS.get(panel, ())}
    if panel == PanelName.CINT and not addresses["exit_base"]:
        yield Violation(Rule.NO_EXIT, "there is no exit_base", "copy the address of exits from the panel")
    if panel == PanelName.GENERIC:
        addresses |= {f"exit_urls.{outcome}": text(template) for outcome, template in exit_templates(arm).items()}
    for name, address in addresses.items():
        if address:
            yield from check_address(name, address, takes_placeholders=panel != PanelName.CINT)


def check_address(name: str, address: str, *, takes_placeholders: bool) -> Iterator[Violation]:
    for fault in faults(address):
        if fault == Fault.UNKNOWN_PLACEHOLDER:
            mend = "use {person}, {study}, {submission} and {code} only"
            yield Violation(Rule.EXIT_PLACEHOLDER, f"{name} {fault}", mend)
        else:
            mend = "write https://, the panel's own host, then the rest"
            yield Violation(Rule.EXIT_ADDRESS, f"{name} {fault}", mend)
    if PLACEHOLDER.search(address) and not takes_placeholders:
        yield Violation(Rule.EXIT_PLACEHOLDER, f"{name} has a placeholder", "leave it out: parameters are added to it")


def check_devices(arm: Arm) -> Iterator[Violation]:
    """Check the list of devices that are taken, and say whom it turns away."""
    asked = mapping(arm.panel_settings).get("devices", list(Device.values))
    if not isinstance(asked, list) or not asked or not all(one in Device.values for one in asked):
        mend = f"write a list of {', '.join(Device.values)}, or leave it out to take all"
        yield Violation(Rule.DEVICES, "panel_settings.devices is no list of devices", mend)
    elif left_out := [one.value for one in Device if one not in taken_devices(arm)]:
        wrong = f"whoever comes by {' or '.join(left_out)} is turned away"
        yield Violation(Rule.DEVICES, wrong, "the survey works on every device: take all if you can", Severity.HINT)


def check_generic(arm: Arm) -> Iterator[Violation]:
    """Check that a generic panel's people can be told apart and find back, with every value their exit names."""
    names = parameter_names(arm)
    if "person" not in names:
        mend = 'set panel_settings.parameters, such as {"person": "uid"}'
        yield Violation(Rule.NO_PARAMETER_NAMES, "the parameter that names the person is not set", mend)
    for outcome in (Outcome.COMPLETE, Outcome.NO_CONSENT):
        if not text(exit_templates(arm).get(outcome)):
            mend = "add its address to panel_settings.exit_urls"
            yield Violation(Rule.NO_EXIT, f"there is no exit address for {outcome}", mend)
    for outcome in Outcome:
        used = set(PLACEHOLDER.findall(text(exit_templates(arm).get(outcome))))
        if "code" in used and not exit_code(arm, outcome):
            rule = MISSING.get(outcome, Rule.EXIT_PLACEHOLDER)
            wrong = f"the exit address of {outcome} names a code and there is none"
            yield Violation(rule, wrong, "add it to exit_codes, or take {code} out")
        for part in sorted({"study", "submission"} & used - names.keys()):
            wrong = f"the exit address of {outcome} names {{{part}}}, which no parameter brings in"
            yield Violation(Rule.EXIT_PLACEHOLDER, wrong, "add it to panel_settings.parameters, or take it out")


def check_attention(arm: Arm) -> Iterator[Violation]:
    """Say when failed attention checks could never be a ground for rejection."""
    structure = arm.study.version.structure
    n_scenarios = sum(structure["arms"][arm.country]["items"].values())
    minutes = estimate_minutes(n_scenarios)
    n_checks = len(structure["attention_checks"])
    if minutes >= LONG_MINUTES and n_checks < CHECKS_IF_LONG:
        wrong = f"{n_checks} attention check(s) in a survey of about {minutes:.0f} minutes"
        mend = f"nobody may be rejected unless {CHECKS_IF_LONG} are failed: add checks, or reject nobody for them"
        yield Violation(Rule.FEW_ATTENTION_CHECKS, wrong, mend, Severity.HINT)
