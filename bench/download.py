"""Downloads a study's long table again and again until a line comes in: `python -m bench.download PORT TOKEN STUDY`.

A program of its own, as a researcher's would be: it shares no interpreter with the people whose waiting is measured.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator

PART = 1 << 16


def main(port: int, token: str, study: str) -> None:
    """Print as JSON how fast the bytes came, and what went wrong."""
    is_over = threading.Event()
    threading.Thread(target=await_line, args=[is_over.set], daemon=True).start()
    n_bytes, fault, begun = 0, "", time.perf_counter()
    while not (is_over.is_set() or fault):
        try:
            for part in parts(port, token, study):
                n_bytes += len(part)
                if is_over.is_set():
                    break
        except (OSError, http.client.HTTPException) as error:
            fault = f"{type(error).__name__}: {error}"
    print(json.dumps({"mb_per_s": round(n_bytes / 1e6 / (time.perf_counter() - begun), 1), "fault": fault}))


def await_line(then: Callable[[], None]) -> None:
    sys.stdin.readline()
    then()


def parts(port: int, token: str, study: str) -> Iterator[bytes]:
    """Yield one download; `HTTPException` where it is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("GET", f"/api/exports/{study}/long.csv/", headers=headers)
    reply = connection.getresponse()
    if reply.status != http.client.OK:
        raise http.client.HTTPException(f"{reply.status}: {reply.read(300)!r}")
    while part := reply.read(PART):
        yield part
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
