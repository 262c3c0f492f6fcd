"""Wiring of the site: settings, URLs, the Celery application, start-up of the demo."""

from pact_site.celery import app as celery_app

__all__ = ["celery_app"]
