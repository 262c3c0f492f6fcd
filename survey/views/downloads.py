"""Files of any length that staff and programs download; they give way to people.

While other threads of the web worker work, a stream rests longer than it ran.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from django.http import StreamingHttpResponse

LOOK = 0.25  # seconds between two looks at what else the process does
BUSY = 0.02  # share of a core that its other threads use, above which somebody is being served
REST = 3  # times as long as a part took


def as_download(
    parts: Iterable[bytes], name: str, content_type: str = "text/csv; charset=utf-8"
) -> StreamingHttpResponse:
    """Send a file while it is written: the only way a stream leaves the site, and it gives way.

    A part should be kilobytes, not a line: `survey.views.csv_lines.write_parts` makes such ones.
    """
    response = StreamingHttpResponse(give_way(parts), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def give_way(
    parts: Iterable[bytes],
    *,
    wall: Callable[[], float] = time.monotonic,
    of_thread: Callable[[], float] = time.thread_time,
    of_process: Callable[[], float] = time.process_time,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Pass parts on; rest after each for `REST` times what it took to make while the process serves others.

    The database writes no faster than it is read, so its processor rests too. Alone, nothing is held up.
    """
    looked, mine, all_of_us = wall(), of_thread(), of_process()
    others_work = False
    begun = wall()
    for part in parts:
        yield part
        now = wall()
        if now - looked >= LOOK:
            others = (of_process() - all_of_us) - (of_thread() - mine)
            others_work = others > BUSY * (now - looked)
            looked, mine, all_of_us = now, of_thread(), of_process()
        if others_work:
            rest(REST * (now - begun))
        begun = wall()
