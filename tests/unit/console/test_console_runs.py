"""Runs: the list, one of them whole, sending again. And what receivers answered, which is shown and does nothing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conformance.backend import accept, settle
from ringback.console.advice import CODES
from ringback.console.run_shown import BAR_UNITS, differences, waterfall
from ringback.control import attempts as attempts_module
from ringback.model.attempt import Attempt, Outcome, Timings
from ringback.model.ids import first_id
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, TENANT, attempt, attempt_id, event, failed

RUNS = "/console/t/acme/runs"
SCRIPT = "</pre></td></textarea>'\"><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def world() -> ConsoleWorld:
    return ConsoleWorld()


def ran(world: ConsoleWorld, *attempts: Attempt, event_id: str = "evt_1", retry_at: int | None = None) -> None:
    """An event whose delivery went as these attempts say."""
    (seq,) = accept(world.store, event(event_id), attempts[0].endpoint_id)
    for number, one in enumerate(attempts, 1):
        last = number == len(attempts) and retry_at is None
        settle(world.store, seq, one, None if last else retry_at or NOW, number)


def run_address(place: int) -> str:
    return f"{RUNS}/{attempt_id(place)}"


class TestTheList:
    def test_says_what_became_of_every_request(self, world: ConsoleWorld) -> None:
        hook = world.endpoint(label="Billing")["id"]
        ran(world, failed(1, 1, endpoint_id=hook, duration_ms=1_250.0), attempt(2, 2, endpoint_id=hook))
        text = world.shown(RUNS, "viewer")
        assert "contact.created Billing 2 successful 200 12 ms" in text
        assert "contact.created Billing 1 failed 500 1.25 s" in text
        assert text.index(" 2 successful") < text.index(" 1 failed")
        assert "Sent in the last 30 days 1 successful, 1 failed" in text

    def test_shows_one_webhooks_alone(self, world: ConsoleWorld) -> None:
        here, there = world.endpoint(label="Here")["id"], world.endpoint(label="There")["id"]
        ran(world, attempt(1, 1, endpoint_id=here))
        ran(world, attempt(2, 1, "evt_2", there, status_code=299), event_id="evt_2")
        text = world.shown(f"{RUNS}?endpoint_id={here}")
        assert "Runs of Here" in text
        assert "299" not in text
        assert "Sent in the last 30 days 1 successful, 0 failed" in text

    def test_of_a_webhook_that_nobody_knows_there_are_none(self, world: ConsoleWorld) -> None:
        theirs = world.call("POST", "/v1/tenants/globex/endpoints", {"url": "https://a.example/hook"}).json()["id"]
        for name in (theirs, "ep_never"):
            assert world.browse(f"{RUNS}?endpoint_id={name}").status_code == 404

    def test_a_label_does_not_turn_the_list_of_webhooks_round(self, world: ConsoleWorld) -> None:
        world.endpoint(label="evil\u202egnp.exe")
        assert "\u202e" not in world.browse(RUNS).text

    def test_a_webhook_that_is_gone_still_has_runs(self, world: ConsoleWorld) -> None:
        ran(world, attempt(1, 1, endpoint_id="ep_gone"))
        assert "ep_gone (deleted)" in world.shown(RUNS)
        assert "Runs of ep_gone (deleted)" in world.shown(f"{RUNS}?endpoint_id=ep_gone")
        assert "ep_gone (deleted)" in world.shown(run_address(1))

    @pytest.mark.parametrize(
        ("query", "statuses"),
        [
            ("outcome=failed", ["503"]),
            ("outcome=succeeded", ["202", "201"]),
            ("outcome=nonsense", ["202", "503", "201"]),
            ("type=contact.created", ["503", "201"]),
            ("type=none", []),
            ("since=2027-01-15T08:00:02", ["202"]),
            ("until=2027-01-15T08:00:01Z", ["201"]),
            ("since=2027-01-15T08:00:01&until=2027-01-15T08:00:02", ["503"]),
            ("outcome=failed&type=other", []),
        ],
    )
    def test_is_narrowed(self, world: ConsoleWorld, query: str, statuses: list[str]) -> None:
        hook = world.endpoint()["id"]
        settle(world.store, 0, at_second(0, attempt(endpoint_id=hook, status_code=201)))
        settle(world.store, 0, at_second(1, failed(endpoint_id=hook, status_code=503)))
        settle(world.store, 0, at_second(2, attempt(endpoint_id=hook, status_code=202, event_type="other")))
        answer = world.browse(f"{RUNS}?{query}")
        assert answer.status_code == 200
        assert re.findall(r'data-label="Answer">(\d+)', answer.text) == statuses

    def test_a_time_that_is_none_is_said_at_its_field(self, world: ConsoleWorld) -> None:
        answer = world.browse(f"{RUNS}?since=yesterday&until=9999-99-99")
        assert answer.status_code == 422
        assert answer.text.count('class="error"') == 2
        assert 'value="yesterday"' in answer.text

    def test_is_paged_and_live_on_the_first_page_alone(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        for place in range(1, 62):
            settle(world.store, 0, failed(place, 1, endpoint_id=hook, status_code=100 + place))
        seen: list[str] = []
        address: str | None = f"{RUNS}?outcome=failed"
        while address:
            answer = world.browse(address)
            assert ('hx-trigger="every 5s"' in answer.text) is (not seen)
            seen += re.findall(r'data-label="Answer">(\d+)', answer.text)
            found = re.search(r'<a href="([^"]*)" rel="next"', answer.text)
            address = found[1].replace("&amp;", "&") if found else None
        assert [int(status) for status in seen] == list(range(161, 100, -1))

    def test_what_is_rare_is_looked_for_piece_by_piece(
        self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempts_module, "ROWS_LOOKED_AT_MAX", 4)
        hook = world.endpoint()["id"]
        settle(world.store, 0, attempt(1, 1, endpoint_id=hook, event_type="rare"))
        for place in range(2, 8):
            settle(world.store, 0, attempt(place, 1, endpoint_id=hook))
        answer = world.browse(f"{RUNS}?type=rare")
        assert "The next page looks further back" in text_of(answer)
        (older,) = re.findall(r'<a href="([^"]*)" rel="next"', answer.text)
        assert attempt_id(1) in world.browse(older.replace("&amp;", "&")).text

    def test_a_search_ends_before_the_time_asked_for(
        self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempts_module, "ROWS_LOOKED_AT_MAX", 2)
        hook = world.endpoint()["id"]
        for second in range(5):
            settle(world.store, 0, at_second(second, attempt(endpoint_id=hook)))
        assert 'rel="next"' in world.browse(f"{RUNS}?since=2027-01-15T08:00:00&type=rare").text
        assert 'rel="next"' not in world.browse(f"{RUNS}?since=2027-01-16&type=rare").text


def at_second(second: int, one: Attempt) -> Attempt:
    """With an id of its time, as real ones have."""
    return one._replace(at=NOW + second * 1_000, id=first_id("att", NOW + second * 1_000) + "0" * 16)


class TestOneRun:
    def test_is_shown_whole(self, world: ConsoleWorld) -> None:
        hook = world.endpoint(label="Billing")["id"]
        ran(world, attempt(1, 1, endpoint_id=hook))
        answer = world.browse(run_address(1))
        text = text_of(answer)
        for expected in (
            "contact.created to Billing",
            "successful 200 after 12 ms",
            "192.0.2.7:443",
            "HTTP 1.1",
            "standard@1a2b3c4d",
            "POST https://ep-a.example/hook",
            "content-type application/json",
            '{ "data": { "of": "evt_1" } }'.replace('"', "&#34;").replace("&#34;", '"'),
            '{"data":{"of":"evt_1"}}',
            "server x",
            "thanks",
            "The event has been delivered.",
            "curl --include --request POST",
            "Name looked up",
            "Waited for the answer",
        ):
            assert expected in text, expected
        assert "style=" not in answer.text
        assert "TLS" not in re.findall(r"<svg.*?</svg>", answer.text, re.DOTALL)[-1]

    def test_says_in_words_what_went_wrong_and_when_it_is_tried_again(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        code = {"error_code": "bad_status", "error_message": "The receiver answered 503.", "status_code": 503}
        ran(world, failed(1, 1, endpoint_id=hook, **code), retry_at=NOW + 300_000)
        text = world.shown(run_address(1))
        assert "The receiver answered 503. It is overloaded or down for now." in text
        assert "The next try is at 2027-01-15 08:05:00 UTC at the earliest" in text
        assert 'hx-select="#standing"' in world.browse(run_address(1)).text

    def test_one_that_was_the_last_says_so(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        ran(world, failed(1, 1, endpoint_id=hook, final=True, error_code="timeout", error_message="20 s"))
        text = world.shown(run_address(1))
        assert "There is no next try." in text
        assert "Answer first and do the work afterwards" in text

    def test_a_switched_off_webhook_is_named_as_the_reason(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        ran(world, failed(1, 1, endpoint_id=hook), retry_at=NOW + 5_000)
        world.parts.endpoints.deactivate(TENANT, hook)
        assert "It is tried again once the webhook is active." in world.shown(run_address(1))

    def test_shows_what_is_otherwise_than_in_the_try_before(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        before = failed(1, 1, endpoint_id=hook, response_body=b'{"a":1,"b":2}', remote_address="192.0.2.8:443")
        ran(world, before, attempt(2, 2, endpoint_id=hook, response_body=b'{"a":1,"b":3}'))
        text = world.shown(run_address(2))
        assert "What is otherwise than in try 1" in text
        assert "Status 500 200" in text
        assert "Address 192.0.2.8:443 192.0.2.7:443" in text
        assert '- "b": 2' in text
        assert '+ "b": 3' in text
        assert "What is otherwise" not in world.shown(run_address(1))

    def test_what_ended_without_a_request_says_so(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        end = {"outcome": Outcome.EXPIRED, "error_code": "expired", "url": "", "method": "", "request_headers": b"[]"}
        end |= {"status_code": None, "timings": None, "request_body": b"", "response_headers": None}
        ran(world, attempt(1, 0, endpoint_id=hook, **end))
        text = world.shown(run_address(1))
        assert "Nothing was sent." in text
        assert "No answer came." in text
        assert "Was the webhook switched off" in text

    def test_a_proof_of_ownership_has_no_event(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        settle(world.store, 0, attempt(1, 1, None, hook, request_body=b"challenge"))
        assert "Proof of ownership" in world.shown(run_address(1))
        assert "proof of ownership" in world.shown(RUNS)
        assert world.send(run_address(1) + "/resend").status_code == 404

    def test_viewers_see_bodies_unless_the_tenant_says_no(
        self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hook = world.endpoint()["id"]
        before = failed(1, 1, endpoint_id=hook, response_body=b"earlier words")
        ran(world, before, attempt(2, 2, endpoint_id=hook, response_body=b"secret words"))
        assert "secret words" in world.shown(run_address(2), "viewer")

        class Closed:
            viewers_see_bodies = False
            retention_days = 30

        monkeypatch.setattr(world.console.tenants, "get", lambda _: Closed())
        seen = world.browse(run_address(2), "viewer").text
        for hidden in ("secret words", "earlier words", "evt_1&#34;", "curl --include"):
            assert hidden not in seen
        assert "shown to viewers" in seen
        assert "secret words" in world.shown(run_address(2), "administrator")

    def test_viewers_see_no_values_that_the_owner_put_into_a_request(self, world: ConsoleWorld) -> None:
        """They may be secrets of the receiver's."""
        hook = world.endpoint()["id"]

        def sent(token: str) -> dict[str, Any]:
            headers = [["Content-Type", "application/json"], ["webhook-id", "evt_1"], ["X-Api-Token", token]]
            return {"url": f"https://a.example/hook?key={token}", "request_headers": json.dumps(headers).encode()}

        ran(
            world, failed(1, 1, endpoint_id=hook, **sent("TOPSECRET")), attempt(2, 2, endpoint_id=hook, **sent("NEWER"))
        )
        seen = world.browse(run_address(2), "viewer").text
        assert "TOPSECRET" not in seen
        assert "NEWER" not in seen
        for kept in ("X-Api-Token", "https://a.example/hook?***", "application/json", "evt_1"):
            assert kept in seen
        owned = world.browse(run_address(2), "administrator").text
        assert "TOPSECRET" in owned
        assert "key=NEWER" in owned

    def test_anothers_is_not_there(self, world: ConsoleWorld) -> None:
        ran(world, attempt(1, 1))
        assert world.browse(f"/console/t/globex/runs/{attempt_id(1)}", "operator").status_code == 404
        assert world.browse(f"{RUNS}/att_none").status_code == 404


