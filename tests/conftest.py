"""Where tests run: those of a module that share a server stay together, so that it is started once.

What is compiled is kept, also where the machine is set not to: pytest's own form of the test modules, which every
worker needs, and what the processes import that tests start by the dozen.
"""

import os
import sys
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Modules whose tests share a server, or what was read of the whole source.
SHARING = ("tests/browser/", "tests/contracts/", "tests/docs/", "tests/e2e/", "tests/unit/test_source_rules.py")

pytest_plugins = ["support.postgres_fixtures"]

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="write the pictures of docs/console.md anew")


class ByModule(LoadScopeScheduling):
    """Gives out the modules that share something whole, and all other tests one by one."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module.startswith(SHARING) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    # Not by marks (`--dist loadgroup`): pytest-xdist 3.8 writes them where pytest 9.2 doesn't read them any more.
    return ByModule(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """Of tests with the same id pytest-xdist would run only one."""
    if len(set(ids)) != len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        pytest.exit(f"several tests have the id {twice}", returncode=4)
