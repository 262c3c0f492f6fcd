"""The fixed vocabularies of a study. A leaf: everything may import it, it imports nothing of the project."""

from django.db.models import TextChoices


class Country(TextChoices):
    """ISO 3166-1 alpha-2 codes; the labels are the names that the paper's files use."""

    AF = "AF", "Afghanistan"
    AR = "AR", "Argentina"
    BD = "BD", "Bangladesh"
    BR = "BR", "Brazil"
    CA = "CA", "Canada"
    ET = "ET", "Ethiopia"
    GB = "GB", "United Kingdom"
    IE = "IE", "Ireland"
    IN = "IN", "India"
    IR = "IR", "Iran"
    MM = "MM", "Myanmar"
    MX = "MX", "Mexico"
    NP = "NP", "Nepal"
    PK = "PK", "Pakistan"
    SG = "SG", "Singapore"
    US = "US", "United States of America"
    ZA = "ZA", "South Africa"
    ZW = "ZW", "Zimbabwe"


def country_name(code: object) -> str:
    """Name a country; of one that the site does not know, as in files of others, its code stands."""
    return str(Country(code).label) if code in Country.values else str(code)


class Locale(TextChoices):
    """The languages a study can be taken in, as BCP 47 tags; the labels are what their readers call them."""

    EN_US = "en-US", "English (United States)"
    EN_GB = "en-GB", "English (United Kingdom)"
    EN_ZA = "en-ZA", "English (South Africa)"
    EN_IN = "en-IN", "English (India)"
    PT_BR = "pt-BR", "Português (Brasil)"
    HI_IN = "hi-IN", "हिन्दी (भारत)"


class Theme(TextChoices):
    FOOD_HOSPITALITY = "food_hospitality", "Food and hospitality"
    GREETINGS_RESPECT = "greetings_respect", "Greetings and respect"
    WORKPLACE_EDUCATION = "workplace_education", "Workplace and education"
    PUBLIC_ETIQUETTE = "public_etiquette", "Public etiquette"
    PRIVACY_HELPING = "privacy_helping", "Privacy and helping"
    GIFT_GIVING = "gift_giving", "Gift giving"
    OTHER = "other", "Other"


class AgeBucket(TextChoices):
    YOUNGER = "younger", "Younger"
    OLDER = "older", "Older"


class ActorGender(TextChoices):
    """Gender of the people in a scenario and of personas, as the paper writes it."""

    FEMALE = "female", "Female"
    MALE = "male", "Male"


class Gender(TextChoices):
    """A participant's answer; the same four codes in every locale."""

    WOMAN = "woman", "Woman"
    MAN = "man", "Man"
    ANOTHER = "another", "Another gender"
    UNDISCLOSED = "undisclosed", "Prefer not to say"


class AgeBand(TextChoices):
    UNDER_18 = "under-18", "Under 18"
    A18_24 = "18-24", "18–24"
    A25_34 = "25-34", "25–34"
    A35_44 = "35-44", "35–44"
    A45_54 = "45-54", "45–54"
    A55_64 = "55-64", "55–64"
    A65 = "65+", "65 or older"
    UNDISCLOSED = "undisclosed", "Prefer not to say"


class Fluency(TextChoices):
    """How well a participant reads the language of the survey, in their own words."""

    FIRST = "first", "First language"
    FLUENT = "fluent", "Fluent"
    BASIC = "basic", "Basic"
    NONE = "none", "Hardly at all"


class LeaseState(TextChoices):
    """Whether a session holds its place in a quota cell; live and complete places count."""

    LIVE = "live", "Live"
    COMPLETE = "complete", "Complete"
    FREED = "freed", "Freed"


class CheckKind(TextChoices):
    COMPREHENSION = "comprehension", "Comprehension"
    ATTENTION = "attention", "Attention"


class Relation(TextChoices):
    """How near a scenario's country is to the respondent's, as the instrument lists it."""

    SAME = "same", "Own country"
    CLOSE = "close", "Close"
    FAR = "far", "Far"


