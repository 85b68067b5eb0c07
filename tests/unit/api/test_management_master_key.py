"""The master key and unreadable secrets, as the API shows them."""

from dataclasses import replace

import pytest

from support.api_world import ApiWorld, problem_of
from support.rows import TENANT
from support.sealing import OLD_KEY


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_the_state_is_shown_by_id(world: ApiWorld) -> None:
    answer = world.call("GET", "/v1/master-key")
    assert answer.json() == {"key_id": OLD_KEY.id, "source": "variable", "others": [], "left": 0}


def test_a_change_is_begun_and_answers_how_far_it_is(world: ApiWorld) -> None:
    answer = world.call("POST", "/v1/master-key/rotate", {})
    assert (answer.status_code, answer.json()["key_id"]) == (200, OLD_KEY.id)
    assert world.hastened == 1


@pytest.mark.parametrize("key", ["tenant", "ingest"])
def test_it_is_the_admins_alone(world: ApiWorld, key: str) -> None:
    problem_of(world.call("GET", "/v1/master-key", key=key), 403, "forbidden")
    problem_of(world.call("POST", "/v1/master-key/rotate", key=key), 403, "forbidden")


def test_a_secret_that_cannot_be_read_is_told_and_a_new_one_mends_it(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}/secret"
    with world.store._tables as tables:
        for owner in (made["id"], None):
            (stored,) = (one for one in tables.secrets.values() if (one.endpoint_id, one.tenant_id) == (owner, TENANT))
            tables.secrets[stored.id] = replace(stored, value="", unreadable=True)
    told = problem_of(world.call("GET", path), 500, "secret_unreadable")
    assert "Rotate" in told["detail"]
    problem_of(world.call("GET", f"/v1/tenants/{TENANT}/secret"), 500, "secret_unreadable")
    new = world.call("POST", f"{path}/rotate", {}).json()["secret"]
    assert world.call("GET", path).json()["secret"] == new
