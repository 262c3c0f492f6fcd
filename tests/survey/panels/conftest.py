"""A study in the field on the fake panel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client

from survey.domain import lifecycle
from survey.domain.acts import perform_due
from survey.domain.panels import process_events
from survey.enums import PanelName
from survey.models import Arm, PanelAct, PanelSubmission, Study, SurveySession
from survey.panels.prolific.client import ProlificClient
from survey.panels.prolific.jwks import cache
from tests.factories import get_arm, make_study
from tests.survey.panels.fake_prolific import SECRET, TOKEN, Delivery, FakeProlific
from tests.survey.test_flow_pages import Walker

EVENTS = "/panels/prolific/events/"
CODES = [
    {"code": "CDONE", "code_type": "COMPLETED", "actor": "participant", "actions": [{"action": "MANUALLY_REVIEW"}]},
    {"code": "RDONE", "code_type": "COMPLETED", "actor": "researcher", "actions": [{"action": "MANUALLY_REVIEW"}]},
    {"code": "CNO", "code_type": "NO_CONSENT", "actor": "participant", "actions": [{"action": "REQUEST_RETURN"}]},
]


@dataclass
class Visit:
    """A participant of the panel on our pages."""

    submission: str
    client: Client
    walker: Walker

    @property
    def session(self) -> SurveySession:
        self.walker.session.refresh_from_db()
        return self.walker.session

    @property
    def row(self) -> PanelSubmission:
        return PanelSubmission.objects.get(submission=self.submission)


@dataclass
class Field:
    """A study, its arm in Great Britain, and the panel that sends people there."""

    panel: FakeProlific
    study: Study
    arm: Arm
    panel_study: str

    def set(self, **settings: object) -> None:
        """Change settings of the arm."""
        self.arm.refresh_from_db()
        self.arm.panel_settings = {**self.arm.panel_settings, **settings}
        self.arm.save()

    def send(self, person: str) -> Visit:
        """Let the panel send somebody in."""
        params = self.panel.take_place(self.panel_study, person)
        return self.enter(params)

    def enter(self, params: dict[str, str]) -> Visit:
        client = Client()
        reply = client.get("/join/s1/GB/", params)
        assert reply.status_code == 303, reply.content
        session = SurveySession.objects.get(token=reply.headers["Location"].split("/")[2])
        return Visit(params["SESSION_ID"], client, Walker(session, client))

    def post(self, delivery: Delivery) -> int:
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        return Client().post(EVENTS, delivery.body, content_type="application/json", headers=headers).status_code

    def deliver_all(self) -> None:
        """Let every event arrive, in order, and be acted on."""
        while self.panel.outbox:
            assert self.panel.deliver(self.post, self.panel.outbox.pop(0))
        process_events()

    def work(self) -> int:
        """Do what is due now, whatever pause it was to make."""
        PanelAct.objects.filter(state="planned").update(due_at="2020-01-01T00:00Z")
        return perform_due()


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[FakeProlific]:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PROLIFIC_API_TOKEN", TOKEN)
    monkeypatch.setenv("PROLIFIC_WEBHOOK_SECRET", SECRET.decode())
    monkeypatch.setattr(ProlificClient.__init__, "__kwdefaults__", {"wait": lambda seconds: None})
    with FakeProlific() as fake:
        settings.PROLIFIC_API_URL = f"{fake.url}/api/v1"
        settings.PROLIFIC_JWKS_URL = f"{fake.url}/.well-known/study/jwks.json"
        cache.clear()
        yield fake
        cache.clear()


@pytest.fixture
def field(panel: FakeProlific, db: None, monkeypatch: pytest.MonkeyPatch) -> Field:
    # The tests answer faster than anybody reads.
    monkeypatch.setattr(lifecycle, "version_structure", lambda _: {"exclusions": ["attention_failed"]})
    study = make_study(panel=PanelName.PROLIFIC)
    arm = get_arm(study, "GB")
    panel_study = panel.open_study(CODES)
    field = Field(panel, study, arm, panel_study)
    field.set(study_id=panel_study, researcher_codes={"complete": "RDONE"})
    return field
