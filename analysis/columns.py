"""Every exported variable, once: what it is called, what it means, and where PostgreSQL finds it.

Sources are SQL over the aliases that `analysis.extract` joins: `response`, `session`, `item`, `demographics` and so on.
"""

from dataclasses import dataclass, field
from typing import Literal

from survey.enums import (
    ActorGender,
    AgeBand,
    AgeBucket,
    Choice,
    Country,
    Gender,
    Locale,
    OptionOrder,
    Question,
    Relation,
    Status,
    Theme,
)
from survey.llm.enums import (
    DemographicConfig,
    Method,
    ParseStage,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
    RunKind,
    Stage,
)

Type = Literal["code", "text", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Column:
    """One variable. `missing` says what an empty value means; without it the variable is never empty."""

    name: str
    type: Type
    source: str
    label: str
    levels: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Table:
    """One exported file: its columns in order, and the ones that together name a row."""

    name: str
    title: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    missing_as: str = "NA"
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(column.name for column in self.columns))

    def cell(self, name: str) -> str:
        """Give the SQL of one column of an imported row, whose cells lie in the order of the columns."""
        return f"row.cells[{self.names.index(name) + 1}]"


COUNTRIES = tuple(Country.values)
LOCALES = tuple(Locale.values)
BUCKETS = tuple(AgeBucket.values)
ACTOR_GENDERS = tuple(ActorGender.values)
CHOICES = tuple(Choice.values)
SETTINGS = tuple(PersonaSetting.values)
ORDERS = tuple(OptionOrder.values)
CELLS = tuple(f"{bucket}_{gender}" for bucket in BUCKETS for gender in ACTOR_GENDERS)
NOT_REACHED = "the session ended before this was asked"
NO_CELL = f"age or gender not given, another gender, or {NOT_REACHED}"

BUCKET_SQL = "version.structure -> 'age_buckets' ->> demographics.grouping_band"
GENDER_SQL = "CASE demographics.gender WHEN 'woman' THEN 'female' WHEN 'man' THEN 'male' END"
CELL_SQL = f"({BUCKET_SQL}) || '_' || ({GENDER_SQL})"
DAY_SQL = "(session.landed_at AT TIME ZONE 'UTC')::date - (fieldwork.first_landing_at AT TIME ZONE 'UTC')::date + 1"

FLAGS_RAISED = Column(
    "quality_flags",
    "text",
    "flagged.names",
    "Quality flags raised on the session, separated by spaces; a flag by itself excludes nobody",
    (),
    "none raised",
)
STUDY = (
    Column("study_code", "code", "study.code", "Code of the study"),
    Column("instrument", "code", "instrument.code || ' v' || version.number", "Instrument and version"),
)
SIMULATED = Column(
    "is_simulated", "boolean", "participant.is_simulated", "Whether the respondent is simulated, not a person"
)
RESPONDENT = (
    Column("respondent_id", "code", "respondent.code", "Pseudonym of the respondent, the same in all tables"),
    SIMULATED,
    Column("respondent_country", "code", "arm.country", "Country that the respondent was recruited in", COUNTRIES),
)
DEMOGRAPHICS = (
    Column("age_band", "code", "demographics.age_band", "Age as answered", tuple(AgeBand.values), NOT_REACHED),
    Column("age_bucket", "code", BUCKET_SQL, "Age in two groups", BUCKETS, f"age not given, or {NOT_REACHED}"),
    Column("gender", "code", "demographics.gender", "Gender as answered", tuple(Gender.values), NOT_REACHED),
    Column("demographic_cell", "code", CELL_SQL, "Age group and gender together", CELLS, NO_CELL),
)
DAY = Column("study_day", "integer", DAY_SQL, "Day of entry; day 1 is the day of the study's first entry (UTC)")

