"""The addresses that participants and their panels meet, apart from those of staff, which take longer to load."""

from django.urls import path

from survey.views import entry, leaving, panel_events, paradata, participant

app_name = "survey"
urlpatterns = [
    path("join/<slug:study>/<slug:country>/", entry.join, name="join"),
    path("s/<slug:token>/", participant.page, name="page"),
    path("s/<slug:token>/stop/", leaving.leave, name="withdraw"),
    path("s/<slug:token>/trouble/", leaving.trouble, name="trouble"),
    path("s/<slug:token>/events/", paradata.events, name="events"),
    path("panels/prolific/events/", panel_events.prolific, name="prolific_events"),
    path("withdraw/", leaving.leave_later, name="withdraw_later"),
]
