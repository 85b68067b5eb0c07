"""The inspector's bins: what may be said of one, whose it is, what it keeps and answers, how it checks signatures."""

from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from ringback.control.bin_fields import BinFields
from ringback.control.bins import KEPT_MS, Arrived, BinUseCases, Verdict
from ringback.control.paging import PageRequest
from ringback.model.console import Bin
from ringback.model.errors import Invalid, NotFound, OverQuota, Unavailable
from ringback.model.limits import (
    BIN_ANSWER_BYTES_MAX,
    BIN_BODY_KEPT_BYTES_MAX,
    BIN_HEADERS_KEPT_BYTES_MAX,
    BIN_REQUESTS_KEPT_MAX,
    BIN_REQUESTS_PER_SECOND_MAX,
    BINS_PER_TENANT_MAX,
)
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, OTHER_TENANT, TENANT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class World:
    """Bins on the memory store."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.full = False
        self.bins = BinUseCases(self.store, self.clock, Registry(self.store), self._admit)

    def _admit(self) -> None:
        if self.full:
            raise Unavailable("The disk is nearly full.", code="disk_nearly_full")

    def made(self, tenant_id: str | None = TENANT, **fields: Any) -> Bin:
        return self.bins.create(tenant_id, BinFields(**fields))

    def verdict(self, one: Bin, arrived: Arrived) -> Verdict:
        """What is made of a request that the bin keeps."""
        self.bins.keep(one.id, arrived)
        (kept,) = self.bins.requests(None, one.id, PageRequest(1)).items
        return self.bins.checked(self.bins.get(None, one.id), kept)


@pytest.fixture
def world() -> World:
    return World()


def arrived(body: bytes = b"{}", headers: list[tuple[str, str]] | None = None, **more: Any) -> Arrived:
    plain = Arrived("POST", "/bins/x", headers or [("host", "h")], body, "127.0.0.1")
    return plain._replace(**more)


def signed(body: bytes = b'{"a":1}', secret: str = SECRET) -> Arrived:
    """By the reference implementation, not by ours."""
    seconds = NOW // 1_000
    signature = Webhook(secret).sign("evt_1", datetime.fromtimestamp(seconds, UTC), body.decode())
    headers = [("webhook-id", "evt_1"), ("webhook-timestamp", str(seconds)), ("webhook-signature", signature)]
    return arrived(body, headers)


def complaints(refused: pytest.ExceptionInfo[Invalid]) -> set[str]:
    return {error.field for error in refused.value.errors}


class TestWhose:
    def test_a_tenants_bin_is_seen_by_its_people_and_by_operators(self, world: World) -> None:
        mine, theirs, ours = world.made(), world.made(OTHER_TENANT), world.made(None)
        assert [one.id for one in world.bins.list(TENANT)] == [mine.id]
        assert {one.id for one in world.bins.list(None)} == {mine.id, theirs.id, ours.id}
        assert world.bins.get(None, theirs.id) == theirs
        for bin_id in (theirs.id, ours.id, "bin_none", "'"):
            for ask in (
                lambda: world.bins.get(TENANT, bin_id),  # noqa: B023 - called at once
                lambda: world.bins.change(TENANT, bin_id, BinFields()),  # noqa: B023
                lambda: world.bins.delete(TENANT, bin_id),  # noqa: B023
                lambda: world.bins.requests(TENANT, bin_id, PageRequest(1)),  # noqa: B023
                lambda: world.bins.request(TENANT, bin_id, 1),  # noqa: B023
            ):
                with pytest.raises(NotFound) as refused:
                    ask()
                assert refused.value.code == "no_such_bin"

    def test_a_tenant_has_so_many_at_most(self, world: World) -> None:
        for _ in range(BINS_PER_TENANT_MAX):
            world.made()
        with pytest.raises(OverQuota) as refused:
            world.made()
        assert refused.value.code == "bin_quota"
        world.made(OTHER_TENANT)

    def test_a_bin_expires_a_day_after_it_was_used_last(self, world: World) -> None:
        one = world.made()
        world.clock.pass_s(80_000)
        world.bins.keep(one.id, arrived())
        world.clock.pass_s(80_000)
        world.bins.change(TENANT, one.id, BinFields(label="Mine"))
        world.clock.pass_s(KEPT_MS / 1_000 - 1)
        assert world.bins.get(TENANT, one.id).label == "Mine"
        world.clock.pass_s(1)
        with pytest.raises(NotFound):
            world.bins.get(TENANT, one.id)
        with pytest.raises(NotFound):
            world.bins.keep(one.id, arrived())


class TestFields:
    def test_a_bin_has_what_was_said_of_it(self, world: World) -> None:
        fields = BinFields("Mine", 503, {"Retry-After": "5"}, "ä", 1.5, "standard", SECRET)
        one = world.bins.create(TENANT, fields)
        expected = Bin(
            one.id, TENANT, "Mine", 503, '{"Retry-After":"5"}', "ä".encode(), 1_500, "standard", SECRET, NOW,
            NOW + KEPT_MS,
        )  # fmt: skip
        assert world.bins.get(TENANT, one.id) == one == expected

    def test_a_secret_stays_unless_another_is_given_or_it_is_taken_away(self, world: World) -> None:
        one = world.made(profile="standard", secret=SECRET)
        assert world.bins.change(TENANT, one.id, BinFields(profile="standard")).secret == SECRET
        assert world.bins.change(TENANT, one.id, BinFields(profile="standard", secret=OTHER_SECRET)).secret != SECRET
        assert world.bins.change(TENANT, one.id, BinFields(secret="")).secret is None

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"status": 199}, "status"), ({"status": 600}, "status"), ({"delay_s": 10.5}, "delay_s"),
            ({"delay_s": float("nan")}, "delay_s"), ({"label": "a\nb"}, "label"), ({"label": "x" * 257}, "label"),
            ({"body": "ä" * (BIN_ANSWER_BYTES_MAX // 2 + 1)}, "body"),
            ({"headers": {f"X-{place}": "1" for place in range(33)}}, "headers"),
            ({"headers": {"X-A": "1", "x-a": "2"}}, "headers"), ({"headers": {"X-A": "a\r\nb"}}, "headers"),
            ({"headers": {"X-A": ""}}, "headers"), ({"headers": {"X-A": "ä"}}, "headers"),
            ({"profile": "none-such"}, "profile"), ({"secret": SECRET}, "profile"),
            ({"profile": "standard", "secret": "no-secret-of-ours"}, "secret"),
            ({"profile": "standard", "secret": "x" * 5_000}, "secret"),
        ],
    )  # fmt: skip
    def test_what_can_not_be_is_refused_at_its_field(self, world: World, fields: dict[str, Any], field: str) -> None:
        with pytest.raises(Invalid) as refused:
            world.made(**fields)
        assert complaints(refused) == {field}

    @pytest.mark.parametrize(
        "name",
        [
            "Set-Cookie", "Location", "Content-Security-Policy", "Clear-Site-Data", "Strict-Transport-Security",
            "Service-Worker-Allowed", "Alt-Svc", "NEL", "Refresh", "Link", "Content-Length", "Transfer-Encoding",
            "X-Accel-Redirect", "X-Sendfile", "X-Content-Type-Options", "X-Frame-Options", "X-A B", "",
        ],
    )  # fmt: skip
    def test_no_header_that_a_browser_or_a_proxy_acts_on(self, world: World, name: str) -> None:
        with pytest.raises(Invalid) as refused:
            world.made(headers={name: "1"})
        assert complaints(refused) == {"headers"}

    @pytest.mark.parametrize("kind", ["text/html", "text/javascript", "application/xhtml+xml", "image/svg+xml", "x"])
    def test_no_content_that_a_browser_would_run(self, world: World, kind: str) -> None:
        with pytest.raises(Invalid):
            world.made(headers={"content-type": kind})
        world.made(headers={"content-type": "application/problem+json; charset=utf-8"})


class TestKeeping:
    def test_a_request_is_kept_as_it_came(self, world: World) -> None:
        one = world.made()
        given = arrived(b"\x00\xff", [("host", "h"), ("x-a", "ä"), ("x-a", "2")], method="PUT", path="/bins/x/y?z=%00")
        world.bins.keep(one.id, given)
        kept = world.bins.request(TENANT, one.id, 1)
        assert (kept.number, kept.at, kept.method, kept.path) == (1, NOW, "PUT", "/bins/x/y?z=%00")
        assert (kept.headers, kept.body) == ('[["host","h"],["x-a","ä"],["x-a","2"]]', b"\x00\xff")
        assert (kept.truncated, kept.remote_address) == (False, "127.0.0.1")

    @pytest.mark.parametrize(
        "given",
        [
            arrived(b"x" * (BIN_BODY_KEPT_BYTES_MAX + 1)),
            arrived(b"x", cut=True),
            arrived(headers=[("a", "x" * 1_000)] * (BIN_HEADERS_KEPT_BYTES_MAX // 1_000 + 1)),
            arrived(path="/" + "x" * BIN_HEADERS_KEPT_BYTES_MAX),
        ],
    )
    def test_what_is_too_much_is_cut_and_says_so(self, world: World, given: Arrived) -> None:
        one = world.made(profile="standard", secret=SECRET)
        world.bins.keep(one.id, given)
        kept = world.bins.request(TENANT, one.id, 1)
        assert kept.truncated
        assert len(kept.body) <= BIN_BODY_KEPT_BYTES_MAX
        assert len(kept.headers) + len(kept.path) < 3 * BIN_HEADERS_KEPT_BYTES_MAX
        assert world.bins.checked(one, kept) == Verdict(
            None, "Not checked: the bin has kept only the beginning of the request."
        )

    def test_it_keeps_the_newest_ones_and_gives_them_in_pages(self, world: World) -> None:
        one = world.made()
        for _ in range(BIN_REQUESTS_KEPT_MAX + 2):
            world.bins.keep(one.id, arrived())
            world.clock.pass_s(1)
        first = world.bins.requests(TENANT, one.id, PageRequest(2))
        assert [row.number for row in first.items] == [502, 501]
        second = world.bins.requests(TENANT, one.id, PageRequest(250, first.next_cursor))
        assert [row.number for row in second.items] == list(range(500, 250, -1))
        last = world.bins.requests(TENANT, one.id, PageRequest(250, second.next_cursor))
        assert (last.items[-1].number, last.next_cursor) == (3, None)
        assert world.bins.get(TENANT, one.id).requests == 502
        for number in (2, 503, 0, -1, 1 << 70):
            with pytest.raises(NotFound):
                world.bins.request(TENANT, one.id, number)

    def test_so_many_a_second_at_most(self, world: World) -> None:
        one = world.made()
        for _ in range(BIN_REQUESTS_PER_SECOND_MAX):
            world.bins.keep(one.id, arrived())
        with pytest.raises(OverQuota) as refused:
            world.bins.keep(one.id, arrived())
        assert refused.value.code == "bin_rate"
        world.clock.pass_s(0.02)
        world.bins.keep(one.id, arrived())
        assert world.bins.get(TENANT, one.id).requests == BIN_REQUESTS_PER_SECOND_MAX + 1

    def test_nothing_is_kept_while_the_disk_is_nearly_full(self, world: World) -> None:
        one = world.made()
        world.full = True
        with pytest.raises(Unavailable):
            world.bins.keep(one.id, arrived())
        assert world.bins.get(TENANT, one.id).requests == 0

    def test_who_sends_to_no_bin_is_told(self, world: World) -> None:
        gone = world.made()
        world.bins.delete(TENANT, gone.id)
        for bin_id in (gone.id, "bin_", "evt_" + gone.id[4:], "../" + gone.id):
            with pytest.raises(NotFound):
                world.bins.keep(bin_id, arrived())


class TestAnswers:
    def test_it_answers_as_it_was_told(self, world: World) -> None:
        one = world.made(status=503, headers={"Retry-After": "5"}, body="busy", delay_s=2.5)
        assert world.bins.keep(one.id, arrived()) == (503, [("Retry-After", "5")], b"busy", 2.5)

    @pytest.mark.parametrize("status", [204, 304])
    def test_there_is_no_body_where_there_can_not_be_one(self, world: World, status: int) -> None:
        one = world.made(status=status, body="busy")
        assert world.bins.keep(one.id, arrived()).body == b""

    def test_a_handshake_is_answered_whatever_else_it_answers(self, world: World) -> None:
        headers = {"X-Mine": "1", "WebHook-Allowed-Origin": "wrong"}
        one = world.made(status=500, headers=headers, body="no", delay_s=1, profile="cloudevents")
        asked = arrived(b"", [("webhook-request-origin", "a.example")], method="OPTIONS")
        answer = world.bins.keep(one.id, asked)
        given = dict(answer.headers)
        assert (answer.status, answer.body, answer.delay_s) == (200, b"", 1)
        assert (given["WebHook-Allowed-Origin"], given["X-Mine"]) == ("a.example", "1")
        assert world.bins.keep(one.id, asked._replace(method="POST")).status == 500
        assert world.bins.keep(world.made(status=500).id, asked).status == 500
        kept = world.bins.request(TENANT, one.id, 1)
        assert "handshake" in world.bins.checked(one, kept).why


class TestSignatures:
    def test_a_good_signature_is_seen_to_be_good(self, world: World) -> None:
        one = world.made(profile="standard", secret=SECRET)
        assert world.verdict(one, signed()) == Verdict(True, "")

    def test_it_is_checked_as_of_when_it_came(self, world: World) -> None:
        one = world.made(profile="standard", secret=SECRET)
        assert world.verdict(one, signed()).verified
        world.clock.pass_s(3_600)
        kept = world.bins.request(TENANT, one.id, 1)
        assert world.bins.checked(one, kept).verified
        late = world.verdict(one, signed())
        assert (late.verified, late.code) == (False, "too_old")

    @pytest.mark.parametrize(
        ("given", "code", "why"),
        [
            (signed(secret=OTHER_SECRET), "wrong_signature", "another secret"),
            (signed()._replace(body=b'{"a":2}'), "wrong_signature", "changed"),
            (arrived(), "missing_header", "webhook-id"),
        ],
    )
    def test_a_bad_one_is_and_it_says_why(self, world: World, given: Arrived, code: str, why: str) -> None:
        found = world.verdict(world.made(profile="standard", secret=SECRET), given)
        assert (found.verified, found.code) == (False, code)
        assert why in found.why

    def test_where_it_can_not_be_told_it_says_so(self, world: World) -> None:
        assert "no profile" in world.verdict(world.made(), signed()).why
        assert "no secret" in world.verdict(world.made(profile="standard"), signed()).why
        assert "vainu are not signed" in world.verdict(world.made(profile="vainu"), signed()).why
        sealed_elsewhere = world.made(profile="standard", secret=SECRET)
        kept = world.verdict(sealed_elsewhere, signed())
        assert kept.verified
        unreadable = sealed_elsewhere._replace(secret=None, unreadable=True)
        request = world.bins.request(TENANT, sealed_elsewhere.id, 1)
        assert "can't be read" in world.bins.checked(unreadable, request).why
        gone = sealed_elsewhere._replace(profile="gone")
        assert world.bins.checked(gone, request) == Verdict(
            None, "Not checked: the profile gone is not there any more."
        )
