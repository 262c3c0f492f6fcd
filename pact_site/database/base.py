"""The backend itself; Django looks for it in a module of this name."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor


class DatabaseWrapper(base.DatabaseWrapper):
    """Never use a connection that died while it lay idle, as all do when PostgreSQL restarts.

    The pool's own check costs a round trip at every request, and it pauses for a second after each dead
    connection. A look at the socket costs neither: there is something to read exactly when the server hung up.
    """

    _kept: CursorWrapper | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        connection: Connection = super().get_new_connection(conn_params)
        for _ in range(self.pool.max_size if self.pool else 0):
            if not has_hung_up(connection):
                break
            connection.close()
            self.pool.putconn(connection)  # which makes it open another one
            connection = super().get_new_connection(conn_params)
        return connection

    def close_if_health_check_failed(self) -> None:
        """Look at a thread's own connection in the same way when a request first uses it, and ask nothing."""
        state = self.__dict__
        if self.connection is None or not state["health_check_enabled"] or state["health_check_done"]:
            return
        if has_hung_up(self.connection):
            self.close()
        state["health_check_done"] = True

    def prepared_cursor(self) -> CursorWrapper:
        """Give a cursor whose statements are planned once for each connection, where ``prepare_threshold`` is set.

        Django's own cursors write the values into the statement, which PostgreSQL then plans anew each time. A
        connection keeps one such cursor, as making it takes half as long as a statement: fetch all before the next.
        """
        self.ensure_connection()
        kept = self._kept
        if kept is None or kept.cursor.connection is not self.connection or self.queries_logged:
            with self.wrap_database_errors:
                kept = self._prepare_cursor(PreparedCursor(self.connection))  # type: ignore[attr-defined]
            self._kept = None if self.queries_logged else kept
        return kept


class PreparedCursor(Cursor[Any]):
    """A cursor that has PostgreSQL prepare what it executes."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> PreparedCursor:
        return super().execute(query, params, **{"prepare": True, **options})


def has_hung_up(connection: Connection) -> bool:
    """Say whether the server closed a connection, or wrote to it unasked, which it does before closing."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