class TestSendingAgain:
    def test_one_is_sent_again(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        ran(world, failed(1, 1, endpoint_id=hook, final=True))
        answer = world.send(run_address(1) + "/resend")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{RUNS}?endpoint_id={hook}"
        assert world.kicked == 1
        assert world.store.progress(TENANT, "evt_1")[0].pending is not None
        assert world.done[-1] == ("link key_1", "console.resend", TENANT, f"run {attempt_id(1)}")

    def test_what_waits_for_its_next_try_is_tried_now(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        page = f"/console/t/acme/webhooks/{hook}"
        assert "Try it now" in world.shown(f"{page}/replay")
        answer = world.send(f"{page}/hasten")
        assert "Nothing%20that%20failed" in answer.headers["set-cookie"]
        for place in range(1, 4):
            ran(world, failed(place, 1, f"evt_{place}", hook), event_id=f"evt_{place}", retry_at=NOW + 900_000)
        answer = world.send(f"{page}/hasten")
        assert answer.headers["location"] == f"{RUNS}?endpoint_id={hook}"
        assert "3%20deliveries%20are%20tried%20again%20now" in answer.headers["set-cookie"]
        assert {row.due_at for row in world.store._tables.queues[TENANT, hook].values()} == {world.clock.now_ms()}
        assert world.send(f"{page}/hasten", role="viewer").status_code == 403
        assert world.send("/console/t/acme/webhooks/ep_none/hasten").status_code == 404

    def test_viewers_have_no_button_for_it(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        ran(world, failed(1, 1, endpoint_id=hook, final=True))
        assert "Send it again" not in world.shown(run_address(1), "viewer")
        assert "Send failed ones again" not in world.shown(f"{RUNS}?endpoint_id={hook}", "viewer")

    def test_failed_ones_are_sent_again_together(self, world: ConsoleWorld) -> None:
        hook = world.endpoint(label="Billing")["id"]
        for place in range(1, 4):
            ran(world, failed(place, 1, f"evt_{place}", hook, final=True), event_id=f"evt_{place}")
        world.clock.pass_s(60)
        address = f"/console/t/acme/webhooks/{hook}/replay"
        assert "Send again to Billing" in world.shown(address)
        form: dict[str, Any] = {"since": "2027-01-15T07:00", "until": "", "which": "failed"}
        asked = world.send(address, form)
        assert asked.status_code == 200
        assert "Send what failed to Billing again, from 2027-01-15 07:00:00 UTC until now?" in text_of(asked)
        assert "there were 3 such runs" in text_of(asked)
        assert world.parts.replays.list(TENANT, attempts_module.PageRequest(10)).items == []
        begun = world.send(address, {**form, "sure": "yes"})
        assert begun.status_code == 303
        job = begun.headers["location"]
        running = world.browse(job, "viewer")
        assert "0 of 3 events are queued." in text_of(running)
        assert 'hx-trigger="every 1s"' in running.text
        assert "Stop" not in text_of(running)
        (job_id,) = world.store.open_jobs("", 10)
        while world.store.job_step(job_id, world.clock.now_ms(), 0, 2, 1_000):
            pass
        done = world.browse(job)
        assert "Done: 3 events were queued." in text_of(done)
        assert "hx-trigger" not in done.text
        assert '<progress value="3" max="3"' in done.text

    def test_the_form_begins_at_the_first_failures_that_can_be_sent_again(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        address = f"/console/t/acme/webhooks/{hook}/replay"
        ran(world, failed(1, 1, endpoint_id=hook, final=True))
        with world.store._tables as tables:
            kept_days = tables.tenants[TENANT].retention_days
            tables.days[TENANT, hook, "2026-12-01"] = 0, 5  # longer ago than its events are kept
        assert kept_days == 30
        (since,) = re.findall(r'name="since"[^>]* value="([^"]*)"', world.browse(address).text)
        assert since == "2027-01-15T00:00:00"
        assert world.send(address, {"since": since, "until": "", "which": "failed", "sure": "yes"}).status_code == 303

    def test_a_job_can_be_stopped(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        ran(world, failed(1, 1, endpoint_id=hook, final=True))
        world.clock.pass_s(60)
        form = {"since": "2027-01-15", "which": "all", "sure": "yes"}
        job = world.send(f"/console/t/acme/webhooks/{hook}/replay", form).headers["location"]
        assert world.send(job + "/cancel").headers["location"] == job
        assert "Stopped: 0 of 1 events were queued" in world.shown(job)

    @pytest.mark.parametrize(
        ("form", "field"),
        [
            ({"since": ""}, "since"),
            ({"since": "soon"}, "since"),
            ({"since": "2027-01-15T07:00", "until": "late"}, "until"),
            ({"since": "2027-01-15T07:00", "which": "some"}, "which"),
            ({"since": "2028-01-15T07:00", "sure": "yes"}, "since"),
            ({"since": "2020-01-15T07:00", "sure": "yes"}, "since"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(self, world: ConsoleWorld, form: dict[str, str], field: str) -> None:
        hook = world.endpoint()["id"]
        answer = world.send(f"/console/t/acme/webhooks/{hook}/replay", form)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert form["since"] in answer.text

    def test_while_webhooks_are_off_it_is_refused(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        world.parts.tenants.update(TENANT, {"webhooks_enabled": False})
        form = {"since": "2027-01-15T07:00", "sure": "yes"}
        answer = world.send(f"/console/t/acme/webhooks/{hook}/replay", form)
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text


class Marks(HTMLParser):
    """What of a page acts: scripts, handlers, images, styles; and whether every mark is closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.open: list[str] = []
        self.bad: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("src"))
        if tag in ("img", "iframe", "style", "object") or any(
            name.startswith(("on", "hx-on", "style")) for name in given
        ):
            self.bad.append(self.get_starttag_text() or tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.bad.append(f"</{tag}>")


def is_harmless(page: str) -> None:
    marks = Marks(page)
    assert marks.bad == []
    assert marks.open == []
    assert len(marks.scripts) == 2
    assert all(src is not None and src.startswith("/console/static/") for src in marks.scripts)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028]", page)
    assert max(map(len, page.split("\n"))) < 400_000


HOSTILE: dict[str, bytes] = {
    "script": SCRIPT.encode(),
    "escapes": b"\x1b[2J\x1b]0;title\x07\x00\x08\x7f\xc2\x9b31m",
    "right to left": "invoice\u202egpj.exe\u2066\u2069\u200b\ufeff\u2028".encode(),
    "no UTF-8": b"\xff\xfe\xc3(\xed\xa0\x80 \xf0\x28\x8c\x28",
    "one long line": b"x" * (1 << 20),
    "a long line of marks": b"<b>" * (1 << 18),
    "many lines": b"\n" * (1 << 18),
    "deep JSON": b"[" * 100_000,
    "JSON with marks": json.dumps({SCRIPT: [SCRIPT, "\u202e\x1b", "\ud800"]}).encode(),
    "JSON with a long number": b"1" * 100_000,
    "templates": b"{{ 7 * 7 }}{% raw %}{#",
}


class TestWhatReceiversAnswered:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_is_shown_and_does_nothing(self, world: ConsoleWorld, name: str) -> None:
        data = HOSTILE[name]
        text = data[:5_000].decode("utf-8", "replace").replace("\0", "")  # a store takes no NUL in these
        headers = json.dumps([[text, text], [SCRIPT, text]] * 3).encode()
        hook = world.endpoint(label=SCRIPT[:200])["id"]
        common: dict[str, Any] = {
            "endpoint_id": hook,
            "error_code": "bad_status",
            "error_message": text,
            "url": f"https://a.example/{text}",
            "remote_address": text[:100],
            "http_version": text[:10],
            "response_headers": headers,
            "request_headers": headers,
            "request_body": data,
        }
        before = failed(1, 1, **common, response_body=data)
        ran(world, before, failed(2, 2, **common | {"request_body": data + b"!", "response_body": b"!" + data}))
        for address in (run_address(1), run_address(2), RUNS, f"{RUNS}?endpoint_id={hook}"):
            for role in ("administrator", "viewer"):
                answer = world.browse(address, role)
                assert answer.status_code == 200
                is_harmless(answer.text)

    def test_what_is_asked_for_in_the_address_does_nothing_either(self, world: ConsoleWorld) -> None:
        query = "&".join(
            f"{name}=%3C/script%3E%22%3E%3Cscript%3E" for name in ("endpoint_id", "type", "since", "outcome")
        )
        answer = world.browse(f"{RUNS}?{query}")
        assert answer.status_code == 422
        is_harmless(answer.text)
        assert world.browse(f"{RUNS}?cursor=%3Cscript%3E").status_code == 422


class TestPieces:
    def test_bars_follow_one_another_and_fill_the_width(self) -> None:
        bars = waterfall(Timings(10, 20, None, 50, 100))
        assert [(bar.name, bar.start, bar.width) for bar in bars] == [
            ("Name looked up", 0, 40),
            ("Connected", 40, 80),
            ("Waited for the answer", 120, 200),
            ("Rest of the answer", 320, 80),
        ]
        for timings in (Timings(None, None, None, None, 0.0), Timings(5, 5, 5, 5, 1.0)):
            assert all(0 <= bar.start <= BAR_UNITS + 1 and bar.width >= 1 for bar in waterfall(timings))

    def test_bodies_alike_are_no_difference(self) -> None:
        one = attempt(1, 1, request_body=b"{}")
        assert differences(one, one._replace(number=2), bodies=True)[1:] == ([], [])

    def test_each_error_of_a_run_has_its_words(self) -> None:
        documented = Path(__file__).parents[3] / "docs" / "errors.md"
        section = documented.read_text(encoding="utf-8").partition("## Attempts")[2].partition("\n## ")[0]
        (table, *_) = section.split("\n\n|")[1:]
        codes = set(re.findall(r"^\|? `(\w+)` \|", table, re.MULTILINE))
        assert len(codes) > 10
        assert codes == set(CODES)