class Question(TextChoices):
    PERSONAL = "personal", "Personal choice"
    NORM = "norm", "Norm judgment"


class Choice(TextChoices):
    """CULTURE follows the local expectation (the paper's A), PREFERENCE allows the preference (B)."""

    CULTURE = "culture", "Follow the culture"
    PREFERENCE = "preference", "Allow the preference"


class OptionOrder(TextChoices):
    """Which choice is shown first (AB or BA)."""

    CULTURE_FIRST = "culture_first", "Culture first"
    PREFERENCE_FIRST = "preference_first", "Preference first"


class Status(TextChoices):
    """The life of a survey session; `survey.flow.status` says which may follow which."""

    LANDED = "landed", "Landed"
    ACTIVE = "active", "Active"
    COMPLETE = "complete", "Complete"
    NO_CONSENT = "no_consent", "No consent"
    SCREENED_OUT = "screened_out", "Screened out"
    QUOTA_FULL = "quota_full", "Quota full"
    FAILED_COMPREHENSION = "failed_comprehension", "Failed comprehension"
    WITHDREW = "withdrew", "Withdrew"


class Outcome(TextChoices):
    """How a visit ended for the panel that sent it (`survey.flow.outcomes`); panels' codes are keyed by it."""

    COMPLETE = "complete", "Complete"
    COMPLETE_FLAGGED = "complete_flagged", "Complete, to be looked at"
    NO_CONSENT = "no_consent", "No consent"
    SCREENED_OUT = "screened_out", "Screened out"
    QUOTA_FULL = "quota_full", "Quota full"
    FAILED_COMPREHENSION = "failed_comprehension", "Failed comprehension"
    FAILED_ATTENTION = "failed_attention", "Failed attention"
    INCOMPATIBLE_DEVICE = "incompatible_device", "Incompatible device"
    WITHDREW = "withdrew", "Withdrew"
    TIMED_OUT = "timed_out", "Timed out"
    DUPLICATE = "duplicate", "Duplicate"
    TECHNICAL_FAILURE = "technical_failure", "Technical failure"
    STUDY_CLOSED = "study_closed", "Study closed"


class Device(TextChoices):
    """Kinds of device that an arm may take (`survey.flow.devices`), in Prolific's words."""

    MOBILE = "mobile", "Phone"
    TABLET = "tablet", "Tablet"
    DESKTOP = "desktop", "Computer"


class StudyState(TextChoices):
    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Closed"


class StudyChangeKind(TextChoices):
    """What of a study was changed by hand."""

    STATE = "state", "State"
    VERSION = "version", "Version"
    QUOTA_CELL = "quota_cell", "Quota cell"
    BLINDING = "blinding", "Blinding"
    SETTING = "setting", "Setting"
    ARM = "arm", "Country"
    PREVIEW = "preview", "Preview looked through"


class TextStatus(TextChoices):
    """How far a text has come from a machine's draft to one that a person answers for."""

    MACHINE_DRAFT = "machine draft", "Machine draft"
    REVIEWED = "reviewed", "Reviewed"
    ADJUDICATED = "adjudicated", "Adjudicated"
    PRETESTED = "pretested", "Pretested"
    FROZEN = "frozen", "Frozen"


class Staleness(TextChoices):
    """Why the status of a text no longer holds."""

    SOURCE = "source", "The source has changed since"
    TEXT = "text", "The text has changed since it was signed"


class Page(TextChoices):
    """The kinds of page that a plan is made of."""

    LANGUAGE = "language", "Language"
    CONSENT = "consent", "Consent"
    SCREENING = "screening", "Screening"
    INSTRUCTIONS = "instructions", "Instructions"
    COMPREHENSION = "comprehension", "Comprehension check"
    SCENARIO = "scenario", "Scenario"
    ATTENTION = "attention", "Attention check"
    DEMOGRAPHICS = "demographics", "Demographics"
    DEBRIEF = "debrief", "Debrief"


