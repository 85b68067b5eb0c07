"""One browser and one real server for a module, somebody with a clean browser for each test.

The browser ends with its module: Playwright keeps an event loop running in the thread that drives it, so that no
test after it in the same process could run one of its own.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browser import Visitor, chromium
from support.inbox import Inbox
from support.process import Server, free_port
from support.tenant import TestTenant

_numbers = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    port = free_port()
    flags = ("--allow-private", "--bins", "--public-url", f"http://127.0.0.1:{port}")
    with Server(folder / "data", *flags, port=port) as running:
        yield running


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


@pytest.fixture
def tenant(server: Server) -> TestTenant:
    return TestTenant(server, f"t{next(_numbers)}")


Meet = Callable[..., Visitor]


@pytest.fixture
def meet(browser: Browser, server: Server) -> Iterator[Meet]:
    """`meet(**how)`: somebody who comes with a browser of their own; what they complain about fails the test."""
    visitors: list[Visitor] = []

    def come(**how: Any) -> Visitor:
        visitors.append(Visitor(browser, server.url, **how))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def administrator(meet: Meet, server: Server, tenant: TestTenant) -> Visitor:
    """Somebody of the tenant, who came by a link."""
    visitor = meet()
    visitor.enter(server.make(f"{tenant.path}/console-links", {})["url"])
    return visitor
