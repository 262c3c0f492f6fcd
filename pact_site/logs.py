"""Keep out of the logs what would let a reader of them into somebody's survey, and write them for programs if asked."""

import io
import json
import logging
import os
import re
import sys
from contextlib import suppress
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


class Printed(io.TextIOBase):
    """Stands in for an output of the process: each line that is printed there becomes a line of the log.

    It writes past Python's buffers, as a signal handler may print while something else is being printed.
    """

    def __init__(self, name: str, descriptor: int, level: int = logging.INFO) -> None:
        self.logger, self.descriptor, self.level, self.rest = name, descriptor, level, ""

    def write(self, text: str) -> int:
        whole, newline, self.rest = (self.rest + text).rpartition("\n")
        for line in whole.split("\n") if newline else ():
            self.say(line)
        return len(text)

    def say(self, text: str) -> None:
        if text.strip():
            record = logging.LogRecord(self.logger, self.level, "", 0, blot(text.rstrip()), None, None)
            with suppress(OSError):  # nobody reads any more
                line = f"{JsonLines().format(record)}\n"
                os.write(self.descriptor, line.encode(errors="backslashreplace"))

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor


def is_for_programs() -> bool:
    """Say whether LOG_FORMAT asks for JSON; gunicorn wants to know before there are settings."""
    return os.environ.get("LOG_FORMAT") == "json"


def catch_prints() -> None:
    """Have the rest of what this process prints come as JSON; its logs go to the true output, see LOGGING."""
    sys.stdout, sys.stderr = Printed("stdout", 1), Printed("stderr", 2, logging.WARNING)


def blot(text: str) -> str:
    return TOKEN.sub(lambda match: f"{match[1] or match[2] or ''}…", text)


def current_task() -> dict[str, str]:
    """Name the Celery task under way; a process that never loaded Celery has none."""
    celery = sys.modules.get("celery")
    task = celery.current_task if celery else None
    return {"task": task.name, "task_id": task.request.id} if task and task.request.id else {}
