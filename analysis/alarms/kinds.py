"""The kinds of alarm: what each means, from where on it rings, what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import TextChoices


class Kind(TextChoices):
    NO_ANSWERS = "no_answers", "No answers come in"
    DROP_OUT = "drop_out", "Many drop out"
    PAY_LOW = "pay_low", "Pay below the floor"
    RECONCILIATION = "reconciliation", "Visits do not agree with the panel"
    QUOTA_NEARLY_FULL = "quota_nearly_full", "Quotas nearly full"
    QUOTA_FULL = "quota_full", "Quotas full"
    BUDGET_NEARLY_SPENT = "budget_nearly_spent", "Budget nearly spent"
    BUDGET_SPENT = "budget_spent", "Budget spent"
    RUN_STALLED = "run_stalled", "Model run stands still"
    RUN_STOPPED = "run_stopped", "Model run stopped by trouble"
    WORKER_SILENT = "worker_silent", "Background work stands still"
    BACKUP_OLD = "backup_old", "Backups are missing"
    TEXTS_STALE = "texts_stale", "Texts are stale"


class Definition(NamedTuple):
    """What a kind means. A study may change its ``limit``; after ``calm`` without its cause it closes."""

    rings: str
    what_to_do: str
    page: str
    limit: float | None = None
    unit: str = ""
    calm: timedelta = timedelta(0)
    is_urgent: bool = False

    def words(self, limit: float | None) -> str:
        return self.rings.format(limit=f"{limit:g}" if limit is not None else "")


SETTLES = timedelta(minutes=30)
LEAST_DROPOUTS, MOST_CHANCE = 20, 0.01
LEAST_TIMED = 10

DEFINITIONS: Mapping[Kind, Definition] = {
    Kind.NO_ANSWERS: Definition(
        "The study is live, places are left, and nobody has answered an item for {limit} hours.",
        "Open the country's link yourself and answer one item. If it works, look whether the panel still sends people; "
        "if not, pause the study.",
        "analysis:dashboard",
        limit=6,
        unit="hours",
        is_urgent=True,
    ),
    Kind.DROP_OUT: Definition(
        "Of a country or locale {limit} times as many of those who consented do not finish as of all others together: "
        f"at least {LEAST_DROPOUTS} people, and by chance less often than once in {1 / MOST_CHANCE:.0f} "
        "(Fisher's exact test, one-sided).",
        "Look at which page they leave, and take the survey there in that locale on a phone.",
        "analysis:dashboard",
        limit=2,
        unit="times",
        calm=SETTLES,
    ),
    Kind.PAY_LOW: Definition(
        f"A country's reward by the hour of the median time is below the panel's floor, from {LEAST_TIMED} people on.",
        "Raise the reward at the panel or pay the difference as a bonus, and correct the time that the study names.",
        "survey:reconciliation",
        calm=SETTLES,
        is_urgent=True,
    ),
    Kind.RECONCILIATION: Definition(
        "{limit} or more visits do not agree between the panel and this site: a code used without answers, answers "
        "without a visit, a wait that is too long, and the like.",
        "Go through them: each says what it is and how to mend it.",
        "survey:reconciliation",
        limit=1,
        unit="visits",
    ),
    Kind.QUOTA_NEARLY_FULL: Definition(
        "A country of a live study has {limit} percent of the completes that it wants.",
        "See that the panel stops sending people when the places are full: who comes then is turned away, and paid.",
        "survey:setup",
        limit=90,
        unit="percent",
    ),
    Kind.QUOTA_FULL: Definition(
        "No quota cell of a country takes anybody in, and the study is live.",
        "Close that country at the panel, or raise a cell's target.",
        "survey:setup",
    ),
    Kind.BUDGET_NEARLY_SPENT: Definition(
        "{limit} percent of a country's budget, or of a model run's, is spent or promised.",
        "Look whether what is still to come fits; raise the budget or lower the targets in time.",
        "analysis:dashboard",
        limit=80,
        unit="percent",
    ),
    Kind.BUDGET_SPENT: Definition(
        "All of a country's budget, or of a model run's, is spent or promised.",
        "Pause the study at the panel, or raise the budget. A model run pauses by itself.",
        "analysis:dashboard",
        is_urgent=True,
    ),
    Kind.RUN_STALLED: Definition(
        "A model run is under way, and none of its questions has ended for {limit} minutes.",
        "Look at the run's page: it names what the endpoint says. Look whether workers run, too.",
        "llm:runs",
        limit=10,
        unit="minutes",
    ),
    Kind.RUN_STOPPED: Definition(
        "A model run paused or stopped by itself, or one of its models stopped while it goes on with the others.",
        "Mend what the run's page names (key, address, money), then resume it: nothing asked is lost.",
        "llm:runs",
    ),
    Kind.WORKER_SILENT: Definition(
        "Timer or workers have given no sign of life for {limit} minutes. Participants notice nothing; runs, panels, "
        "analyses and notices wait.",
        "Have the server's operator look at the timer (beat) and the workers, and start them again.",
        "analysis:dashboard",
        limit=5,
        unit="minutes",
        is_urgent=True,
    ),
    Kind.BACKUP_OLD: Definition(
        "The site makes backups every night, and the newest good one is {limit} hours old: what was answered since has "
        "no copy.",
        "Have the server's operator look at the log of upkeep: it says why none is made (a full disk, most likely).",
        "analysis:dashboard",
        limit=48,
        unit="hours",
        is_urgent=True,
    ),
    Kind.TEXTS_STALE: Definition(
        "A live study shows texts that were changed, or whose source was, after somebody signed them.",
        "Have them reviewed again; until then they count as drafts.",
        "analysis:translations",
    ),
}


class Finding(NamedTuple):
    """Something that rings: its kind, what exactly it is about, and how it stands in words."""

    kind: Kind
    subject: str
    text: str
    details: Mapping[str, Any] = {}


class Limits(NamedTuple):
    """A study's own limits, and the kinds that it does not want to hear of."""

    own: Mapping[str, float] = {}
    off: frozenset[str] = frozenset()

    def of(self, kind: Kind) -> float:
        """Give the limit of a kind that has one."""
        limit = DEFINITIONS[kind].limit
        return self.own.get(kind, limit if limit is not None else 0.0)

    def is_on(self, kind: Kind) -> bool:
        return kind not in self.off


STANDARD = Limits()
