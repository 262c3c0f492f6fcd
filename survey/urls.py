"""The addresses participants meet."""

from django.urls import path

from survey.views import participant

app_name = "survey"
urlpatterns = [
    path("join/<slug:study>/<slug:country>/", participant.join, name="join"),
    path("s/<slug:token>/", participant.page, name="page"),
]
