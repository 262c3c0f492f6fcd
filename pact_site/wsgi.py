"""The WSGI application that gunicorn serves."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.template import engines
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")

site = get_wsgi_application()
from pact_site.shortcut import Shortcut  # noqa: E402 - its models want the site set up

application = Shortcut(site)
len(get_resolver(settings.PARTICIPANT_URLCONF).url_patterns)  # now, not while a worker's first participant waits
engines.all()
gc.collect()
gc.freeze()  # a worker that looks for garbage would copy all of this, which workers share as long as nobody touches it
