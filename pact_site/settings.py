"""All settings, read from the environment; the README lists every variable and a test holds it to that."""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- What kind of site this is -----------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("PACT_DEMO", default=False)  # plain HTTP on this machine, demo login, simulated data
SECRET_KEY = env.str("SECRET_KEY", default="demo-only-not-a-secret" if DEMO or DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Put a long random value into the environment, "
        "for example the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )
# Seal the identifiers of panels: the first seals, all open. Without them the site seals with its SECRET_KEY.
IDENTIFIER_KEYS = env.list("IDENTIFIER_KEYS", default=[]) or [SECRET_KEY]
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # earlier ones, which still open what they sealed
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CONTACT_EMAIL = env.str("CONTACT_EMAIL", default="research-team@example.org")  # shown on every page
VAR_DIR = Path(env.str("PACT_VAR", default=str(BASE_DIR / "var")))
RELEASES_DIR = Path(env.str("RELEASES_DIR", default=str(VAR_DIR / "releases")))  # zip files, for web and workers

# --- Applications ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "csp",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "survey",
    "survey.llm",
    "analysis",
    "pact_site.accounts",
]
MIDDLEWARE_OF_ALL = [  # what it adds to an answer is the same for all; pact_site.shortcut relies on that
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pact_site.policy.PolicyMiddleware",
]
MIDDLEWARE = [
    *MIDDLEWARE_OF_ALL,
    "pact_site.shortcut.AddressesMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "pact_site.uploads.UploadsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "pact_site.access.AccessMiddleware",
    "axes.middleware.AxesMiddleware",
    "pact_site.after_acts.WatchAfterActs",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "pact_site.access.RoleBackend",
]
ROOT_URLCONF = "pact_site.urls"
PARTICIPANT_URLCONF = "pact_site.participant_urls"  # those of them that a web process loads before it is asked
WSGI_APPLICATION = "pact_site.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
TEMPLATES = [
    {
        "BACKEND": "pact_site.templating.PageTemplates",
        "NAME": "django",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pact_site.access.can",
            ],
        },
    },
]

# --- Data --------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///pact")}
DATABASES["default"]["ENGINE"] = "pact_site.database"  # Django's own, which looks at connections before their use
DB_POOL_MAX = env.int("DB_POOL_MAX", default=8)  # connections a web process may hold; 0: one per thread
if DB_POOL_MAX:
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": DB_POOL_MAX,
        "timeout": 2,  # seconds to wait for a connection; participants' pages then try again
        "reconnect_timeout": 4,  # try for so long, else anew: the pauses between tries double up to half of an outage
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
if env.bool("DB_PREPARE", default=True):  # off for a pooler that gives each transaction another connection
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5  # statements of the hot path ask for it at once
DB_LOCK_TIMEOUT = env.int("DB_LOCK_TIMEOUT", default=0)  # seconds; 0: wait for a lock as long as somebody holds it
if DB_LOCK_TIMEOUT:
    DATABASES["default"]["OPTIONS"]["options"] = f"-c lock_timeout={DB_LOCK_TIMEOUT}s"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # Counts of tries and codes that were used: all processes see the same, and nothing more has to run.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "site_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},  # what each process may look up anew
}

ENTRIES_A_MINUTE = env.int("ENTRIES_A_MINUTE", default=600)  # by network; a lecture hall's fit

