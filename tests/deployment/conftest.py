"""A deployed site and the proxy before it, which the files of tests here share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

import pytest

from tests.deployment.proxying import Proxy, Upstream, start_proxy
from tests.deployment.running import Site, deployed, free_port


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "REDIS_URL"):
            patch.delenv(name, raising=False)
        with deployed(tmp_path_factory.mktemp("app"), tmp_path_factory.mktemp("tmp")) as running:
            yield running


@pytest.fixture(scope="package")
def caddy() -> str:
    found = shutil.which("caddy")
    if not found:
        pytest.skip("no Caddy here; install one, for example: apt-get install caddy")
    return found


@pytest.fixture(scope="package")
def proxy(site: Site, caddy: str) -> Proxy:
    """The proxy before the real site."""
    site.await_healthy("web")
    return start_proxy(site.family, site.tmp, caddy, site.port)


@pytest.fixture(scope="package")
def stand_in(site: Site, caddy: str) -> Iterator[Proxy]:
    """The proxy before a server that begins to listen only after the first request has come."""
    port = free_port()
    proxy = start_proxy(site.family, site.tmp, caddy, port)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(proxy.ask, "/")
        with ThreadingHTTPServer(("127.0.0.1", port), Upstream) as server:
            pool.submit(server.serve_forever)
            try:
                assert waiting.result().status == 200
                yield proxy
            finally:
                server.shutdown()
