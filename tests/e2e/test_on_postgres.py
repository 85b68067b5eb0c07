"""What a server does is the same on PostgreSQL: the tests of other modules, run again on a server with that store."""

from collections.abc import Iterator
from types import ModuleType

import pytest

for name in ("delivery", "records", "redaction", "replay", "switched_off"):
    pytest.register_assert_rewrite(f"e2e.test_{name}")

from e2e import test_delivery, test_records, test_redaction, test_replay, test_switched_off  # noqa: E402
from support.postgres import Cluster  # noqa: E402
from support.process import Server  # noqa: E402

MASTER_KEY = "A" * 43 + "="


def named_anew(*modules: ModuleType) -> Iterator[tuple[str, object]]:
    """Their tests under names that don't meet."""
    for module in modules:
        for name, thing in vars(module).items():
            if name.startswith("test_"):
                yield f"{name}__{module.__name__.rpartition('.')[2].removeprefix('test_')}", thing


globals().update(named_anew(test_delivery, test_records, test_redaction, test_replay, test_switched_off))
off = test_switched_off.off


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Iterator[Server]:
    environment = {"RINGBACK_MASTER_KEY": MASTER_KEY}
    folder = tmp_path_factory.mktemp("server")
    with (
        postgres.empty_database() as url,
        Server(folder / "data", "--allow-private", "--store", url, environment=environment) as running,
    ):
        yield running