# --- Background work ---------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"unacked_restore_throttle": 1}
CELERY_TASK_IGNORE_RESULT = True  # results live in our own tables, beside what they belong to
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any absence of the broker
CELERY_TASK_QUEUES = {  # a worker without -Q serves all
    "celery": {"exchange": "celery", "routing_key": "celery"},
    "llm": {"exchange": "llm", "routing_key": "llm"},  # stints at language models: long, and mostly waiting
}
CELERY_TASK_ROUTES = {"survey.llm.tasks.work": {"queue": "llm"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "llm-sweep": {"task": "survey.llm.tasks.sweep", "schedule": 15.0},
    "panels-work": {"task": "survey.tasks.work_with_panels", "schedule": 15.0},
    "panels-ask": {"task": "survey.tasks.ask_panels", "schedule": 300.0},
    "analysis-sweep": {"task": "analysis.tasks.sweep", "schedule": 60.0},
    "analysis-counts": {"task": "analysis.tasks.count_answers", "schedule": 15.0},
    "alarms-look": {"task": "analysis.alarms.tasks.watch_studies", "schedule": 60.0},
    "alarms-look-thoroughly": {
        "task": "analysis.alarms.tasks.watch_studies",
        "schedule": 300.0,
        "kwargs": {"is_thorough": True},
    },
    "alarms-deliver": {"task": "analysis.alarms.tasks.deliver", "schedule": 15.0},
    "alarms-sign-of-life": {
        "task": "analysis.alarms.tasks.give_sign_of_life",
        "schedule": 60.0,
        "kwargs": {"queue": "llm"},
        "options": {"queue": "llm"},
    },
}

# --- Upkeep: what is done every night, without workers; see analysis/upkeep.py -----------------
UPKEEP_HOUR = env.int("UPKEEP_HOUR", default=2) % 24  # UTC
BACKUP_KEEP = env.int("BACKUP_KEEP", default=14)  # so many backups stay; 0: none are made
BACKUP_DIR = Path(env.str("BACKUP_DIR", default="")) if env.str("BACKUP_DIR", default="") and BACKUP_KEEP > 0 else None
# Days after a study's closing; empty: kept. An ethics approval says which.
RETENTION_IDENTIFIERS_DAYS = env.str("RETENTION_IDENTIFIERS_DAYS", default="") or None
RETENTION_PARADATA_DAYS = env.str("RETENTION_PARADATA_DAYS", default="") or None

# --- Notices of alarms: mail, and calls to addresses that staff type in -----------------------
vars().update(env.email_url("EMAIL_URL", default="consolemail://" if DEMO else "smtp://localhost:25"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="") or CONTACT_EMAIL
OUTBOUND_PORTS = env.list("OUTBOUND_PORTS", cast=int, default=[443])  # of servers that staff may have called
OUTBOUND_LOOPBACK = env.bool("OUTBOUND_LOOPBACK", default=DEMO)  # whether this machine may be called, by plain HTTP too

# --- Panels: confirm the addresses on the live service -----------------------------------------
PROLIFIC_API_URL = env.str("PROLIFIC_API_URL", default="https://api.prolific.com/api/v1")
PROLIFIC_JWKS_URL = env.str("PROLIFIC_JWKS_URL", default="https://api.prolific.com/.well-known/study/jwks.json")

# --- Languages and time ------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
LANGUAGES = [
    ("en-us", "English (United States)"),
    ("en-gb", "English (United Kingdom)"),
    ("en-za", "English (South Africa)"),
    ("en-in", "English (India)"),
    ("pt-br", "Português (Brasil)"),
    ("hi-in", "हिन्दी (भारत)"),
]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files ------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_MANIFEST = env.bool("STATIC_MANIFEST", default=not (DEBUG or DEMO))  # hashed names: needs collectstatic
STATIC_ROOT = BASE_DIR / "staticfiles" if STATIC_MANIFEST else None
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_MANIFEST
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Security ----------------------------------------------------------------------------------
HTTPS = env.bool("HTTPS", default=not (DEBUG or DEMO))
SITE_URL = env.str("SITE_URL", default=f"{'https' if HTTPS else 'http'}://{ALLOWED_HOSTS[0]}").rstrip("/")  # in mails
BEHIND_PROXY = env.bool(
    "BEHIND_PROXY", default=False
)  # only when the proxy overwrites X-Forwarded-Proto and the network
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|livez|readyz|metrics)$"]  # asked from within, over plain HTTP
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 8 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = ["username"]  # never by address: a whole team may share one
SILENCED_SYSTEM_CHECKS = ["axes.W006"]  # the choice in the line above
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_HANDLERS = [  # files of some size wait on the volume of the releases, not in a container's /tmp
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "analysis.imports.incoming.IncomingHandler",
]

# --- Who somebody is ---------------------------------------------------------------------------
SECOND_FACTOR = env.bool("SECOND_FACTOR", default=not DEMO)  # every account of staff needs one
CONFIRM_AFTER_MINUTES = env.int("CONFIRM_AFTER_MINUTES", default=15)  # then identifiers, releases … ask again
ACCOUNT_ADAPTER = "pact_site.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up: the library wants them named
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # as long as SESSION_COOKIE_AGE says
ACCOUNT_REAUTHENTICATION_TIMEOUT = CONFIRM_AFTER_MINUTES * 60
ACCOUNT_FORMS = {
    "login": "pact_site.accounts.forms.PasswordLoginForm",
    "reauthenticate": "pact_site.accounts.forms.PasswordAgainForm",
}
# Tries are counted for the account (see AXES_…), so that a team behind one address is not locked out; survey/rates.py
# only has a network wait that tries very many.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "8/15m/key", "reauthenticate": "10/m/user"}
MFA_RATE_LIMITS = {"webauthn_login": None}
MFA_ADAPTER = "pact_site.accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # a code of half a minute ago still holds: clocks of phones differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_FORMS = {
    "authenticate": "pact_site.accounts.forms.CodeForm",
    "reauthenticate": "pact_site.accounts.forms.CodeAgainForm",
    "activate_totp": "pact_site.accounts.forms.NewCodeForm",
}

