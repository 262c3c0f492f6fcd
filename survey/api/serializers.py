"""What the API says of each record. No token, no panel identifier, no time of day."""

from datetime import date

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from survey.enums import Choice, Country, Locale, PanelName, Status
from survey.flow.quality import FLAGS
from survey.flow.wording import ITEM_FIELDS
from survey.models import Arm, AuditEntry, Item, QualityFlag, QuotaCell, Response, Study, SurveySession
from survey.queries import text_catalogue


class ArmSerializer(serializers.ModelSerializer[Arm]):
    locales = serializers.ListField(child=serializers.ChoiceField(choices=Locale.choices))

    class Meta:
        model = Arm
        fields = ["country", "locales", "panel"]


class StudySerializer(serializers.ModelSerializer[Study]):
    version = serializers.CharField(source="version.__str__", help_text="instrument and version number")
    content_hash = serializers.CharField(source="version.content_hash")
    arms = ArmSerializer(many=True)

    class Meta:
        model = Study
        fields = [
            "code", "title", "state", "version", "content_hash", "created_at", "launched_at", "unblinded_at", "arms",
        ]  # fmt: skip


class QuotaCellSerializer(serializers.ModelSerializer[QuotaCell]):
    study = serializers.CharField(source="arm.study.code")
    country = serializers.ChoiceField(source="arm.country", choices=Country.choices)
    n_complete = serializers.IntegerField(help_text="completes so far")
    n_live = serializers.IntegerField(help_text="places held by sessions under way")
    soft_limit = serializers.IntegerField(source="stops_at", help_text="completes from which on nobody is taken in")
    hard_limit = serializers.IntegerField(help_text="completes and live places together never pass this")

    class Meta:
        model = QuotaCell
        fields = [
            "id", "study", "country", "age_bucket", "gender", "is_open", "target", "soft_limit", "hard_limit",
            "n_complete", "n_live",
        ]  # fmt: skip


class ItemSerializer(serializers.ModelSerializer[Item]):
    version = serializers.CharField(source="version.__str__", help_text="instrument and version number")
    texts = serializers.SerializerMethodField(help_text="by locale and field")

    class Meta:
        model = Item
        fields = [
            "id", "code", "version", "scenario_country", "actor_country", "actor_age", "actor_gender",
            "receiver_country", "receiver_age", "receiver_gender", "theme", "is_core", "texts",
        ]  # fmt: skip

    def get_texts(self, item: Item) -> dict[str, dict[str, str]]:
        keys = {field: f"items.{item.code}.{field}" for field in ITEM_FIELDS}
        catalogues = {locale.value: text_catalogue(item.version_id, locale) for locale in Locale}
        found = {
            locale: {field: texts[key] for field, key in keys.items() if key in texts}
            for locale, texts in catalogues.items()
        }
        return {locale: texts for locale, texts in found.items() if texts}  # an imported study tells some, or none


class SessionSerializer(serializers.ModelSerializer[SurveySession]):
    study = serializers.CharField(source="arm.study.code")
    country = serializers.ChoiceField(source="arm.country", choices=Country.choices)
    panel = serializers.ChoiceField(source="arm.panel", choices=PanelName.choices)
    is_simulated = serializers.BooleanField(source="participant.is_simulated")
    n_pages = serializers.SerializerMethodField(help_text="in its plan so far")
    landed_on = serializers.SerializerMethodField(help_text="the day, in UTC; no time of day is given")
    duration_s = serializers.SerializerMethodField(help_text="from landing to the end; null while under way")
    flags = serializers.ListField(child=serializers.CharField(), help_text="names of its quality flags")

    class Meta:
        model = SurveySession
        fields = [
            "id", "study", "country", "panel", "locale", "status", "outcome", "option_order", "design_cell",
            "is_simulated", "position", "n_pages", "landed_on", "duration_s", "flags",
        ]  # fmt: skip

    def get_landed_on(self, session: SurveySession) -> date:
        return session.landed_at.date()

    def get_n_pages(self, session: SurveySession) -> int:
        return len(session.plan)

    def get_duration_s(self, session: SurveySession) -> float | None:
        return (session.finished_at - session.landed_at).total_seconds() if session.finished_at else None


class QualityFlagSerializer(serializers.ModelSerializer[QualityFlag]):
    study = serializers.CharField(source="session.arm.study.code")
    country = serializers.ChoiceField(source="session.arm.country", choices=Country.choices)
    session = serializers.IntegerField(source="session_id")
    is_simulated = serializers.BooleanField(source="session.participant.is_simulated")
    unit = serializers.SerializerMethodField(help_text="of the value")

    class Meta:
        model = QualityFlag
        fields = ["id", "study", "country", "session", "is_simulated", "name", "value", "unit"]

    def get_unit(self, flag: QualityFlag) -> str:
        return FLAGS[flag.name].unit if flag.name in FLAGS else ""


class LogEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    subject = serializers.DictField(child=serializers.CharField(), help_text="what it was about")
    details = serializers.DictField(help_text="what was sent, without secrets")

    class Meta:
        model = AuditEntry
        fields = ["number", "at", "by", "act", "subject", "details", "previous", "hash"]


class ResponseSerializer(serializers.ModelSerializer[Response]):
    session = serializers.IntegerField(source="session_id", help_text="number of the session within this site")
    item = serializers.CharField(source="item.code")
    country = serializers.ChoiceField(
        source="session.arm.country", choices=Country.choices, help_text="the respondent's arm"
    )
    status = serializers.ChoiceField(source="session.status", choices=Status.choices, help_text="of the session")
    choice = serializers.SerializerMethodField(
        help_text="blank: declined; null while the study hides the outcomes of real people"
    )
    is_simulated = serializers.BooleanField(source="session.participant.is_simulated")
    duration_ms = serializers.SerializerMethodField(help_text="from serving the page to its answer")

    class Meta:
        model = Response
        fields = [
            "id", "session", "country", "item", "question", "choice", "option_order", "position", "locale",
            "text_hash", "duration_ms", "status", "is_simulated",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=Choice.choices, allow_blank=True, allow_null=True))
    def get_choice(self, response: Response) -> str | None:
        is_blind = response.session.arm.study.unblinded_at is None
        return None if is_blind and not response.session.participant.is_simulated else response.choice

    def get_duration_ms(self, response: Response) -> int:
        return round((response.submitted_at - response.served_at).total_seconds() * 1000)
