"""Who may do what, out of the box: groups that every installation has, brought up to date by ``migrate``.

A group gets what it lacks and keeps what somebody added. Who wants less makes a group of their own.
"""

from collections.abc import Iterable
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q


def _each(app: str, models: str, *actions: str) -> frozenset[str]:
    """``app.action_model`` of every model (separated by spaces) and action."""
    return frozenset(f"{app}.{action}_{model}" for model in models.split() for action in actions)


VIEWER: Final = (
    _each("catalog", "item itemtext category media importrun", "view")
    | _each("retrieval", "embeddingspace auditfinding", "view")
    | _each("recommender", "placement rule experiment change recommendermodel suggestion", "view")
)
"""Everything but people: what they did, who they are, who may come in."""
EDITOR: Final = (
    VIEWER
    | _each("catalog", "item category media", "add", "change", "delete")
    | _each("catalog", "itemtext", "change", "delete")
    | _each("catalog", "importrun", "add", "change")
    | _each("recommender", "suggestion", "change")
    | frozenset({"retrieval.add_case"})  # flag an item
)
PEOPLE: Final = _each("recommender", "event visitor", "view")
MERCHANDISER: Final = (
    VIEWER
    | PEOPLE
    | _each("recommender", "placement", "change")
    | _each("recommender", "rule experiment variant", "add", "change", "delete")
)
MODERATOR: Final = (
    VIEWER
    | _each("catalog", "item", "change")
    | _each("retrieval", "case duplicatepair reviewrun policy policyexample", "view")
    | _each("retrieval", "policy policyexample", "add", "change", "delete")
    | _each("retrieval", "reviewrun", "add")
    | frozenset({"retrieval.add_case", "retrieval.moderate", "retrieval.review_duplicates"})
)
OPERATOR: Final = (
    VIEWER
    | PEOPLE
    | frozenset({"recommender.delete_visitor"})  # to be forgotten, as they may ask
    | _each("catalog", "importrun", "add", "change")
    | frozenset({"catalog.view_queuepause", "catalog.operate_jobs"})
    | _each("retrieval", "embeddingspace", "add", "change", "delete")
    | _each("retrieval", "auditfinding", "add")
    | _each("recommender", "recommendermodel", "add", "change", "delete")
    | _each("django_celery_beat", "periodictask", "view", "change")
    | _each("django_celery_beat", "intervalschedule crontabschedule", "view")
)
ROLES: Final = {
    "viewer": VIEWER,
    "editor": EDITOR,
    "merchandiser": MERCHANDISER,
    "moderator": MODERATOR,
    "operator": OPERATOR,
}


def roles_ensure(**_: Any) -> None:
    """Receiver of ``post_migrate``: make the groups, and give each what it lacks of its role."""
    known = permissions(frozenset().union(*ROLES.values()))
    for name, wanted in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        group.permissions.add(*(known[each] for each in wanted if each in known))


def permissions(names: Iterable[str]) -> dict[str, Permission]:
    """By name; those of apps that are not there are left out."""
    wanted = Q(pk__in=())
    for app in {name.partition(".")[0] for name in names} & set(apps.app_configs):
        codenames = [name.partition(".")[2] for name in names if name.startswith(f"{app}.")]
        wanted |= Q(content_type__app_label=app, codename__in=codenames)
    found = Permission.objects.filter(wanted).select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}": each for each in found}
