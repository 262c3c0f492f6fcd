"""The ASGI application, for hosts that want one; the site itself is served over WSGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")

application = get_asgi_application()
