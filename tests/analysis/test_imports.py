"""The web process stays light: what is slow to import loads with the first analysis, in the worker."""

import os
import subprocess
import sys

HEAVY = ("pandas", "numpy", "scipy", "statsmodels", "pingouin", "matplotlib", "sklearn")
STAFFS = (  # what no participant's page needs, so that it takes no memory before somebody of the staff comes
    *("pact_site.urls", "survey.urls", "analysis.urls", "analysis.tasks", "survey.tasks", "survey.llm.tasks"),
    *("celery", "kombu", "httpx2", "httpcore2", "jwt", "requests", "fido2", "yaml"),
    *("rest_framework.serializers", "drf_spectacular.views", "allauth.account.views", "allauth.mfa.base.views"),
)
ASKED = {
    "/livez": 200,
    "/withdraw/": 200,
    "/join/no-such-address/": 404,
    "/s/": 404,
    "/favicon.ico": 404,
    "/wp-login.php": 404,
}
PARTICIPANTS_CODE = f"""
import sys
from pact_site.wsgi import application
from django.test import Client
client = Client(headers={{"host": "localhost"}})
got = {{address: client.get(address, secure=True).status_code for address in {list(ASKED)!r}}}
print(got == {ASKED!r}, *(name for name in {STAFFS!r} if name in sys.modules))
client.get("/", secure=True)
print("pact_site.urls" in sys.modules)
"""
CODE = f"""
import sys
import django
django.setup()
import pact_site.wsgi
import pact_site.celery
import pact_site.urls
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


def test_participants_pages_load_nothing_of_staff() -> None:
    code = [sys.executable, "-c", PARTICIPANTS_CODE]
    done = subprocess.run(code, capture_output=True, text=True, check=False, env=_environment())
    assert (done.returncode, done.stdout.split()) == (0, ["True", "True"]), done.stderr


def _environment() -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "pact_site.settings"}
