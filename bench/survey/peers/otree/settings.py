"""The project that oTree serves: three apps in a row, all texts from `spec.json`."""

from os import environ

SESSION_CONFIGS = [{"name": "survey", "app_sequence": ["opening", "scenarios", "closing"], "num_demo_participants": 1}]
SESSION_CONFIG_DEFAULTS = {"real_world_currency_per_point": 1.00, "participation_fee": 0.00, "doc": ""}
PARTICIPANT_FIELDS = ["items", "order"]
SESSION_FIELDS = []
LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = True
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = environ.get("OTREE_ADMIN_PASSWORD")
SECRET_KEY = environ.get("OTREE_SECRET_KEY", "for-the-bench-only")
DEMO_PAGE_INTRO_HTML = ""
