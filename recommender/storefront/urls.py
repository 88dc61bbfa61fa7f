"""The storefront's addresses."""

from django.urls import path, re_path

from catalog.models.items import EXTERNAL_ID_PATTERN
from recommender.storefront import asking, plain, views, you

app_name = "storefront"
urlpatterns = [
    path("", views.home_page, name="home"),
    re_path(rf"^items/(?P<external_id>{EXTERNAL_ID_PATTERN})/$", views.item_page, name="item"),
    # without scripts
    path("plain/", plain.PlainSearch.as_view(), name="plain"),
    re_path(
        rf"^plain/items/(?P<external_id>{EXTERNAL_ID_PATTERN})/$",
        plain.PlainItem.as_view(),
        name="plain-item",
    ),
    # questions to the catalog
    path("ask/", asking.AskPage.as_view(), name="ask"),
    # what is remembered of whoever asks
    path("you/", you.page_of_you, name="you"),
    path("you/export/", you.ExportView.as_view(), name="you-export"),
    path("you/forget/", you.ForgetView.as_view(), name="you-forget"),
]
