"""The addresses participants meet."""

from django.urls import path

from survey.views import entry, leaving, paradata, participant

app_name = "survey"
urlpatterns = [
    path("join/<slug:study>/<slug:country>/", entry.join, name="join"),
    path("s/<slug:token>/", participant.page, name="page"),
    path("s/<slug:token>/stop/", leaving.leave, name="withdraw"),
    path("s/<slug:token>/trouble/", leaving.trouble, name="trouble"),
    path("s/<slug:token>/events/", paradata.events, name="events"),
    path("withdraw/", leaving.leave_later, name="withdraw_later"),
]
