"""Wiring of the site: settings, URLs, the Celery application, start-up of the demo."""
