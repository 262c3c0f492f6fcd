"""The fixed vocabularies of model runs. A leaf, like `survey.enums`."""

from django.db.models import TextChoices


class ProviderName(TextChoices):
    OPENAI = "openai", "OpenAI-compatible endpoint"
    SIMULATED = "simulated", "Simulated"


class Stage(TextChoices):
    BASE = "base", "Base"
    INSTRUCT = "instruct", "Instruct"


class PromptFormat(TextChoices):
    """How a prompt reaches a model: as a chat, or as plain text to be continued (base models)."""

    CHAT = "chat", "Chat (/chat/completions)"
    COMPLETIONS = "completions", "Plain text (/completions)"


class RunKind(TextChoices):
    """The design that a run's cells come from."""

    ALIGNMENT = "alignment", "Alignment: the items as people judge them"
    BEHAVIOUR = "behaviour", "Behaviour: the crossed benchmark"
    YOKED = "yoked", "Yoked: what people's sessions saw, again"


class RunState(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
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


class CallOutcome(TextChoices):
    """What came of asking, as it is counted; failures are counted by the name of their kind."""

    ANSWERED = "answered", "Answered"
    CACHED = "cached", "Taken from an earlier run"


class Again(TextChoices):
    """What may be asked again, if somebody says so."""

    ERRORS = "errors", "Errors: no answer came"
    REFUSALS = "refusals", "Refusals"
    UNPARSED = "unparsed", "Answers that could not be read"

    @property
    def state(self) -> CellState:
        """Give the state of the cells that are asked again."""
        states = {Again.ERRORS: CellState.ERROR, Again.REFUSALS: CellState.REFUSED, Again.UNPARSED: CellState.UNPARSED}
        return states[self]


class Failure(TextChoices):
    """The kinds of failed calls, by the names under which they are stored and counted."""

    RATE_LIMITED = "RateLimited", "Rate limit: all calls waited"
    TRANSIENT = "Transient", "Passing failure: tried again"
    AWAY = "Away", "Nobody answers: tried again"
    BAD_REQUEST = "BadRequest", "Request not taken: given up"
    ENDPOINT_REFUSED = "EndpointRefused", "Endpoint refused: the model stops"
    LEASE_LOST = "LeaseLost", "Workers died: given up"


class PersonaSetting(TextChoices):
    NO_PERSONA = "no_persona", "No persona"
    PERSONA = "persona", "Persona"


class LocaleSource(TextChoices):
    """Whose language a prompt is in."""

    SOURCE = "source", "The instrument's source language"
    ITEM = "item", "The language of the scenario's country"
    PERSONA = "persona", "The language of the persona's country"


class PromptCondition(TextChoices):
    """Whether the prompt tells to weigh the expectation against the preference."""

    NO_BALANCE = "no_balance", "No balance: nothing is said of weighing"
    BALANCE = "balance", "Balance: told to weigh both"


class PreferenceConfig(TextChoices):
    """Who has the preference."""

    ACTOR_PREF_ONLY = "actor_pref_only", "The actor only, as the item says"
    SWAPPED = "swapped", "The other person instead"
    BOTH_PREFS = "both_prefs", "Both"


class DemographicConfig(TextChoices):
    """What is said of actor and receiver beyond the item's own text."""

    NO_DEMO = "no_demo", "Nothing: the item as people read it"
    FULL_DEMO = "full_demo", "Age, gender and country"
    AGE_ONLY = "age_only", "Age"
    GENDER_ONLY = "gender_only", "Gender"
    COUNTRY_ONLY = "country_only", "Country"


class Method(TextChoices):
    """How the answer is elicited. Probabilities of different methods are never averaged together."""

    FIRST_TOKEN = "first_token", "First-token log-probabilities"
    SAMPLE = "sample", "Neutral samples"
    JSON_CHOICE = "json_choice", "Choice restricted by a JSON schema"
    VERBALISED = "verbalised", "Distribution in words"


class ParseStage(TextChoices):
    """The first rule of the parser that decided how an answer is read."""

    LABEL = "label", "The label alone"
    JSON_FIELD = "json_field", "The field of a JSON object"
    LABEL_START = "label_start", "A label at the start"
    OPTION_TEXT = "option_text", "The text of one option"
    REFUSAL = "refusal", "A refusal"
    UNPARSED = "unparsed", "Not understood"


class Feature(TextChoices):
    """What a probe finds out about a model, in the order in which it does."""

    CALL = "call", "Answers a plain question"
    LOGPROBS = "logprobs", "Sends log-probabilities of the first token"
    LABEL_MASS = "label_mass", "Answers with a label"
    LOGPROBS_AT_T = "logprobs_at_t", "Log-probabilities change with the temperature"
    NEUTRAL = "neutral", "Takes a neutral sampler (T 1, top_p 1, top_k 0, min_p 0)"
    TEMPERATURE = "temperature", "Samples differ at temperature 1"
    SEED = "seed", "Same seed, same answer"
    SEVERAL = "several", "Several answers to one call (n)"
    JSON_SCHEMA = "json_schema", "Keeps to a JSON schema"


OPEN_STATES = (CellState.TODO, CellState.LEASED)
