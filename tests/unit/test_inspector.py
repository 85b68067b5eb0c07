"""Bins are sent to only where they are on; and the address at which a server may reach itself is its own."""

import socket
from ipaddress import ip_network

import pytest
from starlette.testclient import TestClient

from ringback.ingest.watermark import Watermark
from ringback.inspector import mounted_bins, own_address
from support.api_world import ApiWorld


@pytest.mark.parametrize(("on", "code"), [(True, "no_such_bin"), (False, "not_found")])
def test_nothing_can_be_sent_to_bins_that_are_off(on: bool, code: str) -> None:
    world = ApiWorld()
    watermark = Watermark(world.store, 0, lambda seconds: None)
    mounted_bins(world.app, world.store, world.clock, world.profiles, watermark, on=on)
    answer = TestClient(world.app).post("/bins/bin_00000000000000000000000000", content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)


@pytest.mark.parametrize(
    ("host", "family", "network"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1/32"),
        ("0.0.0.0", socket.AF_INET, "127.0.0.1/32"),
        ("::1", socket.AF_INET6, "::1/128"),
    ],
)
def test_a_server_may_reach_itself_and_no_more(host: str, family: int, network: str) -> None:
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        assert own_address(listener) == (ip_network(network), listener.getsockname()[1])
