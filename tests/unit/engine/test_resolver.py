"""Names: answers, failures, caching, rebinding, fairness; against a real name server on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringback.clock import SystemClock
from ringback.engine import resolver
from ringback.engine.hosts import HostsFile, parse_hosts
from ringback.engine.resolver import ANSWER_KEPT_S_MAX, ANSWER_KEPT_S_MIN, FAILURE_KEPT_S, Answer, Resolver
from support.nameserver import REFUSED, SERVFAIL, NameServer, Reply

WAIT_S_MAX = 10.0
BUDGET_S = 2.0


class ShiftedClock(SystemClock):
    """The machine's clock, which a test can move on."""

    ahead_s = 0.0

    def boottime_s(self) -> float:
        return super().boottime_s() + self.ahead_s


class Asking:
    """A resolver and the loop that waits for its answers."""

    def __init__(self, names: NameServer, **options: object) -> None:
        self.clock = ShiftedClock()
        self.resolver = Resolver(self.clock, servers=[names.address], hosts_file=None, **options)  # type: ignore[arg-type]
        self.answers: dict[int, Answer] = {}
        self._ticket = 0

    def ask(self, name: str, tenant_id: str = "ten_a", budget_s: float = BUDGET_S) -> int:
        self._ticket += 1
        answer = self.resolver.resolve(self._ticket, tenant_id, name, budget_s)
        if answer is not None:
            self.answers[self._ticket] = answer
        return self._ticket

    def answer(self, name: str, tenant_id: str = "ten_a", budget_s: float = BUDGET_S) -> Answer:
        ticket = self.ask(name, tenant_id, budget_s)
        self.until(lambda: ticket in self.answers)
        return self.answers[ticket]

    def until(self, condition: Callable[[], bool]) -> None:
        clock = SystemClock()
        end_s = clock.boottime_s() + WAIT_S_MAX
        while not condition():
            assert clock.boottime_s() < end_s, "waited too long"
            for ticket, answer in self.resolver.process():
                assert ticket not in self.answers, "answered twice"
                self.answers[ticket] = answer


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def asking(names: NameServer) -> Iterator[Asking]:
    asking = Asking(names)
    yield asking
    asking.resolver.close()


def test_all_addresses_of_both_families_are_seen(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["2606:4700::1", "192.0.2.1", "192.0.2.2"]))
    answer = asking.answer("a.example")
    assert answer.error is None
    assert answer.addresses == ("192.0.2.1", "192.0.2.2", "2606:4700::1")
    assert sorted(names.asked) == [("a.example", "A"), ("a.example", "AAAA")]


def test_a_name_behind_another_leads_to_its_addresses(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["192.0.2.1"], cnames=["b.example"]))
    assert asking.answer("a.example").addresses == ("192.0.2.1",)


def test_dozens_of_addresses_are_all_seen(names: NameServer, asking: Asking) -> None:
    many = [f"93.184.215.{i}" for i in range(1, 25)]
    names.say("a.example", Reply([*many, "10.0.0.1"]))
    assert set(asking.answer("a.example").addresses) == {*many, "10.0.0.1"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(rcode=SERVFAIL), "could not look the host name up"),
        (Reply(rcode=REFUSED), "name servers"),
        (Reply([]), "has no address"),
        (None, "no such host name"),
    ],
)
def test_a_failure_is_an_answer_in_words(names: NameServer, asking: Asking, reply: Reply | None, message: str) -> None:
    if reply is not None:
        names.say("a.example", reply)
    answer = asking.answer("a.example")
    assert answer.addresses == ()
    assert message in (answer.error or "")


def test_an_answer_that_never_comes_ends_with_the_budget(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(silent=True))
    answer = asking.answer("a.example", budget_s=0.2)
    assert answer.addresses == ()
    assert "no answer in time" in (answer.error or "")


def test_a_name_server_that_is_silent_about_ipv6_delays_little(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.say("a.example", Reply(["192.0.2.1"], silent_about="AAAA"))
    # All other waits are longer than this test may take, so that the answer must come of the grace period.
    monkeypatch.setattr(resolver, "_QUERY_TIMEOUT_S", 60.0)
    asking = Asking(names, resolve_s_max=60.0)
    assert asking.answer("a.example", budget_s=60.0).addresses == ("192.0.2.1",)
    asking.resolver.close()


def test_an_answer_is_kept_as_long_as_it_says(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["192.0.2.1"], ttl_s=30), Reply(["192.0.2.2"], ttl_s=30))
    assert asking.answer("a.example").addresses == ("192.0.2.1",)
    asking.clock.ahead_s += 29
    assert asking.answer("a.example").addresses == ("192.0.2.1",)
    assert len(names.asked) == 2


@pytest.mark.parametrize(("ttl_s", "kept_s"), [(0, ANSWER_KEPT_S_MIN), (86_400, ANSWER_KEPT_S_MAX), (60, 60)])
def test_how_long_an_answer_is_kept_has_limits(names: NameServer, asking: Asking, ttl_s: int, kept_s: float) -> None:
    names.say("a.example", Reply(["192.0.2.1"], ttl_s=ttl_s))
    now_s = asking.clock.boottime_s()
    expires_s = asking.answer("a.example").expires_s
    assert now_s + kept_s <= expires_s <= asking.clock.boottime_s() + kept_s


def test_an_answer_past_its_time_is_asked_for_again_even_if_its_ttl_was_a_day(
    names: NameServer, asking: Asking
) -> None:
    names.say("a.example", Reply(["192.0.2.1"], ttl_s=86_400), Reply(["192.0.2.2"], ttl_s=86_400))
    assert asking.answer("a.example").addresses == ("192.0.2.1",)
    asking.clock.ahead_s += ANSWER_KEPT_S_MAX + 1
    assert asking.answer("a.example").addresses == ("192.0.2.2",)


