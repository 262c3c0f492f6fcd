"""A worker of gunicorn for short requests on kept connections, as a proxy sends them.

gunicorn's thread worker has one thread wait for all connections and hand each request to a pool, and the pool hand each
connection back: two wake-ups, a future and a condition a request, a quarter of the server's time. Here the threads
themselves wait, on one epoll: each event wakes one of them, which serves it and waits again. What a request is, what is
answered when it is bad, and how a response is written stays gunicorn's.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from selectors import EVENT_READ
from socket import socket
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

ONCE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT if hasattr(select, "epoll") else 0
AT_ONCE = 8  # connections that are accepted before others are served
LOOK = 1.0  # seconds between two looks at the parent and at what has been idle for too long
SOON = 0.05  # the same while stopping


class Settled:
    """A configuration that does not change any more: each setting is looked up once, not two dozen times a request."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cfg, name)
        self.__dict__[name] = value
        return value


class EpollWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves connections by threads that wait for them themselves.

    `idle` has the connections that wait for a request, by descriptor. Whoever takes one out, a thread that serves it or
    the loop that closes it, has it alone; taking out of a dict is one step.
    """

    def run(self) -> None:
        self.cfg: Any = Settled(self.cfg)
        self.epoll = select.epoll()
        self.idle: dict[int, TConn] = {}
        self.held: set[TConn] = set()
        self.keepalived_conns = self.idle  # gunicorn counts them, and keeps no more than fit
        self.listeners: dict[int, socket] = {listener.fileno(): listener for listener in self.sockets}
        self.end = os.eventfd(0)  # readable for all threads once written
        self.epoll.register(self.end, select.EPOLLIN)
        self.poller.register(self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks)  # of signals
        for descriptor, listener in self.listeners.items():
            listener.setblocking(False)
            self.epoll.register(descriptor, ONCE)
        threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(self.cfg.threads)]
        for thread in threads:
            thread.start()
        while self.alive and self.is_parent_alive():
            self.look(LOOK)
            for listener in self.sockets:
                self.watch(listener)  # which `take` left alone while there were too many connections
        self.stop()

    def look(self, seconds: float) -> None:
        """Wait for a signal, tell the arbiter that we live, and close what was idle for too long."""
        self.notify()
        self.wait_for_and_dispatch_events(seconds)
        now = time.monotonic()
        for descriptor, connection in list(self.idle.items()):
            if connection.timeout <= now and self.idle.pop(descriptor, None) is connection:
                self.held.discard(connection)
                connection.close()

    def stop(self) -> None:
        """Take no new connections and finish what has begun; kept ones have a moment to send what they were sending."""
        for descriptor in self.listeners:
            self.epoll.unregister(descriptor)
        begun = time.monotonic()
        while self.held and time.monotonic() < begun + self.cfg.graceful_timeout:
            for connection in list(self.idle.values()):
                connection.timeout = min(connection.timeout, begun + STOP_KEEPALIVE_LINGER)
            self.look(SOON)
        os.eventfd_write(self.end, 1)
        for listener in self.sockets:
            listener.close()

    # --- In each thread ------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve one event after the other until the worker ends."""
        while True:
            for descriptor, _ in self.epoll.poll(maxevents=1):
                if descriptor == self.end:
                    return
                if descriptor in self.listeners:
                    self.take(self.listeners[descriptor])
                elif connection := self.idle.pop(descriptor, None):
                    self.answer(connection)

    def take(self, listener: socket) -> None:
        """Accept connections; each is served once it has sent something.

        Some at once, since all that have sent something come before the next are accepted: one by one, the last of
        hundreds who come together would wait until all others were served hundreds of times. Not all, so that each
        worker gets some.
        """
        with suppress(OSError):  # none is left, it hung up, or no descriptor is left
            for _ in range(min(AT_ONCE, self.worker_connections - len(self.held))):
                client, address = listener.accept()
                connection = TConn(self.cfg, client, address, listener.getsockname())
                connection.data_ready = True
                self.held.add(connection)
                self.await_request(connection, self.epoll.register)
        self.watch(listener)

    def watch(self, listener: socket) -> None:
        """Have the next connection wake a thread, while there is room for one."""
        if len(self.held) < self.worker_connections:
            with suppress(OSError):  # the worker is stopping
                self.epoll.modify(listener.fileno(), ONCE)

    def answer(self, connection: TConn) -> None:
        """Answer what a connection sent, and what it sent on top."""
        try:
            while self.handle(connection):
                if not connection.parser.unreader.buf.getvalue():
                    self.await_request(connection, self.epoll.modify)
                    return
        except Exception:
            self.log.exception("A connection failed")
        self.leave(connection)

    def await_request(self, connection: TConn, watch: Any) -> None:
        """Have the next request of a connection wake a thread."""
        seconds = self.cfg.keepalive if self.alive else min(self.cfg.keepalive, STOP_KEEPALIVE_LINGER)
        connection.timeout = time.monotonic() + seconds
        descriptor = connection.sock.fileno()
        self.idle[descriptor] = connection
        watch(descriptor, ONCE)

    def leave(self, connection: TConn) -> None:
        """Close a connection once its client has all; closing takes it off the epoll."""
        self.held.discard(connection)
        with suppress(OSError):  # it is closed already
            connection.close(graceful=True)


Worker = EpollWorker if hasattr(select, "epoll") else ThreadWorker  # elsewhere than on Linux
