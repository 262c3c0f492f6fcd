"""The addresses participants meet, and the pages where staff set a study up and reconcile with the panel."""

from django.urls import path

from survey.views import (
    entry,
    leaving,
    panel_events,
    paradata,
    participant,
    reconciliation,
    setup,
    submission_upload,
)

app_name = "survey"
urlpatterns = [
    path("join/<slug:study>/<slug:country>/", entry.join, name="join"),
    path("s/<slug:token>/", participant.page, name="page"),
    path("s/<slug:token>/stop/", leaving.leave, name="withdraw"),
    path("s/<slug:token>/trouble/", leaving.trouble, name="trouble"),
    path("s/<slug:token>/events/", paradata.events, name="events"),
    path("panels/prolific/events/", panel_events.prolific, name="prolific_events"),
    path("withdraw/", leaving.leave_later, name="withdraw_later"),
    path("studies/<slug:code>/reconciliation/", reconciliation.page, name="reconciliation"),
    path("studies/<slug:code>/reconciliation/rows.csv", reconciliation.rows_csv, name="reconciliation_csv"),
    path("studies/<slug:code>/reconciliation/confirm/", reconciliation.confirm, name="reconciliation_confirm"),
    path("studies/<slug:code>/reconciliation/act/", reconciliation.act, name="reconciliation_act"),
    path("studies/<slug:code>/reconciliation/refresh/", reconciliation.refresh, name="reconciliation_refresh"),
    path("studies/<slug:code>/reconciliation/acts/<int:pk>/", reconciliation.resolve, name="reconciliation_resolve"),
    path("studies/<slug:code>/reconciliation/upload/", submission_upload.look, name="submission_upload"),
    path("studies/<slug:code>/reconciliation/upload/keep/", submission_upload.keep, name="submission_keep"),
    path("studies/<slug:code>/setup/", setup.page, name="setup"),
    path("studies/<slug:code>/setup/state/", setup.change_state, name="setup_state"),
    path("studies/<slug:code>/setup/version/", setup.change_version, name="setup_version"),
    path("studies/<slug:code>/setup/cells/<int:pk>/", setup.edit_cell, name="setup_cell"),
]
