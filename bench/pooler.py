"""PgBouncer for a bench: as in production past one machine, web hosts share few connections to one PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from pact_site.postgres import DATABASE, USER
from pact_site.processes import Account, Family, LaunchError, await_ready

# Connections to PostgreSQL for all web threads together. In session mode each thread keeps one, so all must fit.
SERVED = {"transaction": 6, "session": 40}
CONFIGURATION = """\
[databases]
{database} = host={sockets} port=5432 dbname={database} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {served}
max_client_conn = 500
query_wait_timeout = 30
server_login_retry = 1
ignore_startup_parameters = options
"""


def start_pooler(family: Family, sockets: Path, account: Account | None, mode: str, port: int) -> str:
    """Start PgBouncer in front of the database; return the address for web hosts. It writes no secret: trust only."""
    program = shutil.which("pgbouncer")
    if not program:
        raise LaunchError("PgBouncer is not installed (Debian: apt-get install pgbouncer).")
    file = family.var / "pgbouncer.ini"
    file.write_text(
        CONFIGURATION.format(database=DATABASE, user=USER, sockets=sockets, port=port, mode=mode, served=SERVED[mode])
    )
    file.chmod(0o644)
    child = family.start("pgbouncer", [program, str(file)], account=account, cwd=Path(os.sep))
    await_ready(child, lambda: _listens(port))
    return f"postgres://{USER}@127.0.0.1:{port}/{DATABASE}"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
