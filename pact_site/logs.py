"""Keep out of the logs what would let a reader of them into somebody's survey."""

import logging
import re

TOKEN = re.compile(r"(/s/)[^/\s]+|([?&][A-Za-z_]+=)[^&\s\"]+")


class WithoutTokens(logging.Filter):
    """Blot out session tokens and the values of query parameters in every line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        blotted = TOKEN.sub(lambda match: f"{match[1] or match[2]}…", message)
        if blotted != message:
            record.msg, record.args = blotted, ()
        return True
