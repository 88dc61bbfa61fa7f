"""Training of the recommender's models: from events to a version that can answer.

``recommender_train`` is the whole of it: read, hold out the latest, learn, measure, learn from all, store.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final, cast

import numpy as np
from django.conf import settings
from django.utils import timezone

from recommender import rankers, ranking_training, versions
from recommender.collaborative import Interactions, TwoTower
from recommender.collaborative.event_table import EventTable, events_read
from recommender.collaborative.holdout import K, measure, popular
from recommender.collaborative.interactions import ItemItem, Progress
from recommender.collaborative.recipes import (
    LEAST_MEASURED,
    Learned,
    Recipe,
    check_config,
    hold_out,
    learn,
    scorer,
)
from recommender.collaborative.stored import (
    NEIGHBOURS,
    neighbours_store,
    stored_drop,
    towers_store,
)
from recommender.exceptions import ModelConflict, NothingToLearn, RecommenderError, TrainingLost
from recommender.models import Event, RecommenderModel
from recommender.ranking_training.reading import shown_count, shown_read
from retrieval import spaces
from retrieval.exceptions import NoActiveSpace, SpaceGone

log = logging.getLogger(__name__)

Activation = RecommenderModel.Activation
Algorithm = RecommenderModel.Algorithm
Kind = RecommenderModel.Kind
State = RecommenderModel.State

DECISIVE: Final = f"ndcg@{K}"


def recommender_train(
    algorithm: str, *, progress: Progress | None = None, **options: Any
) -> RecommenderModel:
    """Train a new version here and now; commits. ``options`` are those of ``versions.version_create``.

    Raises ModelConflict, NothingToLearn; the version then is failed and says so.
    """
    check_config(algorithm, options.get("config") or {})
    return version_train(versions.version_create(algorithm, **options).pk, progress, quiet=False)


def version_train(
    version_id: int, progress: Progress | None = None, *, quiet: bool = True
) -> RecommenderModel:
    """Train what a building version asks for, unless somebody else does; its row, ready or failed.

    ``quiet``: what is wrong with the data or the request is left in the row and not raised.
    """
    version = versions.version_claim(version_id)
    if version is None:
        return RecommenderModel.objects.get(pk=version_id)
    try:
        with versions.version_lease(version) as lease:

            def tell(entry: dict[str, Any]) -> None:
                lease.report(entry)
                if progress:
                    progress(entry)

            _train(version, tell)
    except TrainingLost as err:
        log.warning("%s", err)
    except Exception as err:
        known = isinstance(err, (RecommenderError, SpaceGone))
        versions.version_fail(version, str(err) if known else f"{type(err).__name__}: {err}")
        if not (known and quiet):
            raise
    return RecommenderModel.objects.get(pk=version_id)


def _train(version: RecommenderModel, progress: Progress) -> None:
    started = time.monotonic()
    check_config(version.algorithm, version.config)
    active = versions.active_version(version.kind)
    train = _train_ranker if version.kind == Kind.RANKER else _train_model
    given = train(version, active, progress)
    ready = versions.mine(version).update(
        state=State.READY,
        seconds=round(time.monotonic() - started, 2),
        trained_at=timezone.now(),
        leased_until=None,
        **given,
        stage="",
        percent=100,
        note="",
    )
    if not ready:
        stored_drop(version.pk)
        raise TrainingLost(version.name)
    _activate(version, active, given["metrics"])


def _train_ranker(
    version: RecommenderModel, active: RecommenderModel | None, progress: Progress
) -> dict[str, Any]:
    """The row's fields."""
    table = shown_read()
    progress({"stage": "read impressions", "items": table.answers, "of": table.answers})
    served = rankers.rankers_of({active.pk}).get(active.pk) if active else None
    learned = ranking_training.learn_ranker(
        table,
        ranking_training.Options(**version.config),
        seed=version.seed,
        active=served.ranker if served else None,
        progress=progress,
    )
    return {
        "metrics": learned.metrics,
        "parameters": learned.ranker.to_json().encode(),
        "events": int((table.strength != 0).sum()),
        "visitors": len(np.unique(table.unit)),
        "items": len(np.unique(table.item)),
    }


def _train_model(
    version: RecommenderModel, active: RecommenderModel | None, progress: Progress
) -> dict[str, Any]:
    """The row's fields; what is served is stored."""
    table = events_read()
    progress({"stage": "read events", "items": len(table), "of": len(table)})
    if not len(table):
        raise NothingToLearn("There are no events with items of the catalog.")
    recipe = _recipe(version)
    metrics = _measured(table, recipe, version, active, progress)
    interactions = table.interactions()
    learned = learn(recipe, interactions, progress)
    items = len(interactions.item_ids)
    progress({"stage": "store", "items": items, "of": items})
    return {
        "algorithm": learned.algorithm,
        "config": learned.config,
        "metrics": metrics,
        "events": len(table),
        "visitors": interactions.visitors.shape[0],
        "items": items,
        "space_id": recipe.space.id if recipe.space else None,
        **_store(version, learned, interactions, recipe.space),
    }


def _recipe(version: RecommenderModel) -> Recipe:
    space = None
    if version.algorithm == Algorithm.TWO_TOWER:
        try:
            space = spaces.active_space()
        except NoActiveSpace:
            log.warning("no embedding space is active: %s learns from events alone", version.name)
    return Recipe(version.algorithm, version.config, version.seed, space)


