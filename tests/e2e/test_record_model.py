"""What becomes of records, tracked sets, triggers and endpoints is what a plain model of them says, on either store.

`make model SECONDS=…` runs it for longer, with other operations.
"""

from pathlib import Path

import pytest

from support.postgres import Cluster
from support.process import Server
from support.record_draws import KINDS
from support.record_machine import run
from support.record_stores import servers_on_postgres
from support.record_world import World

SEED = 20_261_122
EXAMPLES = 20
STEPS = 20


def hold(server: Server) -> None:
    with World(server, KINDS) as world:
        run(world, SEED, EXAMPLES, STEPS)

    assert world.figures["events"] > 100
    assert world.figures["events of triggers"] > 10
    assert world.figures["deliveries"] > 100
    assert world.figures["refused"] > 10


@pytest.mark.timeout(400)
def test_receivers_get_what_the_model_says_on_sqlite(server: Server) -> None:
    hold(server)


@pytest.mark.timeout(400)
def test_receivers_get_what_the_model_says_on_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    with servers_on_postgres(postgres, tmp_path, 1) as (server,):
        hold(server)
