"""The storefront's addresses."""

from django.urls import path, re_path

from catalog.models.items import EXTERNAL_ID_PATTERN
from recommender.storefront import views

app_name = "storefront"
urlpatterns = [
    path("", views.home_page, name="home"),
    re_path(rf"^items/(?P<external_id>{EXTERNAL_ID_PATTERN})/$", views.item_page, name="item"),
]
