"""The addresses of participants and of what watches the process: loaded before a worker is forked."""

from django.urls import include, path

from pact_site.health import healthz, livez, readyz
from pact_site.metrics import metrics

handler400 = "survey.views.faults.bad_request"
handler404 = "survey.views.faults.not_found"
handler500 = "survey.views.faults.server_error"

HEALTH = [
    path("healthz", healthz, name="healthz"),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
urlpatterns = [path("", include("survey.participant_urls")), *HEALTH]
