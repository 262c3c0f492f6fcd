"""The accessibility rules that every page is held against."""

from typing import NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCRIPT = Axe().axe_script
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
# All rules run; but of what passes, neither selectors are made nor is a word sent: that took most of the time.
RUN = f"""axe.run({{runOnly: {RULES}, resultTypes: ["violations"]}}).then(
    result => result.violations.map(one => [one.id, one.nodes[0].html]))"""


class Breach(NamedTuple):
    """A rule that a page breaks, and the first element that does."""

    rule: str
    html: str


def find_breaches(page: Page) -> list[Breach]:
    """Hold a page, as it is shown now, against the rules."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(SCRIPT)
    return [Breach(*one) for one in page.evaluate(RUN)]
