"""Records over HTTP, as they are shown: whole, byte by byte, with an ETag, and by the page."""

import pytest

from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, record

PATH = f"/v1/tenants/{TENANT}/records"
DATA = b'{"b" : 1.50, "big": 123456789012345678901234567890,\n "a":"\\u00e9"}'


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_a_record_is_shown_as_it_is_stored(world: ApiWorld) -> None:
    world.add_records(record("42", revision=7, version=3, source_at=NOW - 1, created_at=NOW - 2, data=DATA))
    answer = world.call("GET", f"{PATH}/contact/42", key="tenant")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"7"')
    assert b'"data":' + DATA + b"}" in answer.content
    shown = answer.json()
    shown.pop("data")
    assert shown == {
        "type": "contact",
        "id": "42",
        "revision": 7,
        "version": 3,
        "updated_at": "2027-01-15T07:59:59.999Z",
        "created_at": "2027-01-15T07:59:59.998Z",
        "changed_at": "2027-01-15T08:00:00.000Z",
    }


def test_what_its_source_said_nothing_of_is_null(world: ApiWorld) -> None:
    world.add_records(record("42"))
    shown = world.get("/records/contact/42")
    assert (shown["version"], shown["updated_at"]) == (None, None)


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('"7"', 304),
        ('W/"7"', 304),
        ('"1", W/"7" , "9"', 304),
        ("*", 304),
        ('"6"', 200),
        ("7", 200),
        ('"77"', 200),
        ("", 200),
    ],
)
def test_who_knows_it_already_gets_no_body(world: ApiWorld, known: str, status: int) -> None:
    world.add_records(record("42", revision=7))
    answer = world.call("GET", f"{PATH}/contact/42", headers={"If-None-Match": known})
    assert (answer.status_code, answer.headers["etag"], bool(answer.content)) == (status, '"7"', status == 200)


@pytest.mark.parametrize(
    ("record_id", "escaped"),
    [
        ("a/b", "a%2Fb"),
        ("a/b", "a/b"),
        ("/", "%2F"),
        ("é 🐍", "%C3%A9%20%F0%9F%90%8D"),
        ("batch", "batch"),
        ("x" * 256, "x" * 256),
    ],
)
def test_an_id_is_any_text(world: ApiWorld, record_id: str, escaped: str) -> None:
    world.add_records(record(record_id))
    assert world.get(f"/records/contact/{escaped}")["id"] == record_id


def test_what_is_not_there_any_more_is_not_found(world: ApiWorld) -> None:
    world.add_records(record("gone", data=b"", forget_at=NOW + 1))
    for path in (
        "contact/gone",
        "contact/never",
        "company/gone",
        "a%20b/gone",
        "contact/" + "x" * 10_000,
        "contact/%00",
    ):
        problem_of(world.call("GET", f"{PATH}/{path}"), 404, "no_such_record")
    problem_of(world.call("GET", "/v1/tenants/nobody/records/contact/1"), 404, "not_found")


def test_a_list_goes_by_id_and_leaves_deleted_ones_out(world: ApiWorld) -> None:
    ids = ["é/🐍", "b", "a/1", "a", "é" * 128]
    world.add_records(
        *[record(one) for one in ids],
        record("ab", data=b"", forget_at=NOW + 1),
        record("b", OTHER_TENANT),
        record("b", type="company"),
    )
    shown: list[str] = []
    query = "limit=2"
    while True:
        page = world.get(f"/records/contact?{query}")
        shown += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert shown == sorted(ids, key=str.encode)
    assert [item["data"] for item in world.get("/records/company")["items"]] == [{"of": "b"}]
    assert world.get("/records/nothing") == {"items": [], "next_cursor": None}


def test_a_page_ends_early_when_records_are_large(world: ApiWorld) -> None:
    large = b'{"a":"%s"}' % (b"x" * 3_000_000)
    world.add_records(*[record(str(n), data=large) for n in range(3)])
    page = world.get("/records/contact")
    assert [item["id"] for item in page["items"]] == ["0"]
    rest = world.get(f"/records/contact?cursor={page['next_cursor']}")
    assert [item["id"] for item in rest["items"]] == ["1"]


def test_a_cursor_of_another_list_is_refused(world: ApiWorld) -> None:
    world.post("/keys", {"scope": "tenant"})
    other = world.get("/keys?limit=1")["next_cursor"]
    assert other
    for cursor in (other, "x", "", "cmVjb3Jkczo", "a" * 2_000):
        assert fields_of(world.call("GET", f"{PATH}/contact?cursor={cursor}")) == ["cursor"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", f"{PATH}/contact/42", "DELETE, GET, PATCH, PUT"),
        ("POST", f"{PATH}/contact/a/b", "DELETE, GET, PATCH, PUT"),
        ("PUT", f"{PATH}/contact", "GET"),
        ("PUT", f"{PATH}/batch", "POST"),
    ],
)
def test_what_an_address_answers(world: ApiWorld, method: str, path: str, allowed: str) -> None:
    answer = world.call(method, path)
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
