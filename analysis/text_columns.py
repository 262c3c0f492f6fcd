"""The items in every locale, with how far their texts have come."""

from analysis.columns import ITEM_CODE, LOCALES, STUDY, Column, Table
from survey.enums import TextStatus

STATUSES = "ARRAY['" + "', '".join(TextStatus.values) + "']"
LEAST = f"({STATUSES})[min(array_position({STATUSES}, text.status::text)) FILTER (WHERE true)]"
UNTRANSLATED = "the version has no such text in this locale"


def _text(name: str, label: str) -> Column:
    source = f"max(text.body) FILTER (WHERE split_part(text.key, '.', 3) = '{name}')"
    return Column(name, "text", source, label, (), UNTRANSLATED)


TEXTS = Table(
    "texts",
    "One row per item, locale and version of the instrument that the study used: the texts as respondents read them",
    ("instrument", "item_code", "locale"),
    (
        *STUDY,
        ITEM_CODE,
        Column("is_simulated", "boolean", "false", "Whether the row is simulated: texts never are"),
        Column("locale", "code", "text.locale", "Language of the texts", LOCALES),
        Column("text_status", "code", LEAST, "How far the least far of these texts has come", tuple(TextStatus.values)),
        Column("n_texts", "integer", "count(*) FILTER (WHERE true)", "Texts of the item in this locale"),
        Column(
            "n_stale",
            "integer",
            "count(*) FILTER (WHERE text.staleness <> '')",
            "Texts whose status no longer holds, as they or their source changed since they were signed",
        ),
        _text("actor", "Name of the actor"),
        _text("scenario", "Scenario"),
        _text("expectation", "Cultural expectation"),
        _text("preference", "Personal preference"),
        _text("choice_culture", "Option that follows the culture"),
        _text("choice_preference", "Option that allows the preference"),
    ),
)
