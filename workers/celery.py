"""The Celery application: queues, and models loaded after the fork, once per process."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("triad")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """Load the encoders before the first task: a search that waits should not wait for that.

    A worker that only trains needs no gigabyte until it does.
    """
    from django.conf import settings

    from recommender.llm import local
    from retrieval import encoders
    from workers.queues import ENCODING, LLM

    queues = set(app.amqp.queues.consume_from)
    if ENCODING & queues:
        encoders.warm_up()
    if LLM in queues and settings.LLM["PROVIDER"] == "local":
        local.warm_up()
