"""The researchers' pages: dashboards, results, exports."""

from django.urls import path

from analysis.views import (
    dashboard,
    explorer,
    exports,
    monitoring,
    releases,
    result_family,
    results,
    translations,
)

app_name = "analysis"
urlpatterns = [
    path("studies/<slug:code>/", dashboard.study_dashboard, name="dashboard"),
    path("studies/<slug:code>/live/", dashboard.live, name="live"),
    path("studies/<slug:code>/fieldwork/<slug:name>.csv", dashboard.fieldwork_csv, name="fieldwork_csv"),
    path("studies/<slug:code>/balance/", monitoring.balance_page, name="balance"),
    path("studies/<slug:code>/balance/<slug:name>.csv", monitoring.balance_csv, name="balance_csv"),
    path("studies/<slug:code>/items/", explorer.items_page, name="items"),
    path("studies/<slug:code>/items/map.csv", explorer.items_csv, name="items_csv"),
    path("studies/<slug:code>/items/<slug:item>/", explorer.item_page, name="item"),
    path("studies/<slug:code>/quality/", monitoring.quality_page, name="quality"),
    path("studies/<slug:code>/quality/<slug:name>.csv", monitoring.quality_csv, name="quality_csv"),
    path("studies/<slug:code>/results/", results.study_results, name="study_results"),
    path("studies/<slug:code>/results/unblind/", results.unblind, name="unblind"),
    path("studies/<slug:code>/exports/", exports.page, name="exports"),
    path("studies/<slug:code>/exports/<str:name>", exports.download, name="export"),
    path("studies/<slug:code>/releases/", releases.create, name="release_new"),
    path("studies/<slug:code>/releases/live/", releases.live, name="live_releases"),
    path("releases/<int:pk>.zip", releases.download, name="release_zip"),
    path("studies/<slug:code>/translations/", translations.page, name="translations"),
    path("studies/<slug:code>/translations/status.csv", translations.status_csv, name="translations_csv"),
    path("studies/<slug:code>/translations/override/", translations.override, name="translations_override"),
    path("studies/<slug:code>/translations/variants/", translations.variants, name="translations_variants"),
    path("studies/<slug:code>/translations/<str:locale>/", translations.locale_page, name="translations_locale"),
    path("studies/<slug:code>/translations/<str:locale>/texts.csv", translations.texts_csv, name="translations_texts"),
    path("results/<int:pk>/", results.result, name="result"),
    path("results/<int:pk>/live/", results.live, name="result_live"),
    path("results/<int:pk>/results.json", result_family.as_json, name="result_json"),
    path("results/<int:pk>/figures.zip", result_family.figures_zip, name="result_figures"),
    path("results/<int:pk>/tables/<slug:name>.csv", result_family.table_csv, name="result_csv"),
    path("results/<int:pk>/figures/<slug:name>.svg", result_family.old_figure_svg, name="result_svg"),
    path("results/<int:pk>/print/<slug:name>.<slug:kind>", result_family.print_file, name="result_print"),
    path("results/<int:pk>/<slug:key>/", result_family.result_family, name="result_family"),
    path("results/<int:pk>/<slug:key>/results.json", result_family.family_json, name="result_family_json"),
    path("results/<int:pk>/<slug:key>/figures/<slug:name>.svg", result_family.figure_svg, name="result_family_svg"),
]
