"""The pages of a survey, one small class each."""

from survey.enums import Page
from survey.pages.attention import AttentionPage
from survey.pages.base import DECLINED, AskAgain, Option, PageKind, RadioGroup, Reading, Turn, read_answers
from survey.pages.comprehension import ComprehensionPage
from survey.pages.consent import ConsentPage
from survey.pages.debrief import DebriefPage
from survey.pages.demographics import DemographicsPage
from survey.pages.instructions import InstructionsPage, reminder
from survey.pages.language import LanguagePage
from survey.pages.scenario import ScenarioPage
from survey.pages.screening import ScreeningPage

PAGES: dict[Page, PageKind] = {
    Page.LANGUAGE: LanguagePage(),
    Page.CONSENT: ConsentPage(),
    Page.SCREENING: ScreeningPage(),
    Page.INSTRUCTIONS: InstructionsPage(),
    Page.COMPREHENSION: ComprehensionPage(),
    Page.SCENARIO: ScenarioPage(),
    Page.ATTENTION: AttentionPage(),
    Page.DEMOGRAPHICS: DemographicsPage(),
    Page.DEBRIEF: DebriefPage(),
}

__all__ = [
    "DECLINED",
    "PAGES",
    "AskAgain",
    "Option",
    "PageKind",
    "RadioGroup",
    "Reading",
    "ScenarioPage",
    "Turn",
    "read_answers",
    "reminder",
]
