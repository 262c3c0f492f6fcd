"""The WSGI application that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")

application = get_wsgi_application()
len(get_resolver().url_patterns)  # loads all views now, not while a worker's first participant waits
gc.collect()
gc.freeze()  # a worker that looks for garbage would copy all of this, which workers share as long as nobody touches it
