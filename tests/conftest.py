"""Where tests run: those of a module that share a server stay together, so that it is started once.

What is started keeps its compiled modules, also where the machine is set not to: there are dozens of starts.
"""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARING = {"browser", "docs", "e2e"}

pytest_plugins = ["support.postgres_fixtures"]

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="write the pictures of docs/console.md anew")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in SHARING:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