def _store(
    version: RecommenderModel,
    learned: Learned,
    interactions: Interactions,
    space: spaces.Space | None,
) -> dict[str, Any]:
    """What is served; the row's fields that say how."""
    if isinstance(learned.model, TwoTower):
        towers_store(version.pk, learned.model, space)
        parameters = learned.model.to_bytes(items=False) if space else b""
        return {"parameters": parameters, "factors": learned.model.factors}
    found = cast("ItemItem", learned.model).neighbours(NEIGHBOURS)
    neighbours_store(version.pk, interactions.item_ids, found)
    return {}


# --- measured ---------------------------------------------------------------------------------------


def _measured(
    table: EventTable,
    recipe: Recipe,
    version: RecommenderModel,
    active: RecommenderModel | None,
    progress: Progress,
) -> dict[str, Any]:
    """Of the recipe, of what is popular, and of the active version's recipe if it matters."""
    split = hold_out(table, recipe.space, seed=version.seed)
    if split is None:
        return {"held out": f"fewer than {LEAST_MEASURED} visitors: not measured"}
    held = split.held
    visitors = held.history.shape[0]
    progress({"stage": "measure", "items": visitors, "of": visitors})
    used = np.zeros(len(held.item_ids), np.float32)
    used[split.columns] = np.bincount(
        split.train.visitors.indices, minlength=len(split.train.item_ids)
    )
    metrics: dict[str, Any] = {
        "visitors measured": visitors,
        "model": measure(scorer(recipe, split, progress), held),
        "popular": measure(popular(used), held),
    }
    if active and version.activation == Activation.BETTER:
        other = Recipe(active.algorithm, active.config, active.seed, recipe.space)
        found = metrics["model"]
        if not _alike(active, recipe):
            found = measure(scorer(other, split, progress), held)
        metrics["active"] = found
    return metrics


def _alike(active: RecommenderModel, recipe: Recipe) -> bool:
    return (active.algorithm, active.config) == (recipe.algorithm, dict(recipe.config))


# --- what follows -----------------------------------------------------------------------------------


def _activate(
    version: RecommenderModel, active: RecommenderModel | None, metrics: Mapping[str, Any]
) -> None:
    """As the version asks; what speaks against it is left in its note.

    ``active`` is the one that it was compared with: another that was chosen meanwhile stays.
    """
    if version.activation == Activation.NEVER:
        return
    if version.activation == Activation.BETTER and (why := _worse(version, active, metrics)):
        RecommenderModel.objects.filter(pk=version.pk).update(note=f"Not activated: {why}."[:200])
        return
    try:
        versions.version_activate(version.pk, expected=active.pk if active else None)
        versions.versions_thin(version.kind)
    except ModelConflict as err:
        log.warning("%s", err)
        RecommenderModel.objects.filter(pk=version.pk).update(note=str(err)[:200])


def _worse(
    version: RecommenderModel, active: RecommenderModel | None, metrics: Mapping[str, Any]
) -> str:
    """Than what answers now: why, or nothing if it is not."""
    rival, called = "active", active.name if active else ""
    if version.kind == Kind.RANKER:
        # the active ranker knows the held-out answers already: it must be clearly better to stay
        if metrics.get("more than active", {}).get("high", 0.0) >= 0:
            rival, called = "formula", "the weighted formula"
    elif active is None:
        return ""
    own, other = (metrics.get(name, {}).get(DECISIVE) for name in ("model", rival))
    if own is not None and other is not None:
        worse = own < other
        return f"{DECISIVE} {own:.4f} against {other:.4f} of {called}" if worse else ""
    trained = RecommenderModel.objects.defer("parameters").get(pk=version.pk)
    same = active and (active.algorithm, active.config) == (trained.algorithm, trained.config)
    return "" if same and rival == "active" else "it could not be measured"


def train_due() -> list[RecommenderModel]:
    """By night: ask for a new version of each kind of the settings that has enough new events."""
    asked = []
    for kind, options in settings.RECOMMENDER["MODELS"].items():
        algorithm, config = options["ALGORITHM"], dict(options)
        del config["ALGORITHM"]
        if not _worth_while(kind):
            continue
        try:
            row = versions.version_ask(
                algorithm,
                config=config,
                activation=settings.RECOMMENDER["TRAINING"]["ACTIVATION"],
                created_by="schedule",
            )
        except ModelConflict as err:
            log.info("%s", err)
        else:
            asked.append(row)
    return asked


def _worth_while(kind: str) -> bool:
    """Whether so many events arrived since the active version learned, or it is stale; for a ranker also
    whether enough was shown.
    """
    if kind == Kind.RANKER:
        try:
            ranking_training.check_enough(*shown_count())
        except NothingToLearn as err:
            log.info("%s", err)
            return False
    active = versions.active_version(kind)
    events = Event.objects.filter(item__isnull=False)
    if active:
        if versions.version_stale(active):
            return True
        events = events.filter(received_at__gt=active.trained_at)
    least: int = settings.RECOMMENDER["TRAINING"]["MIN_NEW_EVENTS"]
    return events.order_by()[:least].count() >= least
