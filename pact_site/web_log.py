"""What gunicorn says of itself, such as that a worker began or died; with LOG_FORMAT=json in the site's own form."""

from __future__ import annotations

import logging
import sys
from typing import Any

from gunicorn import glogging

from pact_site.logs import JsonLines, WithoutTokens, catch_prints, is_for_programs


class Logger(glogging.Logger):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn's own in another form; a `logconfig` instead would have it prepare an access log at every request."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(WithoutTokens())
        if not is_for_programs():
            return
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines())
            if type(handler) is logging.StreamHandler:
                handler.setStream(sys.__stderr__)  # set up again at a reload, it would take what stands in for it
        catch_prints()