ITEM_CODE = Column("item_code", "code", "item.code", "Code of the item")
SCENARIO_COUNTRY = Column("scenario_country", "code", "item.scenario_country", "Where the scenario plays", COUNTRIES)
ITEM_FACTS = (
    SCENARIO_COUNTRY,
    Column("theme", "code", "item.theme", "Theme of the scenario", tuple(Theme.values)),
    Column("is_core", "boolean", "item.is_core", "Whether the respondents of every country were to judge the item"),
    Column("actor_age", "code", "item.actor_age", "Age group of the actor", BUCKETS),
    Column("actor_gender", "code", "item.actor_gender", "Gender of the actor", ACTOR_GENDERS),
    Column("receiver_age", "code", "item.receiver_age", "Age group of the receiver", BUCKETS),
    Column("receiver_gender", "code", "item.receiver_gender", "Gender of the receiver", ACTOR_GENDERS),
)
ANSWER_CONTEXT = (
    *STUDY,
    *RESPONDENT,
    Column("session_status", "code", "session.status", "How far the session came", tuple(Status.values)),
    FLAGS_RAISED,
    *DEMOGRAPHICS,
    DAY,
    ITEM_CODE,
    Column("item_number", "integer", "assignment.number", "1 for the scenario that was shown first"),
    Column(
        "relation",
        "code",
        "assignment.relation",
        "How near the scenario's country is to the respondent's",
        tuple(Relation.values),
    ),
    *ITEM_FACTS,
    Column("locale", "code", "response.locale", "Language in which the question was put", LOCALES),
    Column("option_order", "code", "response.option_order", "Which choice was shown first", ORDERS),
)

DECLINED = "the respondent preferred not to answer when asked a second time"
FOLLOWS_SQL = "(nullif(response.choice, '') = 'culture')::int"
CHOSE_FIRST_SQL = "(nullif(response.choice, '') = 'culture') = (response.option_order = 'culture_first')"
REASON_SQL = "CASE response.choice WHEN '' THEN 'declined' END"
DURATION_SQL = "round(extract(epoch FROM response.submitted_at - response.served_at) * 1000)::bigint"
ANSWER = (
    Column("choice", "code", "nullif(response.choice, '')", "The answer", CHOICES, DECLINED),
    Column("follows_culture", "integer", FOLLOWS_SQL, "1: follows the culture, 0: allows the preference", (), DECLINED),
    Column("chose_first", "boolean", CHOSE_FIRST_SQL, "Whether the chosen option came first", (), DECLINED),
    Column("missing_reason", "code", REASON_SQL, "Why there is no choice", ("declined",), "there is one"),
    Column("duration_ms", "integer", DURATION_SQL, "From serving the page to its answer; both questions share a page"),
    Column("text_hash", "code", "response.text_hash", "SHA-256 of the texts shown, in the order shown"),
)

LONG = Table(
    "long",
    "One row per respondent, item and question: every answer once",
    ("respondent_id", "item_code", "question"),
    (
        *ANSWER_CONTEXT,
        Column("question", "code", "response.question", "Which of the two questions", tuple(Question.values)),
        *ANSWER,
    ),
)


def _of_question(column: Column, question: str) -> Column:
    """Give the wide table's column of one question."""
    pick = "bool_or" if column.type == "boolean" else "max"
    source = f"{pick}({column.source}) FILTER (WHERE response.question = '{question}')"
    label = f"{Question(question).label}. {column.label}"
    missing = f"the {question} question was not answered"
    return Column(f"{question}_{column.name}", column.type, source, label, column.levels, missing)


WIDE = Table(
    "wide",
    "One row per respondent and item: the two answers side by side",
    ("respondent_id", "item_code"),
    (*ANSWER_CONTEXT, *(_of_question(column, question) for question in Question.values for column in ANSWER)),
)


def _item_text(name: str, label: str) -> Column:
    return Column(name, "text", f"wording.{name}", f"{label}, in the source language")


ITEMS = Table(
    "items",
    "One row per item of the study's instrument version",
    ("item_code",),
    (
        *STUDY,
        ITEM_CODE,
        Column("is_simulated", "boolean", "false", "Whether the row is simulated: items never are"),
        *ITEM_FACTS,
        Column("actor_country", "code", "item.actor_country", "Country of the actor", COUNTRIES),
        Column("receiver_country", "code", "item.receiver_country", "Country of the receiver", COUNTRIES),
        Column("source_locale", "code", "version.structure ->> 'source_locale'", "The source language", LOCALES),
        _item_text("actor", "Name of the actor"),
        _item_text("scenario", "Scenario"),
        _item_text("expectation", "Cultural expectation"),
        _item_text("preference", "Personal preference"),
        _item_text("choice_culture", "Option that follows the culture"),
        _item_text("choice_preference", "Option that allows the preference"),
    ),
)

NO_PERSONA = "asked without a persona"
UNREAD = "a refusal, not understood, or an even split in words"
NOT_SENT = "the endpoint did not send it"


def _persona(part: str, levels: tuple[str, ...]) -> Column:
    source = f"nullif(cell.persona_{part}, '')"
    return Column(f"persona_{part}", "code", source, f"The persona's {part}", levels, NO_PERSONA)


