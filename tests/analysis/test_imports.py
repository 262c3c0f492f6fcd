"""The web process stays light: what is slow to import loads with the first analysis, in the worker."""

import os
import subprocess
import sys

HEAVY = ("pandas", "numpy", "scipy", "statsmodels", "pingouin", "matplotlib", "sklearn")
CODE = f"""
import sys
import django
django.setup()
import pact_site.wsgi
import pact_site.celery
from django.contrib import admin
from django.urls import get_resolver
get_resolver().url_patterns
import analysis.tasks
admin.autodiscover()
print(*(name for name in {HEAVY!r} if name in sys.modules))
"""


def test_web_process_loads_no_statistics() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, env=_environment())
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def _environment() -> dict[str, str]:

    return {**os.environ, "DJANGO_SETTINGS_MODULE": "pact_site.settings"}
