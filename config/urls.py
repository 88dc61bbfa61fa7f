"""The whole URL table."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from catalog.api import (
    CategoryListView,
    ItemListView,
    ItemView,
    MediaListView,
    MediaView,
)
from catalog.media_files import media_file
from config import health, schema  # noqa: F401 - schema registers itself with drf-spectacular
from recommender.api import (
    AskView,
    EventsView,
    ExperimentReportView,
    PlacementsView,
    QuestionSearchView,
    RecommendationsView,
    RowsView,
    VisitorExportView,
    VisitorMergeView,
    VisitorView,
)
from retrieval.api import SimilarToSeveralView, SimilarView, SuggestView
from workers.api import StatusView

v1 = "api/v1/"

urlpatterns = [
    path("admin/", admin.site.urls),
    # health: no key, no limit, with or without the slash
    re_path(rf"^{v1}health/live/?$", health.live, name="health-live"),
    re_path(rf"^{v1}health/ready/?$", health.ready, name="health-ready"),
    path(f"{v1}status/", StatusView.as_view(), name="status"),
    # the catalog
    path(f"{v1}categories/", CategoryListView.as_view(), name="categories"),
    path(f"{v1}items/", ItemListView.as_view(), name="items"),
    path(f"{v1}items/<str:external_id>/", ItemView.as_view(), name="item"),
    path(f"{v1}items/<str:external_id>/media/", MediaListView.as_view(), name="item-media"),
    path(
        f"{v1}items/<str:external_id>/media/<int:media_id>/",
        MediaView.as_view(),
        name="item-medium",
    ),
    # retrieval
    path(f"{v1}search/", QuestionSearchView.as_view(), name="search"),
    path(f"{v1}suggest/", SuggestView.as_view(), name="suggest"),
    path(f"{v1}similar/", SimilarToSeveralView.as_view(), name="similar-to-several"),
    path(f"{v1}items/<str:external_id>/similar/", SimilarView.as_view(), name="similar"),
    # the recommender
    path(f"{v1}recommendations/", RecommendationsView.as_view(), name="recommendations"),
    path(f"{v1}recommendations/rows/", RowsView.as_view(), name="recommendation-rows"),
    path(f"{v1}ask/", AskView.as_view(), name="ask"),
    path(f"{v1}events/", EventsView.as_view(), name="events"),
    path(f"{v1}visitors/<str:visitor>/", VisitorView.as_view(), name="visitor"),
    path(f"{v1}visitors/<str:visitor>/merge/", VisitorMergeView.as_view(), name="visitor-merge"),
    path(f"{v1}visitors/<str:visitor>/export/", VisitorExportView.as_view(), name="visitor-export"),
    path(f"{v1}placements/", PlacementsView.as_view(), name="placements"),
    path(
        f"{v1}experiments/<str:name>/report/",
        ExperimentReportView.as_view(),
        name="experiment-report",
    ),
    # documentation
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    # stored files; large deployments let a web server or CDN answer these
    path("media/<path:name>", media_file, name="media-file"),
    # the storefront
    path("", include("recommender.storefront.urls")),
]

handler400 = "config.problems.handler400"
handler403 = "config.problems.handler403"
handler404 = "config.problems.handler404"
handler500 = "config.problems.handler500"
