"""What the content lint says: a rule, where a text breaks it, and how to mend it. Pure."""

from enum import StrEnum
from typing import NamedTuple


class Rule(StrEnum):
    """The rules by their ids, as they stand in the output."""

    LENGTH = "length"
    READING_LEVEL = "reading-level"
    CHOICE_LENGTH = "choice-length"
    CHOICE_TONE = "choice-tone"
    CHOICE_FORM = "choice-form"
    VALUE_WORD = "value-word"
    ECHO = "echo"
    NEAR_DUPLICATE = "near-duplicate"
    ACTOR_UNNAMED = "actor-unnamed"
    PLACEHOLDER = "placeholder"
    LEFTOVER = "leftover"
    NOT_NFC = "not-nfc"
    HIDDEN_CHARACTER = "hidden-character"
    SPACING = "spacing"
    MIXED_SCRIPT = "mixed-script"
    DANDA = "danda"
    US_SPELLING = "us-spelling"
    THEME_BALANCE = "theme-balance"
    CELL_BALANCE = "cell-balance"
    FEW_ITEMS = "few-items"
    CORE_BALANCE = "core-balance"


class Finding(NamedTuple):
    """One doubtful thing, where it stands, and how to mend it."""

    file: str
    line: int
    key: str
    rule: Rule
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: [{self.rule}] {self.message}"


class Fault(NamedTuple):
    rule: Rule
    message: str
