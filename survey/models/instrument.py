"""What is asked: an instrument, its immutable versions, their items and texts."""

from django.db import models

from survey.enums import ActorGender, AgeBucket, Country, Locale, Staleness, TextStatus, Theme


class Instrument(models.Model):
    code = models.SlugField(unique=True)

    def __str__(self) -> str:
        return self.code


class InstrumentVersion(models.Model):
    """One content of an instrument. Rows are never changed: other content is another version."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    structure = models.JSONField(help_text="instrument.yaml as loaded")
    loaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["instrument", "number"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["instrument", "content_hash"], name="version_content_once"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument.code} v{self.number}"


class Item(models.Model):
    """One scenario: an actor and a receiver in a country, an expectation and a preference."""

    version = models.ForeignKey(InstrumentVersion, on_delete=models.CASCADE, related_name="items")
    code = models.CharField(max_length=40)
    scenario_country = models.CharField(max_length=2, choices=Country)
    actor_country = models.CharField(max_length=2, choices=Country)
    actor_age = models.CharField(max_length=10, choices=AgeBucket)
    actor_gender = models.CharField(max_length=10, choices=ActorGender)
    receiver_country = models.CharField(max_length=2, choices=Country)
    receiver_age = models.CharField(max_length=10, choices=AgeBucket)
    receiver_gender = models.CharField(max_length=10, choices=ActorGender)
    theme = models.CharField(max_length=30, choices=Theme)
    is_core = models.BooleanField(help_text="to be judged by the respondents of every country")
    source_note = models.CharField(max_length=300)

    class Meta:
        ordering = ["version", "code"]
        constraints = [models.UniqueConstraint(fields=["version", "code"], name="item_code_once")]

    def __str__(self) -> str:
        return self.code


class Text(models.Model):
    """One text of a version in one locale, under a dotted key such as ``items.BR01.scenario``."""

    version = models.ForeignKey(InstrumentVersion, on_delete=models.CASCADE, related_name="texts")
    locale = models.CharField(max_length=10, choices=Locale)
    key = models.CharField(max_length=100)
    body = models.TextField()
    status = models.CharField(max_length=20, choices=TextStatus)
    staleness = models.CharField(
        max_length=10, choices=Staleness, blank=True, help_text="why the status no longer holds; blank: it does"
    )
    source_hash = models.CharField(max_length=16, blank=True, help_text="hash of the text it was translated from")
    text_hash = models.CharField(max_length=16, blank=True, help_text="hash of the text as it was signed")
    translator = models.CharField(max_length=80, blank=True)
    reviewer = models.CharField(max_length=80, blank=True)
    adjudicator = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["version", "locale", "key"]
        constraints = [models.UniqueConstraint(fields=["version", "locale", "key"], name="text_key_once")]

    def __str__(self) -> str:
        return f"{self.locale} {self.key}"
