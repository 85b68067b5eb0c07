"""One real server for the tests of a module, and a tenant of its own for each test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from support.inbox import Inbox
from support.process import Server
from support.tenant import TestTenant

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    with Server(folder / "data", "--allow-private") as running:
        yield running


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


@pytest.fixture
def tenant(server: Server) -> TestTenant:
    return TestTenant(server, f"t{next(_numbers)}")
