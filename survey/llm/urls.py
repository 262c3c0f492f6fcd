"""The pages of model runs, below /runs/."""

from django.urls import path

from survey.llm import act_views, completion_views, plan_views, spec_views, views

app_name = "llm"
urlpatterns = [
    path("", views.run_list, name="runs"),
    path("new/", plan_views.run_new, name="run_new"),
    path("<int:pk>/", views.run_page, name="run"),
    path("<int:pk>/progress/", views.run_progress_part, name="run_progress"),
    path("<int:pk>/cancel/", views.run_cancel, name="run_cancel"),
    path("<int:pk>/pause/", views.run_pause, name="run_pause"),
    path("<int:pk>/budget/", views.run_budget, name="run_budget"),
    path("<int:pk>/again/", act_views.run_again, name="run_again"),
    path("<int:pk>/priority/", act_views.run_priority, name="run_priority"),
    path("<int:pk>/resume/", views.run_resume, name="run_resume"),
    path("completions/", completion_views.completion_list, name="completions"),
    path("completions.csv", completion_views.completions_csv, name="completions_csv"),
    path("completions/<int:pk>/", completion_views.completion_page, name="completion"),
    path("models/", spec_views.spec_list, name="specs"),
    path("models/new/", spec_views.spec_edit, name="spec_new"),
    path("models/<slug:tag>/", spec_views.spec_page, name="spec"),
    path("models/<slug:tag>/edit/", spec_views.spec_edit, name="spec_edit"),
    path("models/<slug:tag>/probe/", spec_views.spec_probe, name="spec_probe"),
    path("models/<slug:tag>/probe/state/", spec_views.probe_part, name="spec_probe_part"),
    path("models/<slug:tag>/prices/", spec_views.price_add, name="price_add"),
]
