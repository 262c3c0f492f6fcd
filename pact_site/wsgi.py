"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")

application = get_wsgi_application()
len(get_resolver().url_patterns)  # loads all views now, not while a worker's first participant waits
