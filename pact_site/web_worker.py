"""A worker of gunicorn for short requests on kept connections, as a proxy sends them.

gunicorn's thread worker has one thread wait for all connections and hand each request to a pool, and the pool hand each
connection back: two wake-ups, a future and a condition a request, a quarter of the server's time. Here the threads
themselves wait, on one epoll: each event wakes one of them, which serves it and waits again. A request that has not
come whole waits in the kernel, not in a thread: eight people on bad lines would else keep out everybody. What a request
is, what is answered when it is bad, and how a response is written stays gunicorn's.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import threading
import time
from contextlib import suppress
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, MSG_PEEK, SO_RCVLOWAT, SOL_SOCKET, socket
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

ONCE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT if hasattr(select, "epoll") else 0
GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR if ONCE else 0
AT_ONCE = 8  # at least so many connections are accepted before others are served
LOOK = 1.0  # seconds between two looks at the parent and at what has been idle for too long
SOON = 0.05  # the same while stopping
MOST_HEAD = 16 * 1024
MOST_WAITING = 272 * 1024  # bytes of a request that waits in the kernel: the largest form taken, and its head
REST = 25.0  # seconds for the rest of a request
REST_AT_STOP = 10.0
BODY = re.compile(rb"\r\n(?:content-length:[ \t]*(\d{1,18})[ \t]*|(transfer-encoding):[^\r\n]*)(?=\r\n)", re.IGNORECASE)


class Settled:
    """A configuration that does not change any more: each setting is looked up once, not two dozen times a request."""

    # The proxy passes on what anybody sends: with gunicorn's own setting a header could say what address was asked for.
    forwarder_headers = ()

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cfg, name)
        self.__dict__[name] = value
        return value


class Line(socket):
    """A connection on which the head of a response goes out together with what follows it.

    gunicorn sends them one after the other. A worker that is killed in between has answered half, which no proxy can
    ask for anew of another; and whoever is at the other end is woken twice.
    """

    head = b""  # of a response, until something follows

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override] # all that gunicorn sends is bytes
        if not self.head and data.startswith(b"HTTP/1.") and data.endswith(b"\r\n\r\n"):
            self.head = data
            return
        head, self.head = self.head, b""
        super().sendall(head + data if head else data, flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        self.flush()
        return super().sendfile(file, offset, count)

    def flush(self) -> None:
        """Send a head that nothing follows; a client that is gone is noticed when the next request is read."""
        if self.head:
            with suppress(OSError):
                self.sendall(b"")


class EpollWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves connections by threads that wait for them themselves.

    `idle` has the connections that wait for a request, by descriptor. Whoever takes one out, a thread that serves it or
    the loop that closes it, has it alone; taking out of a dict is one step.
    """

    is_told_to_end = False  # with the whole server; a worker that is renewed leaves who comes to the next one

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.is_told_to_end = True
        super().handle_exit(sig, frame)

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
            if connection.timeout > now or (n_unread(connection.sock) and not connection.awaited):
                continue  # a thread is on its way to what came
            # Whichever is there now: a new one of the same number would hear of nothing any more.
            if (taken := self.idle.pop(descriptor, None)) is not None:
                if taken.awaited:
                    self.refuse(taken, 408, "Request Timeout", "This came too slowly. Go back and send it again.")
                self.held.discard(taken)
                taken.close()

    def stop(self) -> None:
        """Finish what has begun; kept connections have a moment to send what they were sending.

        Who has come already is let in, then the door is shut at once: whoever was left before an open door would be
        thrown out when it closes, while a proxy that finds it shut tries again until the next server opens one.
        """
        listeners, self.listeners = self.listeners, {}
        for descriptor in listeners:
            self.epoll.unregister(descriptor)
        for listener in self.sockets if self.is_told_to_end else ():
            while self.accept(listener):
                pass
            listener.close()
        begun = time.monotonic()
        while self.held and time.monotonic() < begun + self.cfg.graceful_timeout:
            for connection in list(self.idle.values()):
                seconds = REST_AT_STOP if connection.awaited else STOP_KEEPALIVE_LINGER
                connection.timeout = min(connection.timeout, begun + seconds)
            self.look(SOON)
        os.eventfd_write(self.end, 1)
        for listener in self.sockets:
            listener.close()

    # --- In each thread ------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve one event after the other until the worker ends."""
        while True:
            for descriptor, events in self.epoll.poll(maxevents=1):
                if descriptor == self.end:
                    return
                if descriptor in self.listeners:
                    self.take(self.listeners[descriptor])
                elif connection := self.idle.pop(descriptor, None):
                    self.hear(connection, has_ended=bool(events & GONE))

    def take(self, listener: socket) -> None:
        """Accept connections; each is served once it has sent something.

        A quarter of those held at once, since all of them may be served before the next are accepted: eight by eight,
        the last of 500 who come together would wait until 15,000 requests of the others were served. Not all, so that
        a worker that begins a moment later gets its part.
        """
        for _ in range(max(AT_ONCE, len(self.held) // 4)):
            if not self.accept(listener):
                break
        self.watch(listener)

    def accept(self, listener: socket) -> bool:
        """Let the next one in; tell whether there was one, and room."""
        if len(self.held) >= self.worker_connections:
            return False
        try:
            client, address = listener.accept()
        except OSError:  # none is left, it hung up, or no descriptor is left
            return False
        line = Line(client.family, client.type, client.proto, client.detach())
        connection = TConn(self.cfg, line, address, listener.getsockname())
        connection.data_ready, connection.awaited = True, 0
        self.held.add(connection)
        self.await_request(connection, self.epoll.register)
        return True

    def watch(self, listener: socket) -> None:
        """Have the next connection wake a thread, while there is room for one."""
        if len(self.held) < self.worker_connections:
            with suppress(OSError, ValueError):  # the worker is stopping
                self.epoll.modify(listener.fileno(), ONCE)

    def hear(self, connection: TConn, *, has_ended: bool) -> None:
        """Answer a request that has come whole; wait for the rest of another without a thread."""
        n_there, n_wanted = count(connection.sock)
        if n_wanted < 0:
            self.refuse(connection, 411, "Length Required", "Say how long the body is.")
            self.leave(connection)
        elif has_ended or n_wanted <= n_there or n_wanted in {connection.awaited, 0}:
            if connection.awaited:
                connection.awaited = 0
                connection.sock.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 1)
            self.answer(connection)
        else:
            if not connection.awaited:
                connection.timeout = time.monotonic() + REST
            connection.awaited = n_wanted
            connection.sock.setsockopt(SOL_SOCKET, SO_RCVLOWAT, n_wanted)  # the next event is when so many are there
            self.idle[descriptor := connection.sock.fileno()] = connection
            self.epoll.modify(descriptor, ONCE)

    def answer(self, connection: TConn) -> None:
        """Answer what a connection sent, and what it sent on top."""
        try:
            while self.handle(connection):
                connection.sock.flush()
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

    def refuse(self, connection: TConn, status: int, reason: str, text: str) -> None:
        with suppress(OSError):
            util.write_error(connection.sock, status, reason, text)

    def leave(self, connection: TConn) -> None:
        """Close a connection once its client has all; closing takes it off the epoll."""
        self.held.discard(connection)
        with suppress(OSError):  # it is closed already
            connection.sock.setblocking(True)
            connection.sock.flush()
            # However much is still on the way, for two seconds: a refusal of it would not arrive at all otherwise.
            util.close_graceful(connection.sock, max_drain=sys.maxsize)


def n_unread(sock: socket) -> int:
    """Count the bytes that came and that nobody has read; a connection that is closed already has none."""
    try:
        number: int = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]
    except (OSError, ValueError):
        return 0
    return number


def count(sock: socket) -> tuple[int, int]:
    """Count the bytes that came on a connection, and those of a whole request.

    Zero stands for one that is not waited for: too long, or the connection failed; below zero for one that does not say
    how long it is, which forms never are.
    """
    try:
        there = sock.recv(MOST_HEAD, MSG_PEEK | MSG_DONTWAIT)
        n_there = len(there) if len(there) < MOST_HEAD else n_unread(sock)
    except BlockingIOError:
        return 0, 1
    except OSError:
        return 0, 0
    end = there.find(b"\r\n\r\n")
    if end < 0:
        return n_there, n_there + 1 if n_there < MOST_HEAD else 0
    n_wanted = end + 4
    for length, chunks in BODY.findall(there, 0, end + 2):
        if chunks:
            return n_there, -1
        n_wanted += int(length)
    return n_there, n_wanted if n_wanted <= MOST_WAITING else 0


Worker = EpollWorker if hasattr(select, "epoll") else ThreadWorker  # elsewhere than on Linux
