"""``manage.py setup_demo``: the demo's study, instrument and staff login, made once and kept."""

import json
import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.study_states import unblind_study
from survey.domain.translations import override_texts
from survey.enums import PanelName
from survey.instruments.loader import SHIPPED, read_instrument
from survey.models import Study

CODE = "pact-demo"
USER = "demo"
WHY_DRAFTS = "All data of the demo are simulated; its texts are machine drafts that no person has reviewed."
WHY_SHOWN = "The demo shows results from the start; its data are simulated."


class Command(BaseCommand):
    help = "Make the demo study live and give it a staff login; prints one line of JSON for the launcher."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("this makes a login with a known password: it runs only with PACT_DEMO=1")
        study = Study.objects.filter(code=CODE).first()
        if study is None:
            version = load_instrument(read_instrument(SHIPPED)).version
            study = create_study(
                code=CODE, title="PACT demo study", version=version, panel=PanelName.DIRECT, target_per_cell=10
            )
            override_texts(study, by="setup_demo", reason=WHY_DRAFTS)
            unblind_study(study, by="setup_demo", reason=WHY_SHOWN)
            launch_study(study)
        countries = list(study.arms.values_list("country", flat=True))
        print(
            json.dumps(
                {
                    "study": CODE,
                    "survey": {country: f"/join/{CODE}/{country}/" for country in countries},
                    "dashboard": f"/studies/{CODE}/",
                    "user": USER,
                    "password": staff_password(),
                }
            )
        )


def staff_password() -> str:
    """Make the demo's staff user with a password of its own, kept in the demo's data folder for the next start."""
    path = settings.VAR_DIR / "demo-password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"demo-{secrets.token_hex(4)}")
    password = path.read_text()
    user, _ = get_user_model().objects.get_or_create(username=USER, defaults={"is_staff": True, "is_superuser": True})
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return password
