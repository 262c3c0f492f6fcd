"""The rules that an arm's settings are held to, and what a breach of one says."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    ERROR = "error"
    HINT = "hint"


class Rule(StrEnum):
    """The rules by their ids, as they stand in the output."""

    SETTINGS_SHAPE = "settings-shape"
    UNKNOWN_OUTCOME = "unknown-outcome"
    NO_COMPLETE_CODE = "no-complete-code"
    NO_CONSENT_CODE = "no-consent-code"
    CODE_WITH_SPACE = "code-with-space"
    SHARED_CODE = "shared-code"
    SCREEN_OUT_CODES = "screen-out-codes"
    NO_EXIT = "no-exit"
    EXIT_ADDRESS = "exit-address"
    EXIT_PLACEHOLDER = "exit-placeholder"
    NO_PARAMETER_NAMES = "no-parameter-names"
    APPROVE_AND_REVIEW = "approve-and-review"
    COMPREHENSION_AS_ATTENTION = "comprehension-as-attention"
    AUTO_REJECTION = "auto-rejection"
    PAY_UNKNOWN = "pay-unknown"
    PAY_BELOW_FLOOR = "pay-below-floor"
    PAY_BELOW_ADVICE = "pay-below-advice"
    SCREEN_OUT_PAY = "screen-out-pay"
    TIME_LIMIT = "time-limit"
    STUDY_URL = "study-url"
    PRESCREENER = "prescreener"
    UNSIGNED_ENTRY = "unsigned-entry"
    NO_STUDY_ID = "no-study-id"
    FEW_ATTENTION_CHECKS = "few-attention-checks"
    DEVICES = "devices"
    VERIFY = "verify"


class Violation(NamedTuple):
    """One thing that the panel would not take, and how to mend it."""

    rule: Rule
    wrong: str
    mend: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.severity} [{self.rule}] {self.wrong}: {self.mend}"
