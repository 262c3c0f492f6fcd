"""The pages of a survey, one small class each."""

from survey.enums import Page
from survey.pages.base import Option, PageKind, RadioGroup, Reading, Turn, read_answers
from survey.pages.consent import ConsentPage
from survey.pages.debrief import DebriefPage
from survey.pages.demographics import DemographicsPage
from survey.pages.instructions import InstructionsPage
from survey.pages.language import LanguagePage
from survey.pages.scenario import ScenarioPage

PAGES: dict[Page, PageKind] = {
    Page.LANGUAGE: LanguagePage(),
    Page.CONSENT: ConsentPage(),
    Page.INSTRUCTIONS: InstructionsPage(),
    Page.SCENARIO: ScenarioPage(),
    Page.DEMOGRAPHICS: DemographicsPage(),
    Page.DEBRIEF: DebriefPage(),
}

__all__ = ["PAGES", "Option", "PageKind", "RadioGroup", "Reading", "Turn", "read_answers"]