class PageEventKind(TextChoices):
    """What a page reports of its own use."""

    PAGE_SHOWN = "page_shown", "Page shown"
    FIRST_INTERACTION = "first_interaction", "First interaction"
    ANSWER_CHANGE = "answer_change", "Answer chosen or changed"
    HIDDEN = "hidden", "Turned away from"
    VISIBLE = "visible", "Come back to"


class Viewport(TextChoices):
    """How wide the window was in which a page was shown, in CSS pixels."""

    NARROW = "narrow", "Below 480"
    MEDIUM = "medium", "480 to 1023"
    WIDE = "wide", "1024 and more"


class AskedQuestion(TextChoices):
    """What pages ask once somebody has consented, by the name of the answer in the form."""

    COUNTRY = "country", "Country"
    FLUENCY = "fluency", "Fluency"
    AGE_BAND = "age_band", "Age"
    GENDER = "gender", "Gender"
    COMPREHENSION = "comprehension", "Comprehension check"
    PERSONAL = "personal", "Personal choice"
    NORM = "norm", "Norm judgment"
    ATTENTION = "attention", "Attention check"


class PanelName(TextChoices):
    """Where a participant came from."""

    DIRECT = "direct", "Direct link"
    PROLIFIC = "prolific", "Prolific"
    CONNECT = "connect", "CloudResearch Connect"
    CINT = "cint", "Cint (Lucid)"
    GENERIC = "generic", "Another panel, by its settings"
    SIMULATED = "simulated", "Simulated"


class SubmissionStatus(TextChoices):
    """What the panel says of a submission, in words that all panels' own ones are read into."""

    UNKNOWN = "unknown", "Not known"
    RESERVED = "reserved", "Reserved"
    ACTIVE = "active", "Active"
    AWAITING_REVIEW = "awaiting_review", "Awaiting review"
    APPROVED = "approved", "Approved"
    PARTIALLY_APPROVED = "partially_approved", "Partially approved"
    SCREENED_OUT = "screened_out", "Screened out"
    RETURNED = "returned", "Returned"
    TIMED_OUT = "timed_out", "Timed out"
    REJECTED = "rejected", "Rejected"


class Signature(TextChoices):
    """What became of the signature that a panel may put on its entry link."""

    ABSENT = "absent", "Absent"
    VALID = "valid", "Valid"
    INVALID = "invalid", "Invalid"
    MISMATCH = "mismatch", "Valid, of another person"


class SignedEntry(TextChoices):
    """Whether an arm asks for signed entry links."""

    OFF = "off", "Off"
    OPTIONAL = "optional", "Optional"
    REQUIRED = "required", "Required"


class PanelVerb(TextChoices):
    """What this site may do at a panel. Rejecting somebody is not among it: only a person does that, at the panel."""

    COMPLETE = "complete", "Complete"
    APPROVE = "approve", "Approve"
    REQUEST_RETURN = "request_return", "Request return"
    BONUS = "bonus", "Pay a bonus"


class ActState(TextChoices):
    """How far an act at a panel has come; unconfirmed is one whose answer never came, for a person to look at."""

    PLANNED = "planned", "Planned"
    SENT = "sent", "Sent"
    CONFIRMED = "confirmed", "Confirmed"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"
    FAILED = "failed", "Failed"


class Discrepancy(TextChoices):
    """What does not agree between the panel's records and ours."""

    APPROVED_NO_DATA = "approved_no_data", "Paid, but no complete answers"
    DATA_NO_SUBMISSION = "data_no_submission", "Answers, but no submission"
    TIMED_OUT_BUT_COMPLETE = "timed_out_but_complete", "Timed out there, complete here"
    RETURNED_BUT_COMPLETE = "returned_but_complete", "Returned there, complete here"
    AWAITING_REVIEW_LONG = "awaiting_review_long", "Awaits review for long"
    CODE_OF_OTHER_OUTCOME = "code_used_wrong_outcome", "Entered another outcome's code"
    PID_MISMATCH_JWT = "pid_mismatch_jwt", "Link signed for another person"
    DUPLICATE_PID = "duplicate_pid", "Same person, another submission"
    COUNTRY_DIFFERS = "country_differs", "Country differs from prescreener"
