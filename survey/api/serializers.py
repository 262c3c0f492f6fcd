"""What the API says of each record. No token, no panel identifier, no time of day."""

from rest_framework import serializers

from survey.enums import Locale
from survey.flow.wording import ITEM_FIELDS
from survey.models import Arm, Item, Response, Study
from survey.queries import text_catalogue


class ArmSerializer(serializers.ModelSerializer[Arm]):
    class Meta:
        model = Arm
        fields = ["country", "locales", "panel"]


class StudySerializer(serializers.ModelSerializer[Study]):
    version = serializers.CharField(source="version.__str__", help_text="instrument and version number")
    content_hash = serializers.CharField(source="version.content_hash")
    arms = ArmSerializer(many=True)

    class Meta:
        model = Study
        fields = ["code", "title", "state", "version", "content_hash", "arms"]


class ItemSerializer(serializers.ModelSerializer[Item]):
    texts = serializers.SerializerMethodField(help_text="by locale and field")

    class Meta:
        model = Item
        fields = [
            "code", "scenario_country", "actor_country", "actor_age", "actor_gender", "receiver_country",
            "receiver_age", "receiver_gender", "theme", "is_core", "texts",
        ]  # fmt: skip

    def get_texts(self, item: Item) -> dict[str, dict[str, str]]:
        catalogues = {locale.value: text_catalogue(item.version_id, locale) for locale in Locale}
        return {
            locale: {field: texts[f"items.{item.code}.{field}"] for field in ITEM_FIELDS}
            for locale, texts in catalogues.items()
            if texts
        }


class ResponseSerializer(serializers.ModelSerializer[Response]):
    session = serializers.IntegerField(source="session_id", help_text="number of the session within this site")
    item = serializers.CharField(source="item.code")
    country = serializers.CharField(source="session.arm.country", help_text="the respondent's arm")
    status = serializers.CharField(source="session.status")
    is_simulated = serializers.BooleanField(source="session.participant.is_simulated")
    duration_ms = serializers.SerializerMethodField(help_text="from serving the page to its answer")

    class Meta:
        model = Response
        fields = [
            "id", "session", "country", "item", "question", "choice", "option_order", "position", "locale",
            "text_hash", "duration_ms", "status", "is_simulated",
        ]  # fmt: skip

    def get_duration_ms(self, response: Response) -> int:
        return round((response.submitted_at - response.served_at).total_seconds() * 1000)