COMPLETIONS = Table(
    "completions",
    "One row per answer of a language model",
    (
        "run", "model_tag", "item_code", "question", "persona_setting", "persona_country", "persona_age",
        "persona_gender", "locale", "option_order", "condition", "paraphrase", "preference_config",
        "demographic_config",
        "method", "repeat", "yoked_to",
    ),
    (
        *STUDY,
        Column("run", "integer", "cell.run_id", "Number of the model run"),
        Column("run_kind", "code", "run.kind", "Design of the run", tuple(RunKind.values)),
        Column("model_tag", "code", "spec.tag", "Name of the model in this study"),
        Column("model", "code", "spec.model", "Name of the model at its endpoint"),
        Column(
            "model_returned",
            "code",
            "nullif(ltrim(completion.model_returned, E'=+-@\\t\\r'), '')",
            "Name that the endpoint returned, without leading = + - @",
            (),
            NOT_SENT,
        ),
        Column("model_family", "code", "nullif(spec.family, '')", "Family of the model", (), "not entered"),
        Column("model_stage", "code", "spec.stage", "Stage of training", tuple(Stage.values)),
        Column("is_simulated", "boolean", "completion.is_simulated", "Whether the model is a simulated one"),
        ITEM_CODE,
        SCENARIO_COUNTRY,
        Column("question", "code", "cell.question", "Which of the two questions", tuple(Question.values)),
        Column("persona_setting", "code", "cell.persona_setting", "With or without persona", SETTINGS),
        _persona("country", COUNTRIES),
        _persona("age", BUCKETS),
        _persona("gender", ACTOR_GENDERS),
        Column("locale", "code", "cell.locale", "Language in which the question was put", LOCALES),
        Column("option_order", "code", "cell.option_order", "Which choice was shown first", ORDERS),
        Column(
            "condition", "code", "cell.condition", "Whether told to weigh both sides", tuple(PromptCondition.values)
        ),
        Column("paraphrase", "integer", "cell.paraphrase", "Which wording of the condition's template"),
        Column(
            "preference_config", "code", "cell.preference_config", "Who has the preference",
            tuple(PreferenceConfig.values),
        ),
        Column(
            "demographic_config", "code", "cell.demographic_config", "What is said of both people beyond the item",
            tuple(DemographicConfig.values),
        ),
        Column("method", "code", "cell.method", "How the answer was elicited", tuple(Method.values)),
        Column("repeat", "integer", "cell.repeat", "Number of the sample or repetition, from 0"),
        Column(
            "yoked_to", "code", "respondent.code", "Pseudonym of the respondent whose session is replayed", (),
            "not yoked to a session",
        ),
        Column("choice", "code", "nullif(completion.choice, '')", "The answer", CHOICES, UNREAD),
        Column(
            "follows_culture",
            "integer",
            "(nullif(completion.choice, '') = 'culture')::int",
            "1: follows the culture, 0: allows the preference",
            (),
            UNREAD,
        ),
        Column("p_culture", "number", "completion.p_culture", "Probability of the culture", (), NOT_SENT),
        Column("label_mass", "number", "completion.label_mass", "Probability of both labels together", (), NOT_SENT),
        Column("parse_stage", "code", "completion.parse_stage", "Rule that read the answer", tuple(ParseStage.values)),
        Column("parser_version", "code", "completion.parser_version", "Version of the rules"),
        Column("seed", "integer", "completion.seed", "Seed sent with the request", (), NOT_SENT),
        Column(
            "text_hash", "code", "nullif(completion.text_hash, '')",
            "SHA-256 of the texts put, in their order; equal to people's where the same was put", (), "older record",
        ),
        Column("prompt_tokens", "integer", "completion.prompt_tokens", "Tokens of the prompt", (), NOT_SENT),
        Column("completion_tokens", "integer", "completion.completion_tokens", "Tokens of the answer", (), NOT_SENT),
        Column("latency_ms", "integer", "completion.latency_ms", "Time the answer took"),
        Column(
            "asking", "integer", "cell.asking", "How many earlier answers were set aside and the question asked again"
        ),
        Column(
            "taken_from_run", "integer",
            "(SELECT source.run_id FROM llm_completion taken JOIN llm_cell source ON source.id = taken.cell_id"
            " WHERE taken.id = completion.cached_from_id)",
            "Run whose answer to the same call was taken; tokens and time are that call's", (), "called for",
        ),
        Column("is_latest", "boolean", "completion.is_latest", "Whether no later run answered the same question"),
    ),
)  # fmt: skip
