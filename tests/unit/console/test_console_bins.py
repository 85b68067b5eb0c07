"""The inspector's pages: who sees which bins, the form and its errors, what came, and what is made of signatures."""

from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from ringback.console.receiving import receiving_routes
from ringback.control.bin_fields import BinFields
from ringback.model.console import Bin
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, OTHER_TENANT, TENANT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
FORM = {"label": "Mine", "profile": "standard", "secret": SECRET, "status": "202", "delay_s": "0", "headers": ""}


class World(ConsoleWorld):
    """The console with addresses that can be sent to."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.app.router.routes.insert(0, receiving_routes(self.console.bins)[0])

    def made(self, tenant_id: str | None = TENANT, **fields: Any) -> Bin:
        return self.console.bins.create(tenant_id, BinFields(**fields))

    def deliver(self, one: Bin, body: bytes = b'{"a":1}', secret: str = SECRET) -> None:
        """As a sender would, signed by the reference implementation."""
        at = datetime.fromtimestamp(NOW // 1_000, UTC)
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(NOW // 1_000),
            "webhook-signature": Webhook(secret).sign("evt_1", at, body.decode("utf-8", "replace")),
        }
        assert self.client.post(f"/bins/{one.id}?x=1", content=body, headers=headers).status_code == 200


@pytest.fixture
def world() -> World:
    return World()


def test_somebody_makes_a_bin_and_is_shown_its_address(world: World) -> None:
    assert "There is no bin yet" in world.shown("/console/bins")
    answer = world.send("/console/bins", FORM)
    assert answer.status_code == 303
    (one,) = world.console.bins.list(TENANT)
    assert answer.headers["location"] == f"/console/bins/{one.id}"
    assert (one.tenant_id, one.label, one.status, one.profile, one.secret) == (TENANT, "Mine", 202, "standard", SECRET)
    page = world.browse(f"/console/bins/{one.id}")
    assert f"http://here.example/bins/{one.id}" in text_of(page)
    assert SECRET not in page.text
    assert "A secret is set" in page.text
    assert "Mine" in world.shown("/console/bins")
    assert world.done == [("link key_1", "console.create_bin", None, "")]


def test_what_came_is_shown_with_what_is_made_of_its_signature(world: World) -> None:
    one = world.made(profile="standard", secret=SECRET)
    world.deliver(one)
    world.deliver(one, secret=OTHER_SECRET)
    text = world.shown(f"/console/bins/{one.id}")
    assert "POST ?x=1 signature fits" in text
    assert "signature is wrong no signature fits: another secret, or the request was changed" in text
    whole = world.shown(f"/console/bins/{one.id}?request=1")
    assert "POST /bins/" in whole
    assert "?x=1" in whole
    assert "webhook-signature" in whole
    assert '{"a":1}' in whole
    assert "testclient" in whole
    assert world.browse(f"/console/bins/{one.id}?request=3").status_code == 404


def test_what_came_can_not_do_anything_to_the_page(world: World) -> None:
    one = world.made()
    world.deliver(one, b"<script>alert(1)</script>\x1b[2J\xe2\x80\xae\xff")
    answer = world.browse(f"/console/bins/{one.id}?request=1")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "␛[2J⟨U+202E⟩" in answer.text


def test_pages_of_requests_lead_on_and_only_the_first_is_live(world: World) -> None:
    one = world.made()
    for _ in range(25):
        world.deliver(one)
    first = world.browse(f"/console/bins/{one.id}").text
    assert 'hx-trigger="every 2s"' in first
    (older,) = [part for part in first.split('"') if "?before=" in part]
    second = world.browse(older).text
    assert "?request=5" in second
    assert "?request=6" not in second
    assert "every 2s" not in second


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"status": "no"}, "must be a number from 200 to 599"), ({"status": "199"}, "must be from 200 to 599"),
        ({"delay_s": "soon"}, "must be a number of seconds"), ({"delay_s": "11"}, "must be from 0 to 10"),
        ({"headers": "X-Mine"}, "must be one a line"), ({"headers": "X-A: 1\nX-A: 2"}, "has a name twice"),
        ({"headers": "Set-Cookie: a=b"}, "may only be"), ({"profile": "none-such"}, "must be one of"),
        ({"secret": "x"}, "can't be used"), ({"body": "x" * 20_000}, "at most 16,384 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    world: World, typed: dict[str, str], message: str
) -> None:
    before = world.made(label="Before")
    for path in ("/console/bins", f"/console/bins/{before.id}"):
        answer = world.send(path, {**FORM, **typed, "label": "Typed"})
        assert answer.status_code == 422
        assert message in text_of(answer)
        assert 'value="Typed"' in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert [one.label for one in world.console.bins.list(None)] == ["Before"]


def test_a_change_keeps_the_secret_unless_it_is_taken_away(world: World) -> None:
    one = world.made(profile="standard", secret=SECRET)
    path = f"/console/bins/{one.id}"
    form = {**FORM, "secret": "", "headers": "X-A: 1\r\nRetry-After: 5", "body": "ä\r\nb"}
    assert world.send(path, form).status_code == 303
    changed = world.console.bins.get(None, one.id)
    assert (changed.secret, changed.headers, changed.body) == (SECRET, '{"X-A":"1","Retry-After":"5"}', "ä\nb".encode())
    page = world.browse(path).text
    assert "X-A: 1\nRetry-After: 5" in page
    assert world.send(path, {**form, "without_secret": "yes"}).status_code == 303
    assert world.console.bins.get(None, one.id).secret is None
    assert "A secret is set" not in world.browse(path).text


def test_deleting_asks_first(world: World) -> None:
    one = world.made()
    asked = world.send(f"/console/bins/{one.id}/delete")
    assert (asked.status_code, "Delete this bin" in text_of(asked)) == (200, True)
    assert world.console.bins.list(TENANT)
    assert world.send(f"/console/bins/{one.id}/delete", {"sure": "yes"}).headers["location"] == "/console/bins"
    assert not world.console.bins.list(TENANT)


def test_nobody_elses_bins_are_seen(world: World) -> None:
    theirs, ours = world.made(OTHER_TENANT, label="Theirs"), world.made(None, label="Ours")
    assert "There is no bin yet" in world.shown("/console/bins")
    for one in (theirs, ours):
        path = f"/console/bins/{one.id}"
        answers = [world.browse(path), world.send(path, FORM), world.send(path + "/delete", {"sure": "yes"})]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert world.browse(path, "operator").status_code == 200
        assert world.browse(path, "viewer").status_code == 403
    assert OTHER_TENANT in world.shown("/console/bins", "operator")


def test_there_are_so_many_at_most(world: World) -> None:
    for _ in range(20):
        world.made()
    answer = world.send("/console/bins", FORM)
    assert answer.status_code == 429
    assert "Delete one you don't need" in text_of(answer)


def test_where_bins_are_off_there_is_no_such_page() -> None:
    world = World(bins=False)
    for path in ("/console/bins", "/console/bins/bin_x"):
        assert world.browse(path).status_code == 404
        assert world.send(path, FORM).status_code == 404
    assert world.send("/console/bins/bin_x/delete", {"sure": "yes"}).status_code == 404
