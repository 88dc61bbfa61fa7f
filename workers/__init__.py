"""Celery workers: everything that happens outside a request."""

from workers.celery import app

__all__ = ["app"]
