"""The fixed vocabularies of model runs. A leaf, like `survey.enums`."""

from django.db.models import TextChoices


class ProviderName(TextChoices):
    OPENAI = "openai", "OpenAI-compatible endpoint"
    SIMULATED = "simulated", "Simulated"


class Stage(TextChoices):
    BASE = "base", "Base"
    INSTRUCT = "instruct", "Instruct"


class RunState(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Stopped by an error"


class CellState(TextChoices):
    """A cell is open (TODO, LEASED) or final; what came back decides which final state."""

    TODO = "todo", "To do"
    LEASED = "leased", "In flight"
    DONE = "done", "Answered"
    REFUSED = "refused", "Refused"
    UNPARSED = "unparsed", "Unparsed"
    ERROR = "error", "Error"
    CANCELLED = "cancelled", "Cancelled"


class PersonaSetting(TextChoices):
    NO_PERSONA = "no_persona", "No persona"
    PERSONA = "persona", "Persona"


class Method(TextChoices):
    """How the answer is elicited."""

    FIRST_TOKEN = "first_token", "First-token log-probabilities"
    SAMPLE = "sample", "Sample"


class ParseStage(TextChoices):
    """The first rule of the parser that decided how an answer is read."""

    LABEL = "label", "The label alone"
    LABEL_START = "label_start", "A label at the start"
    OPTION_TEXT = "option_text", "The text of one option"
    REFUSAL = "refusal", "A refusal"
    UNPARSED = "unparsed", "Not understood"


OPEN_STATES = (CellState.TODO, CellState.LEASED)
