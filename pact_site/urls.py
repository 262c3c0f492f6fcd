"""Every address of the site. A web process loads them when the first is asked for that `participant_urls` has not."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from analysis.views import study_list
from pact_site import team
from pact_site.api import router, schema_view
from pact_site.api_docs import api_docs
from pact_site.celery import app  # noqa: F401  # what staff start goes to this application's workers
from pact_site.participant_urls import HEALTH

handler400 = "survey.views.faults.bad_request"
handler404 = "pact_site.problems.not_found"
handler500 = "pact_site.problems.server_error"

urlpatterns = [
    path("", study_list, name="home"),
    path("studies/", RedirectView.as_view(pattern_name="home"), name="studies"),  # of whoever shortens an address
    path("", include("survey.urls")),
    path("", include("analysis.urls")),
    path("runs/", include("survey.llm.urls")),
    path("api/", include((router.urls, "api"))),
    path("api/schema/", schema_view, name="schema"),
    path("api/docs/", api_docs, name="api_docs"),
    path("", include("pact_site.accounts.urls")),
    path("team/", team.team, name="team"),
    path("team/invite/", team.invite, name="team_invite"),
    path("team/<int:pk>/", team.change_member, name="team_member"),
    path("team/<int:pk>/link/", team.invite_again, name="team_invite_again"),
    path("team/<int:pk>/factors/", team.reset_member_factors, name="team_reset_factors"),
    path("team/log/", team.log, name="team_log"),
    path("team/log/check/", team.check_log, name="team_log_check"),
    path("invitation/<str:uidb64>/<str:token>/", team.Invitation.as_view(), name="invitation"),
    path("admin/", admin.site.urls),
    *HEALTH,
]
