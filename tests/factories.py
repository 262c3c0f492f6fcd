"""Test data: the shipped instrument, studies on it, sessions at any page."""

from survey.domain.enrolment import enrol
from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.translations import override_texts
from survey.enums import PanelName
from survey.instruments.loader import SHIPPED, read_instrument
from survey.models import Arm, InstrumentVersion, Study, SurveySession
from survey.panels import Identity

SHIPPED_DEFINITION = read_instrument(SHIPPED)


def make_version() -> InstrumentVersion:
    """Find the shipped instrument, which lies in the tests' database (`tests.shipped`), or store it."""
    known = InstrumentVersion.objects.filter(content_hash=SHIPPED_DEFINITION.content_hash).first()
    return known or load_instrument(SHIPPED_DEFINITION).version


def make_study(code: str = "s1", *, live: bool = True, panel: PanelName = PanelName.DIRECT) -> Study:
    study = create_study(code=code, title="Study", version=make_version(), panel=panel, target_per_cell=5)
    if panel == PanelName.PROLIFIC:
        study.arms.update(exit_codes={"complete": "CDONE", "no_consent": "CNO"})
    override_texts(study, by="tests", reason="the shipped texts are drafts")
    if live:
        launch_study(study)
    return study


def get_arm(study: Study, country: str = "BR") -> Arm:
    return study.arms.get(country=country)


def make_session(study: Study, country: str = "BR", person: str = "") -> SurveySession:
    identity = Identity(PanelName.PROLIFIC if person else PanelName.DIRECT, person=person)
    return enrol(get_arm(study, country), identity=identity)
