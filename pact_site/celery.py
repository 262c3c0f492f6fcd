"""The Celery application; its settings are those of Django that start with ``CELERY_``."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

from pact_site.logs import Printed, catch_prints, is_for_programs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")

app = Celery("pact_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["analysis.alarms"])


@beat_init.connect
@celeryd_init.connect
def tell_in_one_form(instance: Any = None, **_: Any) -> None:
    """Have a worker's and the timer's log hold nothing but JSON where that is asked for, also of prints."""
    if is_for_programs():
        from celery.apps import worker

        catch_prints()
        if instance:
            instance.quiet = True  # no banner
        printed = Printed("celery.worker", 1)
        # "Warm shutdown" would go to the very descriptor, past whatever stands in for the output.
        worker.safe_say = lambda text, *_: printed.say(text)  # type: ignore[attr-defined]
