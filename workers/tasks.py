"""The tasks: ids in, one call, idempotent. A lost or doubled message changes nothing."""

from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError

from catalog import import_runs
from catalog.wake import workers_wake
from recommender import profiles, training, versions
from recommender import sweep as events
from recommender.llm import explanations, local, suggestions, understanding
from retrieval import (
    audit,
    lexical,
    moderation,
    probes,
    queries,
    review_runs,
    services,
    spaces,
    training_jobs,
    tuning,
)
from workers import heartbeat, overview, queues, sweeper
from workers.pauses import paused, unless_paused

TRANSIENT = (OperationalError, InterfaceError)


@shared_task(autoretry_for=TRANSIENT, retry_backoff=1, retry_backoff_max=30, max_retries=20)
@unless_paused("embed")
def embed_items(item_ids: list[int]) -> None:
    """Bring the items' words into the index, which needs no encoder; then embed what is due in every
    live space, pass on what is more than a batch, and check by the policies what is embedded.
    """
    lexical.index_due(item_ids)
    retrieval = settings.RETRIEVAL
    spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    workers_wake(services.embed_some(item_ids), per_message=services.BATCH)
    moderation.items_screen(item_ids)
    profiles.parked_release(item_ids)


@shared_task(autoretry_for=TRANSIENT, retry_backoff=1, retry_backoff_max=30, max_retries=20)
@unless_paused("profiles")
def update_profiles() -> None:
    """Let visitors' profiles take in what they did."""
    profiles.profiles_catch_up()


@shared_task
def encode_query(space_id: int, modality: str, ticket: str) -> None:
    """Encode an uploaded picture or sound for a search that waits."""
    queries.media_answer(space_id, modality, ticket)  # type: ignore[arg-type]


@shared_task
@unless_paused("llm", instead=local.refuse)
def answer_llm(ticket: str) -> None:
    """Let the local language model answer somebody who waits."""
    local.answer(ticket)


@shared_task
@unless_paused("train")
def space_train(job_id: int) -> None:
    """Train the space that somebody asked for."""
    training_jobs.job_run(job_id)


@shared_task
@unless_paused("train")
def recommender_train(version_id: int) -> None:
    """Train the version of a recommender's model that somebody asked for."""
    training.version_train(version_id)


@shared_task
@unless_paused("train")
def recommender_train_due() -> None:
    """By night: ask for a version of each kind that enough new events speak for."""
    training.train_due()


@shared_task
@unless_paused("train")
@unless_paused("llm")
def explain_items(asked: list[tuple[int, str, int | None, str]]) -> None:
    """Have reasons written: (item, code, item behind it, language) of each."""
    explanations.write([explanations.Asked(*each) for each in asked])


@shared_task(autoretry_for=TRANSIENT, retry_backoff=1, retry_backoff_max=30, max_retries=20)
@unless_paused("train")
@unless_paused("llm")
def draft_suggestions(ids: list[int]) -> None:
    """Draft texts for the catalog that somebody asked for."""
    suggestions.suggestions_draft(ids)


@shared_task
@unless_paused("train")
def audit_catalog(run_id: int) -> None:
    """Look for what is odd in the catalog, as somebody asked."""
    audit.run_execute(run_id)


@shared_task(autoretry_for=TRANSIENT, retry_backoff=1, retry_backoff_max=30, max_retries=20)
def import_items(run_id: int) -> None:
    """Check or import some of a file that somebody uploaded."""
    import_runs.run_work(run_id)
    understanding.names_want()


@shared_task(autoretry_for=TRANSIENT, retry_backoff=1, retry_backoff_max=30, max_retries=20)
@unless_paused("train")
def review_catalog(run_id: int) -> None:
    """Look for duplicates, or for what policies are against, as somebody asked."""
    review_runs.run_execute(run_id)


@shared_task(ignore_result=True, expires=60)
def read_names() -> None:
    """Read what the catalog calls things, for questions."""
    understanding.names_read()


@shared_task
def overview_count() -> None:
    """Count what the admin's first page shows, as somebody looked at old figures."""
    overview.overview_count()


@shared_task
def sweep() -> None:
    """Join events with items that came late; enqueue whatever is due and has no message on its way;
    look after profiles; end trainings that died; go on with imports; place new items in the two-tower
    models; probe what searches missed; have the catalog's names read. Leaves alone what is paused.
    """
    with heartbeat.beating():
        held = paused()
        events.sweep()
        sweeper.sweep(held)
        if "profiles" not in held:
            profiles.profiles_upkeep()
        free = "train" not in held and queues.depths()["train"] == 0
        versions.versions_sweep(queue_empty=free)
        import_runs.runs_sweep()
        versions.items_place()
        probes.probe_waiting(tuning.recall_probe)
        if understanding.names_due():
            read_names.delay()
