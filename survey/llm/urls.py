"""The pages of model runs, below /runs/."""

from django.urls import path

from survey.llm import views

app_name = "llm"
urlpatterns = [
    path("", views.run_list, name="runs"),
    path("new/", views.run_new, name="run_new"),
    path("<int:pk>/", views.run_page, name="run"),
    path("<int:pk>/progress/", views.run_progress_part, name="run_progress"),
    path("<int:pk>/cancel/", views.run_cancel, name="run_cancel"),
    path("<int:pk>/resume/", views.run_resume, name="run_resume"),
    path("models/", views.spec_list, name="specs"),
    path("models/new/", views.spec_edit, name="spec_new"),
    path("models/<slug:tag>/", views.spec_edit, name="spec_edit"),
]
