"""The admin's look and its sidebar."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse, reverse_lazy


def _admin_link(title: str, icon: str, name: str) -> dict[str, Any]:
    """A sidebar entry; ``name`` is ``app.model``."""
    app, model = name.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


def _at_items(request: Any) -> bool:
    """Not in the playground, whose address is below theirs."""
    items, playground = reverse("admin:catalog_item_changelist"), "admin:catalog_item_playground"
    path = str(request.path)
    return path.startswith(items) and not path.startswith(reverse(playground))


UNFOLD = {
    "SITE_TITLE": "Triad",
    "SITE_HEADER": "Triad",
    "SITE_SUBHEADER": "Words, pictures and sounds",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("storefront/logo.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "workers.admin.dashboard.context",
    "STYLES": [
        lambda request: static("catalog/admin.css"),
        lambda request: static("catalog/charts.css"),
        lambda request: static("workers/admin.css"),
    ],
    "SCRIPTS": [lambda request: static("catalog/select_labels.js")],
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Catalog",
                "items": [
                    {**_admin_link("Items", "category", "catalog.item"), "active": _at_items},
                    _admin_link("Categories", "account_tree", "catalog.category"),
                    _admin_link("Media", "perm_media", "catalog.media"),
                    _admin_link("Texts", "translate", "catalog.itemtext"),
                    _admin_link("Imports", "upload_file", "catalog.importrun"),
                    _admin_link("Suggestions", "lightbulb", "recommender.suggestion"),
                ],
            },
            {
                "title": "Retrieval",
                "separator": True,
                "items": [
                    _admin_link("Embedding spaces", "hub", "retrieval.embeddingspace"),
                    {
                        **_admin_link("Playground", "tune", "retrieval.embeddingspace"),
                        "link": reverse_lazy("admin:catalog_item_playground"),
                    },
                    _admin_link("Quality", "fact_check", "retrieval.auditfinding"),
                ],
            },
            {
                "title": "Review",
                "separator": True,
                "items": [
                    _admin_link("Cases", "gavel", "retrieval.case"),
                    _admin_link("Policies", "policy", "retrieval.policy"),
                    _admin_link("Near duplicates", "difference", "retrieval.duplicatepair"),
                ],
            },
            {
                "title": "Recommender",
                "separator": True,
                "items": [
                    _admin_link("Placements", "dashboard", "recommender.placement"),
                    _admin_link("Rules", "push_pin", "recommender.rule"),
                    _admin_link("Experiments", "science", "recommender.experiment"),
                    _admin_link("Changes", "history", "recommender.change"),
                    _admin_link("Events", "bolt", "recommender.event"),
                    _admin_link("Visitors", "groups", "recommender.visitor"),
                    _admin_link("Models", "model_training", "recommender.recommendermodel"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _admin_link("API keys", "key", "catalog.apikey"),
                    _admin_link("Users", "person", "auth.user"),
                    _admin_link("Groups", "group", "auth.group"),
                    _admin_link("Failed logins", "shield_lock", "axes.accessattempt"),
                ],
            },
            {
                "title": "Schedules",
                "separator": True,
                "items": [
                    _admin_link("Jobs", "deployed_code_history", "catalog.queuepause"),
                    _admin_link("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
                    _admin_link("Intervals", "timer", "django_celery_beat.intervalschedule"),
                    _admin_link("Crontabs", "event_repeat", "django_celery_beat.crontabschedule"),
                ],
            },
        ],
    },
}
