"""SECURITY: dialling. A real server that asks a hostile name server, and who must not be reached listens.

127.0.0.1 at the port of `outside` was opened by the operator and stands in for a public address. `inside` listens on
127.0.0.2 at the same port, which nobody opened; it must never get a connection.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from support.nameserver import (
    EMPTY,
    FAILING,
    GARBAGE,
    LATE,
    NO_SUCH_NAME,
    REFUSING,
    SILENT,
    TRUNCATED,
    WRONG_ID,
    NameServer,
    Reply,
    chain,
    loop_of,
    mixed,
    rebinding,
)
from support.process import Server, wait_until
from support.receivers import OK, Receiver, answers
from support.tenant import TestTenant

OUTSIDE: Final = "127.0.0.1"
INSIDE: Final = "127.0.0.2"
ONCE: Final = {"delays_s": []}
DEAD_NAMES: Final = 200


class World(NamedTuple):
    server: Server
    names: NameServer
    outside: Receiver
    inside: Receiver

    def url(self, name: str) -> str:
        return f"http://{name}:{self.outside.port}/hook"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        names = stack.enter_context(NameServer())
        outside = stack.enter_context(Receiver(answers(OK), host=OUTSIDE))
        inside = stack.enter_context(Receiver(answers(OK), host=INSIDE, port=outside.port))
        flags = ["--allow", f"{OUTSIDE}:{outside.port}", "--allow", f"127.0.1.0/24:{outside.port}"]
        server = Server(
            tmp_path_factory.mktemp("dialling") / "data",
            *flags,
            "--name-servers",
            names.address,
            environment={"RINGBACK_RESOLVE_S_MAX": "1.5"},
        )
        stack.enter_context(server)
        yield World(server, names, outside, inside)


# What names lead to. Each is asked for by an endpoint of its own.
BLOCKED: Mapping[str, Reply] = {
    "private": Reply(["10.0.0.1"]),
    "metadata": Reply(["169.254.169.254"]),
    "the one nobody opened": Reply([INSIDE]),
    "public and private": mixed(OUTSIDE, INSIDE),
    "private and public": mixed(INSIDE, OUTSIDE),
    "public, and private in IPv6": mixed(OUTSIDE, "fd00::1"),
    "public, and loopback in IPv6": mixed(OUTSIDE, "::1"),
    "public, and NAT64": mixed(OUTSIDE, "64:ff9b::a9fe:a9fe"),
    "public, and 6to4": mixed(OUTSIDE, "2002:7f00:1::1"),
    "public, and Teredo": mixed(OUTSIDE, "2001:0:7f00:1::1"),
    "public, and mapped": mixed(OUTSIDE, "::ffff:127.0.0.1"),
    "public, and compatible": mixed(OUTSIDE, "::7f00:1"),
    "public, and multicast": mixed(OUTSIDE, "224.0.0.1"),
    "many public and one private": mixed(*(f"127.0.1.{n}" for n in range(1, 41)), INSIDE),
    "an alias of something private": chain(["b.example", "c.example"], [INSIDE]),
    "an alias of localhost": chain(["localhost"], [INSIDE]),
}
UNKNOWN: Mapping[str, Reply] = {
    "no such name": NO_SUCH_NAME,
    "server failure": FAILING,
    "refused": REFUSING,
    "no addresses": EMPTY,
    "silent": SILENT,
    "late": LATE,
    "truncated": TRUNCATED,
    "answer to another question": WRONG_ID,
    "garbage": GARBAGE,
    "alias of itself": loop_of("alias-of-itself.example"),
}
REACHED: Mapping[str, Reply] = {
    "plain": Reply([OUTSIDE]),
    "alias": chain(["b.example", "c.example"], [OUTSIDE]),
    "no answer about IPv6": Reply([OUTSIDE], silent_about="AAAA"),
}


def _name(kind: str) -> str:
    return "-".join(kind.replace(",", "").lower().split()) + ".example"


@pytest.fixture(scope="module")
def attempts(world: World) -> Mapping[str, dict[str, Any]]:
    """The one attempt that was made for each kind of answer; a tenant for each table, since silence costs its own."""
    found: dict[str, dict[str, Any]] = {}
    for tenant_id, kinds in {"blocked": BLOCKED, "unknown": UNKNOWN, "reached": REACHED}.items():
        tenant = TestTenant(world.server, tenant_id)
        kind_of: dict[str, str] = {}
        for kind, reply in kinds.items():
            world.names.say(_name(kind), reply)
            kind_of[tenant.endpoint(world.url(_name(kind)), retry=ONCE)["id"]] = kind
        tenant.send()
        wait_until(lambda: len(tenant.attempts()) == len(kind_of), 20, "an attempt for each")  # noqa: B023 - at once
        found |= {kind_of[attempt["endpoint_id"]]: attempt for attempt in tenant.attempts()}
    return found


@pytest.mark.parametrize("kind", BLOCKED)
def test_a_name_with_a_private_answer_is_refused(
    world: World, attempts: Mapping[str, dict[str, Any]], kind: str
) -> None:
    attempt = attempts[kind]
    assert attempt["error"]["code"] == "blocked_address"
    assert (attempt["status_code"], attempt["remote_address"]) == (None, None)
    assert world.inside.connections == 0


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_name_that_cannot_be_looked_up_is_refused(attempts: Mapping[str, dict[str, Any]], kind: str) -> None:
    attempt = attempts[kind]
    assert attempt["error"]["code"] == "dns_failed"
    assert attempt["remote_address"] is None


@pytest.mark.parametrize("kind", REACHED)
def test_a_name_that_leads_where_it_may_is_reached(
    world: World, attempts: Mapping[str, dict[str, Any]], kind: str
) -> None:
    attempt = attempts[kind]
    assert (attempt["status_code"], attempt["remote_address"]) == (200, f"{OUTSIDE}:{world.outside.port}")


@pytest.mark.parametrize(
    ("first", "then"),
    [([OUTSIDE], [INSIDE]), ([OUTSIDE, "127.0.1.1"], [OUTSIDE, INSIDE]), ([OUTSIDE], [INSIDE, "::1"])],
    ids=["one", "two", "both families"],
)
def test_a_name_that_answers_public_first_and_private_second_is_never_reached(
    world: World, first: list[str], then: list[str]
) -> None:
    """Rebinding (Plane CVE-2026-104973, which got around the fix of CVE-2026-30242)."""
    name = f"rebind-{len(first)}-{len(then)}.example"
    world.names.say(name, *rebinding(first, then))
    tenant = TestTenant(world.server, name.partition(".")[0])
    tenant.endpoint(world.url(name), retry=ONCE)

    def blocked() -> list[dict[str, Any]]:
        tenant.send()
        return [attempt for attempt in tenant.attempts() if attempt["error"] is not None]

    (attempt, *_) = wait_until(blocked, 15, "the second answer counts")

    assert attempt["error"]["code"] == "blocked_address"
    reached = {a["remote_address"] for a in tenant.attempts() if a["status_code"] == 200}
    assert reached == {f"{OUTSIDE}:{world.outside.port}"}, "the first answer was public, so it was dialled"
    assert world.inside.connections == 0


def test_a_name_that_changes_between_the_two_kinds_of_question_is_never_reached(world: World) -> None:
    """The question for IPv4 is answered with something public, the one for IPv6 with the inside."""
    world.names.say("split.example", Reply([OUTSIDE]), about="A")
    world.names.say("split.example", Reply(["::1"], delay_s=0.1), about="AAAA")
    tenant = TestTenant(world.server, "split")
    tenant.endpoint(world.url("split.example"), retry=ONCE)
    tenant.send()
    (attempt,) = wait_until(tenant.attempts, 15, "the attempt")
    assert attempt["error"]["code"] == "blocked_address"


# Python runs a module of the name sitecustomize at its start: the server, both of its processes, with a fault in it.
PINS_ELSEWHERE: Final = f"""
from ringback.engine.origins import Origins
Origins.lines = lambda self, pin: [line.replace("{OUTSIDE}", "{INSIDE}") for line in pin.lines]
"""


@pytest.mark.parametrize("faulty", [False, True])
def test_the_address_really_dialled_is_checked_whatever_libcurl_takes_the_name_for(
    world: World, tmp_path: Path, faulty: bool
) -> None:
    """The name is looked up and its address allowed; then libcurl is made to believe that it has another one."""
    (tmp_path / "sitecustomize.py").write_text(PINS_ELSEWHERE if faulty else "")
    searched = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    world.names.say("pinned.example", Reply([OUTSIDE]))
    flags = ("--allow", f"{OUTSIDE}:{world.outside.port}", "--name-servers", world.names.address)
    with Server(tmp_path / "data", *flags, environment={"PYTHONPATH": searched}) as server:
        tenant = TestTenant(server, "t")
        tenant.endpoint(world.url("pinned.example"), retry=ONCE)
        tenant.send()
        (attempt,) = wait_until(tenant.attempts, 15, "the attempt")
    if faulty:
        assert (attempt["error"]["code"], attempt["remote_address"]) == ("blocked_address", None)
        assert INSIDE in attempt["error"]["message"], "this is where it was about to go"
    else:
        assert (attempt["status_code"], attempt["remote_address"]) == (200, f"{OUTSIDE}:{world.outside.port}")
    assert world.inside.connections == 0


def test_opening_one_network_and_port_leaves_everything_else_refused(world: World) -> None:
    tenant = TestTenant(world.server, "opened")
    port = world.outside.port
    other = next(candidate for candidate in (8443, 9443) if candidate != port)
    for url in (
        f"http://{INSIDE}:{port}/",
        f"http://{OUTSIDE}:{other}/",
        f"https://{OUTSIDE}:{other}/",
        f"http://10.0.0.1:{port}/",
        f"http://[::1]:{port}/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"http://8.8.8.8:{port}/",
        "http://example.com/",
        "https://example.com:22/",
        "https://localhost/",
        "https://169.254.169.254/",
    ):
        answer = world.server.ask("POST", f"{tenant.path}/endpoints", {"url": url})
        assert answer.status == 422, url
    assert tenant.endpoint(f"http://{OUTSIDE}:{port}/")["status"] == "active"


def test_the_name_server_that_was_set_is_the_one_that_is_asked(
    world: World, attempts: Mapping[str, dict[str, Any]]
) -> None:
    assert {("plain.example", "A"), ("plain.example", "AAAA")} <= set(world.names.asked)


def test_a_tenants_dead_names_do_not_hold_up_anybody_else(world: World) -> None:
    world.names.say("*.dead.example", SILENT)
    world.names.say("alive.example", Reply([OUTSIDE]))
    dead, alive = TestTenant(world.server, "dead"), TestTenant(world.server, "alive")
    for number in range(DEAD_NAMES):
        dead.endpoint(world.url(f"n{number}.dead.example"), retry=ONCE)
    alive.endpoint(world.url("alive.example"), retry=ONCE)

    waiting = dead.send()
    wait_until(lambda: world.names.names_asked("dead.example"), 10, "dead names are asked for")
    event_id = alive.send()
    alive.wait_state(event_id, "delivered")

    asked = len(world.names.names_asked("dead.example"))
    assert asked < DEAD_NAMES, "it overtook names that had been waiting for longer"
    states = {delivery["state"] for delivery in dead.deliveries(waiting)}
    assert "pending" in states
    world.server.kill()  # nothing is gained by waiting for the others