# --- API ---------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "pact_site.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["pact_site.access.HasRight"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "pact_site.schema.SiteSchema",
    "DEFAULT_THROTTLE_CLASSES": ["pact_site.throttles.PerMinute"],
    "EXCEPTION_HANDLER": "pact_site.problems.as_problem",
    "URL_FORMAT_OVERRIDE": None,  # one format; which file is meant stands in the address
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PACT Site API",
    "DESCRIPTION": "What the pages of the site show, for programs of its staff: each shows a token with scopes.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "pact_site.schema.with_problem",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["pact_site.access.HasRight"],
    "ENUM_NAME_OVERRIDES": {
        "CountryEnum": "survey.enums.Country",
        "LocaleEnum": "survey.enums.Locale",
        "AgeBucketEnum": "survey.enums.AgeBucket",
        "ActorGenderEnum": "survey.enums.ActorGender",
        "StudyStateEnum": "survey.enums.StudyState",
        "RunStateEnum": "survey.llm.enums.RunState",
        "AnalysisStateEnum": "analysis.models.AnalysisRun.State",
        "ImportStateEnum": "analysis.models.Import.State",
        "ImportKindEnum": "analysis.models.Import.Kind",
        "SampleKindEnum": "analysis.sample_questions.Kind",
    },
}

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # lets Prometheus read /metrics; without one nobody can

# --- Logs: one line each, no personal data -----------------------------------------------------
LOG_FORMAT = env.str("LOG_FORMAT", default="line")  # or "json"
CELERY_WORKER_REDIRECT_STDOUTS = LOG_FORMAT != "json"  # each piece of a line would be one of its own
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {"()": "pact_site.logs.JsonLines"},
    },
    "filters": {"no_tokens": {"()": "pact_site.logs.WithoutTokens"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            # What is printed comes as JSON then, see pact_site.logs; a line that is JSON already goes past that.
            "stream": "ext://sys.__stderr__" if LOG_FORMAT == "json" else "ext://sys.stderr",
            "formatter": LOG_FORMAT,
            "filters": ["no_tokens"],
        }
    },
    # The HTTP client would log whole addresses, with the tokens in them, the fonts' library fifty lines a figure.
    "loggers": {
        **{name: {"level": "WARNING"} for name in ("httpx2", "httpcore2", "fontTools")},
        # Celery gives those handlers and a form of its own that have none.
        **{name: {"handlers": ["console"], "propagate": False} for name in ("celery.task", "multiprocessing")},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
