"""An import in the background: taken once, read, stored or refused as a whole, whatever happens to the worker."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from analysis.imports import importing
from analysis.imports.archives import unpacked
from analysis.imports.faults import BadImport
from analysis.imports.incoming import scratch
from analysis.imports.mapping import ColumnMap
from analysis.imports.sources import AnswersSource, open_source
from analysis.imports.uploads import forget, handed_in
from analysis.models import Import
from analysis.signs_of_life import signs_of_life

logger = logging.getLogger(__name__)
State = Import.State


def work(import_id: int) -> None:
    """Do a queued import; nothing happens when it is not queued any more."""
    handed = importing.begin(import_id)
    if handed is None:
        return
    steps = [""]
    try:
        with (
            signs_of_life(handed, lambda: importing.note(handed, steps[-1])),
            unpacked(handed_in(handed), within=scratch()) as path,
        ):
            mapping = ColumnMap.from_json(handed.mapping) if handed.kind == Import.Kind.ANSWERS else None
            source = AnswersSource(path, mapping=mapping) if mapping else open_source(path)
            title = handed.title or source.about().get("title") or handed.name
            study, report = importing.store(
                source, code=handed.code, title=title, by=handed.by, is_dry=handed.is_dry, handed=handed,
                on_step=steps.append,
            )  # fmt: skip
    except DatabaseError:
        raise  # nothing can be written now: the sweep queues it again
    except BadImport as bad:
        importing.finish(handed, State.FAULTY, faults=bad.faults)
    except (ValueError, OSError) as error:
        importing.finish(handed, State.FAILED, report={"error": str(error)})
    except Exception as error:
        logger.exception("import %s failed", import_id)
        importing.finish(handed, State.FAILED, report={"error": f"{type(error).__name__}: {error}"})
    else:
        known = report.get("is_known")
        state = State.CHECKED if study is None else State.DONE
        importing.finish(handed, state, report={**report, **({"known_as": study.code} if known and study else {})})
        if state == State.DONE:
            forget(handed)
