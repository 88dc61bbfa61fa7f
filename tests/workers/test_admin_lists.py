"""Every list of the admin: as many statements for many rows as for some, and never more than 20."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from catalog.models import ApiKey, Category, ImportRun, Item, ItemText, Media
from recommender.models import (
    Change,
    Event,
    Experiment,
    RecommenderModel,
    Rule,
    Suggestion,
    Variant,
    Visitor,
)
from recommender.partitions import month_of, partitions_ensure
from retrieval import spaces
from retrieval.models import (
    AuditFinding,
    Case,
    DuplicatePair,
    EmbeddingSpace,
    Policy,
    TrainingJob,
)

pytestmark = pytest.mark.django_db

MOST = 20
FEW, MANY = 3, 30
"""Rows of everything: with several of a kind a statement a row shows at once."""


def make(first: int, last: int) -> None:
    """Rows of every list, numbered; each with relations of its own."""
    now = timezone.now()
    numbers = range(first, last)
    items = Item.objects.bulk_create(Item(external_id=f"i{n}", title=f"Item {n}") for n in numbers)
    categories = Category.objects.bulk_create(Category(name=f"c{n}", path=f"c{n}") for n in numbers)
    links = Item.categories.through
    links.objects.bulk_create(
        links(item=item, category=category)
        for item, category in zip(items, categories, strict=True)
    )
    ItemText.objects.bulk_create(ItemText(item=item, language="zh", title="东西") for item in items)
    Media.objects.bulk_create(
        Media(item=item, modality="image", file=f"{item.pk}.png", sha256=f"{item.pk:064}", bytes=1)
        for item in items
    )
    visitors = Visitor.objects.bulk_create(Visitor(external_id=f"v{n}") for n in numbers)
    Event.objects.bulk_create(
        Event(
            key=f"e{n}", visitor=visitor, item=item, item_external_id=item.external_id, type="view",
            occurred_at=now,
        )
        for n, visitor, item in zip(numbers, visitors, items, strict=True)
    )  # fmt: skip
    AuditFinding.objects.bulk_create(
        AuditFinding(item=item, check_name="blank_picture", score=1, detail="", content_version=1)
        for item in items
    )
    Suggestion.objects.bulk_create(
        Suggestion(item=item, kind="tags", language="en", text="x", status="suggested")
        for item in items
    )
    policies = Policy.objects.bulk_create(
        Policy(name=f"q{n}", category=categories[n - first]) for n in numbers
    )
    Case.objects.bulk_create(
        Case(item=item, policy=policy, content="x", score=1)
        for item, policy in zip(items, policies, strict=True)
    )
    DuplicatePair.objects.bulk_create(
        DuplicatePair(
            left=items[0], right=item, grade="near", score=1, content="x", group=items[0].pk
        )
        for item in items[1:]
    )
    for n in numbers:
        experiment = Experiment.objects.create(name=f"x{n}", placement="home")
        for name in ("control", "new"):
            Variant.objects.create(experiment=experiment, name=name)
        rule = Rule.objects.create(name=f"r{n}", action="hide", category=categories[n - first])
        rule.items.add(items[n - first])
    _others(numbers)


def _others(numbers: range) -> None:
    now = timezone.now()
    for n in numbers:
        spaces.space_create_failed(
            f"s{n}", "why", profile="fake", trained=True, fusion="concat", metric="cosine", dim=8
        )
        TrainingJob.objects.create(name=f"t{n}", status="failed", error="why")
        RecommenderModel.objects.create(
            name=f"m{n}", kind="item-item", algorithm="ease", state="failed"
        )
        ApiKey.objects.create_key(name=f"k{n}", scopes=["read"])
        ImportRun.objects.create(name=f"{n}.csv", file_format="csv", status="failed")
        Change.objects.create(
            subject="rule", object_id=n, name=f"r{n}", action="changed", by="ada", before={"a": 1},
            after={"a": n},
        )  # fmt: skip
        User.objects.create_user(f"u{n}")
        Group.objects.create(name=f"g{n}")
        every = IntervalSchedule.objects.create(every=n + 10, period="days")
        PeriodicTask.objects.create(name=f"p{n}", task="workers.tasks.sweep", interval=every)
        CrontabSchedule.objects.create(minute=str(n))
        ClockedSchedule.objects.create(clocked_time=now + timedelta(days=n))
        SolarSchedule.objects.create(event="sunrise", latitude=n, longitude=n)
        whose = {"username": f"u{n}", "user_agent": "", "ip_address": "127.0.0.1", "path_info": "/"}
        AccessAttempt.objects.create(**whose, failures_since_start=1)
        AccessFailureLog.objects.create(**whose)
        AccessLog.objects.create(**whose)


def statements(client) -> dict[str, list[str]]:
    """By list, what its page asked the database."""
    found = {}
    for model in admin.site._registry:
        url = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        client.get(url)  # what is remembered is remembered
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200, url
        found[model._meta.label] = [each["sql"] for each in queries]
    return found


def test_no_list_asks_more_for_more_rows(admin_client):
    partitions_ensure([month_of(timezone.now())])
    spaces.ensure_active_space("fake", 64)
    make(0, FEW)
    few = statements(admin_client)
    make(FEW, MANY)
    many = statements(admin_client)
    counts = {name: (len(few[name]), len(many[name])) for name in few}
    assert {name: pair for name, pair in counts.items() if pair[0] != pair[1]} == {}, _more(
        few, many
    )
    assert {name: pair for name, pair in counts.items() if max(pair) > MOST} == {}
    assert EmbeddingSpace.objects.count() == MANY + 1


def _more(few: dict[str, list[str]], many: dict[str, list[str]]) -> str:
    """The statements of the lists that grow, for a failing test."""
    grown = [name for name in few if len(few[name]) != len(many[name])]
    return "\n".join(f"{name}: {sql[:300]}" for name in grown for sql in many[name][:MANY])
