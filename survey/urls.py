"""The addresses participants meet, and the pages where staff set a study up and reconcile with the panel."""

from django.urls import path

from survey import participant_urls
from survey.views import (
    arm_setup,
    new_study,
    preview,
    reconciliation,
    registration,
    review,
    setup,
    submission_upload,
    trial_runs,
)

app_name = participant_urls.app_name
urlpatterns = [
    *participant_urls.urlpatterns,
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
    path("studies/<slug:code>/setup/cells/add/", setup.new_cell, name="setup_cell_add"),
    path("studies/<slug:code>/setup/cells/<int:pk>/", setup.edit_cell, name="setup_cell"),
    path("studies/<slug:code>/setup/cells/<int:pk>/remove/", setup.drop_cell, name="setup_cell_remove"),
    path("studies/<slug:code>/setup/registration/", registration.page, name="setup_registration"),
    path(
        "studies/<slug:code>/setup/registration/<int:number>.json",
        registration.file,
        name="setup_registration_file",
    ),
    path("studies/<slug:code>/setup/registration/deviate/", registration.report, name="setup_deviate"),
    path(
        "studies/<slug:code>/setup/registration/deviations.<slug:kind>",
        registration.log_file,
        name="setup_deviations",
    ),
    path("studies/<slug:code>/trial/", trial_runs.begin, name="trial"),
    path("studies/<slug:code>/trial/remove/", trial_runs.remove, name="trial_remove"),
    path("studies/<slug:code>/setup/settings/", setup.edit_settings, name="setup_settings"),
    path("studies/<slug:code>/setup/countries/<slug:country>/", arm_setup.page, name="setup_arm"),
    path("studies/<slug:code>/preview/", preview.gallery, name="preview"),
    path("studies/<slug:code>/preview/seen/", preview.seen, name="preview_seen"),
    path("studies/<slug:code>/preview/<slug:country>/<slug:locale>/<slug:name>/", preview.page, name="preview_page"),
    path("studies/<slug:code>/review/", review.page, name="review"),
    path("studies/<slug:code>/review/sessions.csv", review.rows_csv, name="review_csv"),
    path("studies/<slug:code>/review/next/", review.first_of_queue, name="review_queue"),
    path("studies/<slug:code>/review/sessions/<int:pk>/", review.session, name="review_session"),
    path("studies/<slug:code>/review/sessions/<int:pk>/note/", review.note, name="review_note"),
    path("new-study/", new_study.page, name="new_study"),
]
