"""Operators through the API, and links into the console."""

import pytest

from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import TENANT

PASSWORD = "correct horse battery"


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def added(world: ApiWorld, name: str = "ada") -> dict[str, str]:
    answer = world.call("POST", "/v1/operators", {"name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


class TestOperators:
    def test_one_is_made_and_its_password_is_never_shown(self, world: ApiWorld) -> None:
        made = added(world)
        assert made.keys() == {"id", "name", "created_at", "password_changed_at"}
        listed = world.call("GET", "/v1/operators")
        assert listed.json() == {"items": [made], "next_cursor": None}
        assert PASSWORD not in listed.text
        assert world.parts.access.sign_in_operator("ada", PASSWORD)

    def test_they_are_listed_by_name_in_pages(self, world: ApiWorld) -> None:
        for name in ("zoë", "ada", "bob"):
            added(world, name)
        first = world.call("GET", "/v1/operators?limit=2").json()
        assert [one["name"] for one in first["items"]] == ["ada", "bob"]
        second = world.call("GET", f"/v1/operators?limit=2&cursor={first['next_cursor']}").json()
        assert [one["name"] for one in second["items"]] == ["zoë"]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"name": "", "password": PASSWORD}, ["name"]),
            ({"name": "a" * 65, "password": PASSWORD}, ["name"]),
            ({"name": "a\n", "password": PASSWORD}, ["name"]),
            ({"name": " ada", "password": PASSWORD}, ["name"]),
            ({"name": "ada", "password": "x" * 11}, ["password"]),
            ({"name": "ada", "password": "x" * 257}, ["password"]),
            ({"name": "", "password": ""}, ["name", "password"]),
            ({"name": "ada"}, ["password"]),
            ({"name": "ada", "password": 123456789012}, ["password"]),
        ],
    )
    def test_what_they_may_be(self, world: ApiWorld, body: dict[str, object], fields: list[str]) -> None:
        answer = world.call("POST", "/v1/operators", body)
        assert fields_of(answer) == fields
        assert str(body.get("password") or "nothing") not in answer.text

    def test_a_name_is_taken_once(self, world: ApiWorld) -> None:
        added(world)
        problem_of(world.call("POST", "/v1/operators", {"name": "ada", "password": PASSWORD}), 409, "conflict")

    def test_there_are_so_many_at_most(self, world: ApiWorld) -> None:
        for name in ("a", "b", "c"):
            added(world, name)
        answer = world.call("POST", "/v1/operators", {"name": "d", "password": PASSWORD})
        problem_of(answer, 429, "operator_quota")

    def test_another_password(self, world: ApiWorld) -> None:
        made = added(world)
        world.clock.pass_s(5)
        path = f"/v1/operators/{made['id']}/password"
        assert world.call("PUT", path, {"password": "another password"}).status_code == 204
        (listed,) = world.call("GET", "/v1/operators").json()["items"]
        assert listed["password_changed_at"] > made["password_changed_at"]
        assert world.parts.access.sign_in_operator("ada", "another password")
        assert fields_of(world.call("PUT", path, {"password": "short"})) == ["password"]
        problem_of(world.call("PUT", "/v1/operators/op_0/password", {"password": PASSWORD}), 404, "not_found")

    def test_one_is_deleted_once(self, world: ApiWorld) -> None:
        made = added(world)
        assert world.call("DELETE", f"/v1/operators/{made['id']}").status_code == 204
        problem_of(world.call("DELETE", f"/v1/operators/{made['id']}"), 404, "not_found")


class TestConsoleLinks:
    def test_a_link_is_absolute_and_lets_in_once(self, world: ApiWorld) -> None:
        answer = world.call(
            "POST", f"/v1/tenants/{TENANT}/console-links", key="tenant", headers={"Host": "evil.example"}
        )
        assert answer.status_code == 201
        made = answer.json()
        assert made.keys() == {"url", "expires_at"}
        before, token = made["url"].rsplit("/", 1)
        assert before == "https://hooks.example/ringback/console/enter"
        assert made["expires_at"] == "2027-01-15T08:15:00.000Z"
        entered = world.parts.access.enter(token)
        assert entered is not None
        assert (entered.session.role, entered.session.tenant_id) == ("administrator", TENANT)

    def test_for_a_viewer_and_longer(self, world: ApiWorld) -> None:
        made = world.post("/console-links", {"role": "viewer", "expires_in_s": 86_400})
        assert made["expires_at"] == "2027-01-16T08:00:00.000Z"
        link = world.parts.access.peek_link(made["url"].rsplit("/", 1)[1])
        assert link is not None
        assert link.role == "viewer"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"role": "operator"}, "role"),
            ({"expires_in_s": 59}, "expires_in_s"),
            ({"expires_in_s": 86_401}, "expires_in_s"),
        ],
    )
    def test_what_it_may_be(self, world: ApiWorld, body: dict[str, object], field: str) -> None:
        answer = world.call("POST", f"/v1/tenants/{TENANT}/console-links", body)
        assert fields_of(answer) == [field]

    def test_public_url_needed(self) -> None:
        world = ApiWorld(public_url=None)
        answer = world.call("POST", f"/v1/tenants/{TENANT}/console-links", {})
        problem_of(answer, 422, "public_url_needed")


def test_a_tenant_says_itself_whether_viewers_see_bodies(world: ApiWorld) -> None:
    path = f"/v1/tenants/{TENANT}"
    assert world.call("GET", path).json()["viewers_see_bodies"] is True
    assert world.call("PATCH", path, {"viewers_see_bodies": False}, key="tenant").json()["viewers_see_bodies"] is False
    assert world.call("GET", path, key="tenant").json()["viewers_see_bodies"] is False
    made = world.call("POST", "/v1/tenants", {"name": "New", "viewers_see_bodies": False}).json()
    assert made["viewers_see_bodies"] is False