def test_a_failure_is_kept_for_a_moment_only(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(rcode=SERVFAIL))
    assert asking.answer("a.example").error is not None
    asked = len(names.asked)
    assert asking.answer("a.example").error is not None
    assert len(names.asked) == asked
    names.say("a.example", Reply(["192.0.2.1"]))
    asking.clock.ahead_s += FAILURE_KEPT_S + 0.1
    assert asking.answer("a.example").addresses == ("192.0.2.1",)


def test_those_who_ask_for_the_same_name_share_one_lookup(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["192.0.2.1"], delay_s=0.1))
    tickets = [asking.ask("a.example", f"ten_{i}") for i in range(50)]
    asking.until(lambda: len(asking.answers) == 50)
    assert {asking.answers[ticket].addresses for ticket in tickets} == {("192.0.2.1",)}
    assert len(names.asked) == 2


def test_a_ticket_that_is_forgotten_gets_no_answer(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["192.0.2.1"], delay_s=0.1))
    forgotten, kept = asking.ask("a.example"), asking.ask("a.example")
    asking.resolver.forget(forgotten)
    asking.until(lambda: kept in asking.answers)
    assert asking.resolver.process() == []
    assert forgotten not in asking.answers


def test_a_tenants_dead_names_hold_up_nobody_else(names: NameServer) -> None:
    asking = Asking(names, lookups_max=8, lookups_per_tenant_max=4)
    names.say("good.example", Reply(["192.0.2.1"]))
    for i in range(500):
        names.say(f"dead{i}.example", Reply(silent=True))
        asking.ask(f"dead{i}.example", "ten_dead")
    good = asking.ask("good.example", "ten_good")
    asking.until(lambda: good in asking.answers)
    assert asking.answers[good].addresses == ("192.0.2.1",)
    assert all(answer.error for ticket, answer in asking.answers.items() if ticket != good)
    assert len({name for name, _ in names.asked if name.startswith("dead")}) == 4, "its cap was passed"
    asking.resolver.close()


def test_a_name_that_waits_in_a_dead_tenants_line_starts_when_another_asks_for_it(names: NameServer) -> None:
    asking = Asking(names, lookups_per_tenant_max=1)
    names.say("dead.example", Reply(silent=True))
    names.say("good.example", Reply(["192.0.2.1"]))
    asking.ask("dead.example", "ten_dead")
    first = asking.ask("good.example", "ten_dead")
    assert ("good.example", "A") not in names.asked
    second = asking.ask("good.example", "ten_good")
    asking.until(lambda: {first, second} <= asking.answers.keys())
    assert asking.answers[first] == asking.answers[second]
    asking.resolver.close()


def test_every_ask_beyond_all_caps_is_answered_within_its_budget(names: NameServer) -> None:
    asking = Asking(names, lookups_max=2, lookups_per_tenant_max=1, resolve_s_max=0.3)
    for i in range(30):
        names.say(f"dead{i}.example", Reply(silent=True))
        asking.ask(f"dead{i}.example", f"ten_{i}")
    asking.until(lambda: len(asking.answers) == 30)
    assert all(answer.error for answer in asking.answers.values())
    asking.resolver.close()


def test_the_channel_is_made_anew_and_the_old_one_closed(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(["192.0.2.1"], ttl_s=1))
    for _ in range(3):
        assert asking.answer("a.example").addresses == ("192.0.2.1",)
        asking.clock.ahead_s += 301
    asking.resolver.process()
    assert len(asking.resolver._channels) == 1


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", "x" * 300])
def test_a_name_that_can_not_be_asked_for_is_a_failure(asking: Asking, name: str) -> None:
    assert asking.answer(name).error is not None


def test_nothing_comes_after_close(names: NameServer, asking: Asking) -> None:
    names.say("a.example", Reply(silent=True))
    asking.ask("a.example")
    asking.resolver.close()
    asking.resolver.close()


def test_the_hosts_file_answers_first_and_is_read_again(tmp_path: Path, names: NameServer) -> None:
    path = tmp_path / "hosts"
    path.write_text("192.0.2.7 receiver.internal receiver # ours\n::1 receiver\nnonsense x\n\n")
    clock = ShiftedClock()
    asked = Resolver(clock, servers=[names.address], hosts_file=path)
    answer = asked.resolve(1, "ten_a", "receiver", BUDGET_S)
    assert answer is not None
    assert answer.addresses == ("192.0.2.7", "::1")
    path.write_text("192.0.2.8 receiver\n192.0.2.9 other.example other\n")
    clock.ahead_s += 60
    answer = asked.resolve(1, "ten_a", "receiver", BUDGET_S)
    assert answer is not None
    assert answer.addresses == ("192.0.2.8",)
    assert names.asked == []
    asked.close()


def test_localhost_is_this_machine_without_any_file(tmp_path: Path) -> None:
    for path in (None, tmp_path / "missing"):
        hosts = HostsFile(path)
        assert hosts.addresses("localhost") == ("127.0.0.1", "::1")
        assert hosts.addresses("a.localhost") == ("127.0.0.1", "::1")
        assert hosts.addresses("example.com") == ()


def test_a_hosts_file_is_read_like_the_c_library_does() -> None:
    text = "127.0.0.1\tlocalhost Loop\n#10.0.0.1 no\n10.0.0.2 a a b\n::1 a\n10.0.0.3\n"
    assert parse_hosts(text) == {
        "localhost": ("127.0.0.1",),
        "loop": ("127.0.0.1",),
        "a": ("10.0.0.2", "::1"),
        "b": ("10.0.0.2",),
    }
