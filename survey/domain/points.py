"""One line of the checklist before a launch."""

from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """Errors keep the study from opening; hints are a person's to weigh."""

    name: str
    told: str
    errors: Sequence[str] = ()
    hints: Sequence[str] = ()

    @property
    def standing(self) -> str:
        return "missing" if self.errors else "look" if self.hints else "ready"

    @property
    def why(self) -> str:
        """Say why it matters."""
        return WHY[self.name]


WHY = {
    "Instrument": "Its content cannot change once the study was launched.",
    "Countries": "Each needs its own link, panel and locales.",
    "Texts": "An unreviewed translation measures the translator, not the participants.",
    "Panels": "A wrong code pays people for the wrong outcome or strands them without their way back.",
    "Quotas": "They say how many are asked, and are registered.",
    "Contact": "Participants turn to it when something goes wrong.",
    "Consent": "Nobody’s answers may be stored without it; its version is kept with each consent.",
    "Analysis plan": "What is tested was written down before the data.",
    "Exclusions": "Who is left out must not depend on what they answered.",
    "Pay": "Panels freeze studies that pay below their floor, and people deserve better than the floor.",
    "Ethics approval": "Journals and the release’s methods pack ask for it.",
    "Stopping rule": "Looking at results and then deciding when to stop makes chance findings.",
    "Preview": "A page that nobody has looked at in its language will have a fault.",
    "Test run": "Only a walk from the first page to the way back shows that the whole holds.",
    "Registration": "It shows that what was planned is what was done, or where it is not.",
}
