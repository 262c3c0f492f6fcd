"""``manage.py prolific_study CODE``: say what to enter at Prolific for a study, create drafts, ask for its events."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Sum
from django.urls import reverse

from survey.enums import PanelName
from survey.models import Arm, Study
from survey.panels import PanelFailure
from survey.panels.lint import lint_arm
from survey.panels.prolific.adapter import STATUS_EVENT
from survey.panels.prolific.client import ProlificClient
from survey.panels.prolific.codes import code_table, draft_study
from survey.panels.rules import Severity


class Command(BaseCommand):
    help = "Print each Prolific arm's study as it is to be entered there; with --create, make drafts of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="code of the study")
        parser.add_argument("--site", required=True, help="address of this site, such as https://study.example.org")
        parser.add_argument("--create", action="store_true", help="create drafts through Prolific's interface")
        parser.add_argument(
            "--subscribe", metavar="WORKSPACE", default="", help="have the workspace's events sent here"
        )

    def handle(
        self, *args: Any, code: str, site: str, create: bool = False, subscribe: str = "", **options: Any
    ) -> None:
        study = Study.objects.filter(code=code).first()
        if study is None:
            raise CommandError(f"there is no study {code}")
        arms = study.arms.filter(panel=PanelName.PROLIFIC).select_related("study__version")
        for arm in arms.annotate(places=Sum("quota_cells__target")):
            draft = draft_study(arm, site=site, places=arm.places or 0)
            self.show(arm, draft)
            if create:
                self.create(arm, draft)
        if subscribe:
            self.subscribe(arms.first(), subscribe, site)

    def show(self, arm: Arm, draft: dict[str, Any]) -> None:
        self.stdout.write(f"\n{arm.get_country_display()}: {draft['external_study_url']}")
        for row in code_table(arm):
            outcomes = ", ".join(row.outcomes)
            actions = "; ".join(json.dumps(action) for action in row.actions)
            self.stdout.write(f"  {row.code}  {row.code_type}  by {row.actor}  for {outcomes}: {actions}")
        self.stdout.write(
            f"  {draft['total_available_places']} places, reward {draft['reward']}, "
            f"{draft['estimated_completion_time']} minutes, at most {draft['maximum_allowed_time']}"
        )

    def create(self, arm: Arm, draft: dict[str, Any]) -> None:
        """Create the draft and keep its id with the arm; a person checks and publishes it."""
        errors = [str(one) for one in lint_arm(arm) if one.severity == Severity.ERROR]
        missing = [name for name in ("reward", "estimated_completion_time", "maximum_allowed_time") if not draft[name]]
        if errors or missing:
            raise CommandError("\n".join([*errors, *(f"{name} is not set" for name in missing)]))
        if arm.panel_settings.get("study_id"):
            self.stdout.write("  has a study at Prolific already")
            return
        try:
            with ProlificClient.of(arm) as client:
                created = client.create_study(draft)
        except PanelFailure as error:
            raise CommandError(str(error)) from error
        arm.panel_settings = {**arm.panel_settings, "study_id": created}
        arm.save(update_fields=["panel_settings"])
        self.stdout.write(f"  created as a draft: {created}")

    def subscribe(self, arm: Arm | None, workspace: str, site: str) -> None:
        """Have Prolific tell of every change of a submission's status; once a workspace is enough for all studies."""
        if arm is None:
            raise CommandError("no country of this study recruits on Prolific")
        target = site.rstrip("/") + reverse("survey:prolific_events")
        try:
            with ProlificClient.of(arm) as client:
                subscription = client.subscribe(workspace, STATUS_EVENT, target)
        except PanelFailure as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"events go to {target}: subscription {subscription}")
