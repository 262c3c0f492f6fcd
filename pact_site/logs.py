"""Keep out of the logs what would let a reader of them into somebody's survey, and write them for programs if asked."""

import json
import logging
import re
import sys
from datetime import UTC, datetime

TOKEN = re.compile(r"(/s/)[^/\s]+|([?&][A-Za-z_]+=)[^&\s\"]+|(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
NAMED = ("session", "run", "analysis", "release", "study", "model")  # what a line may say it is about: `extra=`


class WithoutTokens(logging.Filter):
    """Blot out session tokens, the values of query parameters and mail addresses in every line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        blotted = blot(message)
        if blotted != message:
            record.msg, record.args = blotted, ()
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the numbers of what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= {name: getattr(record, name) for name in NAMED if hasattr(record, name)}
        line |= current_task()
        if record.exc_info:
            line["exception"] = blot(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def blot(text: str) -> str:
    return TOKEN.sub(lambda match: f"{match[1] or match[2] or ''}…", text)


def current_task() -> dict[str, str]:
    """Name the Celery task under way; a process that never loaded Celery has none."""
    celery = sys.modules.get("celery")
    task = celery.current_task if celery else None
    return {"task": task.name, "task_id": task.request.id} if task and task.request.id else {}
