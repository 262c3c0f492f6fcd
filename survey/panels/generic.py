"""Any panel that sends identifiers in its link and takes people back at an address per outcome, by the arm's settings.

``panel_settings`` holds ``parameters``, the names that the panel's link uses, such as
``{"person": "uid", "submission": "sid"}`` (``person`` is needed), and ``exit_urls``, a template per outcome, such as
``{"complete": "https://panel.example/done?uid={person}&code={code}"}``.
"""

from collections.abc import Mapping

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.addresses import fill
from survey.panels.base import (
    Action,
    Identity,
    Panel,
    UnknownParticipant,
    exit_code,
    leave,
    mapping,
    resolve,
    take,
    text,
)

IDENTIFIERS = ("person", "study", "submission")


def parameter_names(arm: Arm) -> dict[str, str]:
    """Give the link's parameter for each identifier that the arm's settings name."""
    names = mapping(mapping(arm.panel_settings).get("parameters"))
    return {part: text(names.get(part)) for part in IDENTIFIERS if text(names.get(part))}


def exit_templates(arm: Arm) -> Mapping[str, object]:
    return mapping(mapping(arm.panel_settings).get("exit_urls"))


class Generic(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        names = parameter_names(arm)
        if "person" not in names:
            raise UnknownParticipant("the arm's settings do not say which parameter names the person")
        taken = {part: take(params, name) for part, name in names.items()}
        return Identity(PanelName.GENERIC, taken["person"], taken.get("study", ""), taken.get("submission", ""))

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        code = exit_code(arm, outcome)
        return leave(fill(resolve(exit_templates(arm), outcome), {**identity.placeholders, "code": code}), code)
