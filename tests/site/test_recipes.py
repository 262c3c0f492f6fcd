"""The README's recipes for developers, followed on a copy of the project: what they name is all that has to be done."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = '''"""Thank half-way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from survey.domain.answering import pass_page
from survey.pages.base import PageKind, Turn


class ThanksPage(PageKind):
    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["thanks.heading"], "paragraphs": [turn.texts["thanks.text"]]}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        pass_page(turn.session)
'''
PANEL = '''"""The university's own list of volunteers."""

from collections.abc import Mapping

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.base import Action, ActionKind, Identity, Panel, take


class Campus(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(PanelName.CAMPUS, take(params, "volunteer"))

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        return Action(ActionKind.NONE)
'''
PROVIDER = '''"""Answers A, whatever is asked."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from survey.llm.models import ModelSpec
from survey.llm.providers.contract import ChatRequest
from survey.llm.wire import Reply


class EchoProvider:
    def __init__(self, spec: ModelSpec) -> None:
        self.model = spec.model

    async def complete(self, request: ChatRequest) -> Reply:
        return Reply({"echo": "A"}, "A", model=self.model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""
'''
STATISTIC = '''"""The items with a majority for the culture: those with a share above one half, over all items."""

from __future__ import annotations

import pandas as pd


def majority_share(answers: pd.DataFrame, *, value: str, item: str) -> float:
    """Give the share of items to which more than half of the answers say yes."""
    return float((answers.groupby(item)[value].mean() > 0.5).mean())
'''
MAJORITIES = """pd.DataFrame(
                [{"estimate": majority_share(answers, value="follows_culture", item="item_code"), "n": len(answers)}]
            )"""
SHOWN = """ShownTable(
            "majorities", "Items with a majority for the culture", ["Share"],
            [[f"{row['estimate']:.0%}"] for row in results.rows("majorities")],
        )"""
USE = """
import django
django.setup()
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django.core.management import call_command
from django.test import Client
from survey.enums import Page, PanelName
from survey.models import Arm, Item, PanelIdentity, SurveySession, Text
from survey.llm import domain, tasks
from survey.llm.models import Cell, Completion, ModelSpec
from tests.factories import make_study
from tests.survey.test_flow_pages import ANSWERS, Walker

study = make_study()
assert Item.objects.filter(version=study.version, code="BR99").exists()
texts = Text.objects.filter(version=study.version, key__startswith="items.BR99.")
assert texts.values("locale").distinct().count() == 7
ANSWERS[Page.THANKS] = {}
ANSWERS[Page.LANGUAGE] = {"locale": "es-ES"}
irish = Client().get("/join/s1/IE/").headers["Location"].split("/")[2]
walker = Walker(SurveySession.objects.get(token=irish))
walker.finish()
assert walker.session.status == "complete" and walker.session.responses.count() == 32
arm = study.arms.get(country="US")
assert arm.locales == ["en-US", "es-ES"], arm.locales
arm.panel = PanelName.CAMPUS
arm.save()
assert Client().get("/join/s1/US/").status_code == 400
assert Client().get("/join/s1/US/", {"volunteer": "v1"}).status_code == 303
identity = PanelIdentity.objects.get(panel=PanelName.CAMPUS, panel_person="v1")
session = SurveySession.objects.get(participant=identity.participant)
kinds = [page["kind"] for page in session.plan]
assert kinds[kinds.index("thanks") + 1] == "scenario", kinds
walker = Walker(session)
walker.walk_to(Page.THANKS)
html = walker.client.get(walker.url).content.decode()
assert "<h1>Thank you</h1>" in html and '<html lang="es-ES">' in html, html
walker.finish()
assert SurveySession.objects.get(pk=session.pk).status == "complete"
spec = ModelSpec.objects.create(
    tag="echo", provider="echo", base_url="http://127.0.0.1:9/v1", model="echo", max_in_flight=5
)
run = domain.create_alignment_run(study, specs=[spec], limit=1)
domain.begin_run(run)
tasks.work(spec.pk)
assert set(Completion.objects.values_list("text", flat=True)) == {"A"}
assert not Cell.objects.filter(state="todo").exists()
from dataclasses import replace
import pandas as pd
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.reports import compute
from analysis.results import rates
from analysis.results.stored import Results
from analysis.stats.majorities import majority_share
example = pd.DataFrame({"item": ["a", "a", "b", "b", "c"], "yes": [True, False, True, True, False]})
assert majority_share(example, value="yes", item="item") == 1 / 3
wanted = replace(choose(include_simulated=True), families=(FamilyKey.RATES,))
results = Results(AnalysisRun(results=compute(study, wanted, lambda step: None).results))
share = results.rows("majorities")[0]["estimate"]
assert 0 <= share <= 1
tables = {table.name: table.rows for table in rates.show(results).tables}
assert tables["majorities"] == [[f"{share:.0%}"]], tables
print("all of it works")
"""


class Copy:
    """A copy of the project's files, to be edited as a recipe says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, script: str) -> str:
        """Run a shell script with servers of its own."""
        command = [sys.executable, "-m", "pact_site.embedded", "--throwaway", "bash", "-ec", script]
        hidden = ("DATABASE_URL", "REDIS_URL", "PACT_VAR")
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        env |= {"PACT_DEMO": "1", "DJANGO_SETTINGS_MODULE": "pact_site.settings", "PYTHON": sys.executable}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


def add_item(copy: Copy) -> None:
    """Its row beside another's, its texts in every language."""
    home = "survey/instruments/pact"
    rows = (copy.folder / home / "items.csv").read_text(encoding="utf-8")
    first = next(row for row in csv.reader(rows.splitlines()) if row[0] == "BR01")
    copy.write(f"{home}/items.csv", rows + ",".join(["BR99", *first[1:9], "0", "written for the test"]) + "\n")
    for path in sorted((copy.folder / home / "texts").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        found = re.search(r"^  BR01:\n(?:    .*\n)+", text, flags=re.MULTILINE)
        assert found
        path.write_text(text.replace(found[0], found[0] + found[0].replace("BR01", "BR99")), encoding="utf-8")


def add_locale(copy: Copy) -> None:
    copy.edit(
        "survey/enums.py", ('    HI_IN = "hi-IN"', '    ES_ES = "es-ES", "Español (España)"\n    HI_IN = "hi-IN"')
    )
    copy.edit("pact_site/settings.py", ('    ("pt-br"', '    ("es-es", "Español (España)"),\n    ("pt-br"'))
    home = "survey/instruments/pact"
    english = (copy.folder / home / "texts" / "en-US.yaml").read_text(encoding="utf-8")
    copy.write(f"{home}/texts/es-ES.yaml", english.replace("locale: en-US", "locale: es-ES", 1))
    copy.edit(f"{home}/instrument.yaml", ("locales: [en-US]", "locales: [en-US, es-ES]"))


def add_country(copy: Copy) -> None:
    """Ireland, where scenarios are set already, becomes a country whose people are asked."""
    home = "survey/instruments/pact"
    arm = "  IE:\n    locales: [en-GB]\n    close: [GB]\n    far: []\n    items: {core: 8, same: 4, close: 4, far: 0}\n"
    copy.edit(f"{home}/instrument.yaml", ("\narms:\n", f"\narms:\n{arm}"))
    for path in sorted((copy.folder / home / "texts").glob("*.yaml")):
        copy.edit(f"{home}/texts/{path.name}", ("\ncountry:\n", '\ncountry:\n  IE: "Ireland"\n'))


def add_page(copy: Copy) -> None:
    copy.edit(
        "survey/enums.py", ('    SCENARIO = "scenario"', '    THANKS = "thanks", "Thanks"\n    SCENARIO = "scenario"')
    )
    copy.write("survey/pages/thanks.py", PAGE)
    copy.edit(
        "survey/instruments/visible.py", ("    Page.SCENARIO: (", '    Page.THANKS: ("thanks",),\n    Page.SCENARIO: (')
    )
    copy.edit(
        "survey/pages/__init__.py",
        ("from survey.pages.screening", "from survey.pages.thanks import ThanksPage\nfrom survey.pages.screening"),
        ("    Page.SCENARIO: ", "    Page.THANKS: ThanksPage(),\n    Page.SCENARIO: "),
    )
    home = "survey/instruments/pact"
    copy.edit(
        "survey/instruments/schema.py",
        ('    "consent.heading",', '    "thanks.heading",\n    "thanks.text",\n    "consent.heading",'),
    )
    for path in sorted((copy.folder / home / "texts").glob("*.yaml")):
        copy.edit(
            f"{home}/texts/{path.name}",
            ("\nconsent:\n", '\nthanks:\n  heading: "Thank you"\n  text: "Nearly there."\nconsent:\n'),
        )
    copy.edit(f"{home}/instrument.yaml", ("comprehension, scenario", "comprehension, thanks, scenario"))


def add_panel(copy: Copy) -> None:
    copy.edit(
        "survey/enums.py", ('    GENERIC = "generic"', '    CAMPUS = "campus", "Campus"\n    GENERIC = "generic"')
    )
    copy.write("survey/panels/campus.py", PANEL)
    copy.edit(
        "survey/panels/__init__.py",
        ("from survey.panels.cint", "from survey.panels.campus import Campus\nfrom survey.panels.cint"),
        ("    PanelName.CINT:", "    PanelName.CAMPUS: Campus(),\n    PanelName.CINT:"),
    )


def add_provider(copy: Copy) -> None:
    copy.edit(
        "survey/llm/enums.py", ('    SIMULATED = "simulated"', '    ECHO = "echo", "Echo"\n    SIMULATED = "simulated"')
    )
    copy.write("survey/llm/providers/echo.py", PROVIDER)
    copy.edit(
        "survey/llm/providers/__init__.py",
        (
            "from survey.llm.providers.openai",
            "from survey.llm.providers.echo import EchoProvider\nfrom survey.llm.providers.openai",
        ),
        ("    ProviderName.OPENAI:", "    ProviderName.ECHO: EchoProvider,\n    ProviderName.OPENAI:"),
    )


def add_statistic(copy: Copy) -> None:
    copy.write("analysis/stats/majorities.py", STATISTIC)
    copy.edit(
        "analysis/reports/rates.py",
        (
            "from analysis.stats.rates import",
            "from analysis.stats.majorities import majority_share\nfrom analysis.stats.rates import",
        ),
        ('            "rates_crossed": ', f'            "majorities": {MAJORITIES},\n            "rates_crossed": '),
    )
    copy.edit("analysis/families.py", ('("rates", "rates_crossed"', '("rates", "majorities", "rates_crossed"'))
    copy.edit(
        "analysis/results/rates.py", ("shown = [_shown_rates(results)", f"shown = [{SHOWN}, _shown_rates(results)")
    )


def test_what_the_readme_has_recipes_for_is_added_as_it_says(copy: Copy) -> None:
    for add in (add_item, add_locale, add_country, add_page, add_panel, add_provider, add_statistic):
        add(copy)
    copy.write("use.py", USE)
    told = copy.run(
        '"$PYTHON" manage.py makemigrations --verbosity 0; "$PYTHON" manage.py migrate --verbosity 0;'
        '"$PYTHON" manage.py check_instrument; "$PYTHON" use.py'
    )
    assert told.endswith("all of it works\n")
