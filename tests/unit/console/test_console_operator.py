"""What whoever runs Ringback sees and does: overview, tenants, processes, profiles, settings, operators, activity."""

import json
import re
from typing import Any

import pytest

from ringback.console.chart import POINTS_MAX, chart
from ringback.control.paging import Page, PageRequest, encode_cursor
from ringback.control.processes import LATE_MS
from ringback.control.readiness import Obstacle
from ringback.model.console import AuditEntry, Operator
from ringback.model.errors import Conflict, FieldError, Invalid, NotFound
from ringback.model.pulse import TICK_MS
from ringback.observe import families as f
from ringback.observe.telemetry import StoreTrouble
from ringback.policy import health as health_policy
from ringback.policy.address import parse_allowed
from ringback.policy.health import Health, Phase
from ringback.pulse import PulseTaker, Running
from ringback.settings import Settings, shown
from ringback.store.port import Leaving, Ring, StoreUnavailable
from ringback.wire.profile import load_profile
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, OTHER_TENANT, TENANT

OPERATOR = "operator"
EVIL = "<script>alert(1)</script>\u202e"


class People:
    """`OperatorAccounts` without a store."""

    def __init__(self) -> None:
        self.rows = [Operator("op_1", "ada", "h", NOW, NOW)]
        self.passwords: dict[str, str] = {}

    def create(self, name: str, password: str) -> Operator:
        if name == "ada":
            raise Conflict("There is an operator of this name.")
        self._check(password)
        self.rows.append(Operator(f"op_{len(self.rows) + 1}", name, "h", NOW, NOW))
        return self.rows[-1]

    def list(self, page: PageRequest) -> Page[Operator]:
        start = int(page.cursor or 0)
        more = start + page.limit < len(self.rows)
        return Page(self.rows[start : start + page.limit], str(start + page.limit) if more else None)

    def change_password(self, operator_id: str, password: str) -> None:
        self._check(password)
        self.passwords[operator_id] = password

    def delete(self, operator_id: str) -> None:
        self.rows = [one for one in self.rows if one.id != operator_id]

    def _check(self, password: str) -> None:
        if len(password) < 12:
            raise Invalid("Too short.", [FieldError("password", "must be at least 12 characters long")])


class Entries:
    """`Activity` without a store."""

    def __init__(self) -> None:
        values = json.dumps({"url": "https://a.example", "note": EVIL})
        self.rows = [
            AuditEntry(
                f"aud_{place}", tenant, NOW + place, EVIL if place == 3 else "ada", "key.deleted", "key x", values
            )
            for place, tenant in enumerate([TENANT, None, OTHER_TENANT, TENANT])
        ]

    def list(self, tenant_id: str | None, page: PageRequest, *, all_tenants: bool = False) -> Page[AuditEntry]:
        rows = [one for one in reversed(self.rows) if all_tenants or one.tenant_id == tenant_id]
        return Page(rows[:2] if page.cursor is None else rows[2:], encode_cursor("a", "b") if len(rows) > 2 else None)


class World(ConsoleWorld):
    """With everything that is the operator's."""

    def more_parts(self) -> dict[str, Any]:
        self.people, self.entries = People(), Entries()
        return {
            **super().more_parts(),
            "operators": self.people,
            "activity": self.entries,
            "settings": shown(Settings(admin_key="k" * 40, in_flight_max=77)),
        }

    def unwell(self, health: Health, tenant_id: str = TENANT, **fields: Any) -> str:
        """An endpoint whose lane has this health."""
        body = {"url": "https://a.example/hook", **fields}
        answer = self.call("POST", f"/v1/tenants/{tenant_id}/endpoints", body)
        endpoint_id: str = answer.json()["id"]
        self.store.ring([Ring(tenant_id, endpoint_id, NOW)])
        (lane,) = self.store.claim("node_a", NOW, 10)
        leaving = Leaving(tenant_id, endpoint_id, None, lane.not_before, health_policy.dump(health))
        self.store.release("node_a", [leaving])
        return endpoint_id


@pytest.fixture
def world() -> World:
    made = World()
    made.store.register("node_a", NOW)
    return made


class TestTheOverview:
    def test_shows_what_is_known(self, world: World) -> None:
        world.gauges |= {
            f.OLDEST_DUE: {(): 7_500.0}, f.IN_FLIGHT: {(): 3}, f.IN_FLIGHT_MAX: {(): 1000},
            f.DELIVERIES_WAITING: {(): 12_345}, f.STORE_BYTES: {(): 3 << 30},
            f.STORE_WAL_BYTES: {(): 1 << 20}, f.DISK_FREE: {(): 5 << 30}, f.DISK_FREE_MIN: {(): 1 << 30},
        }  # fmt: skip
        for _ in range(3):
            world.meters.ingest.stored("single", 500, 0, 500)
            world.meters.attempts.succeeded_s.add(0.01)
            world.meters.attempts.failed_s.add(0.01)
            world.meters.attempts.lag_s["none"].add(0.25)
            world.meters.attempts.lag_s["rate"].add(3_600)
            world.pulse.step()
        world.clock.pass_s(LATE_MS / 1_000)
        text = world.shown("/console/operator", OPERATOR)
        for expected in (
            "yes ready for events", "50 events a second", "0.1 deliveries a second", "0.1 failed runs a second",
            "250 ms mean lag", "12,345 deliveries waiting", "3 of 1000 requests under way", "3.0 GiB stored",
            "5.0 GiB free on the disk; 1.0 GiB are needed", "0 webhooks parked",
            "No webhook is parked, failing or disabled.",
            "2 h 5 min the oldest that is due and not sent",
            "off, parked, paused or busy doesn't count", "Due and not sent The oldest: 7,500 s",
            "Events accepted: 50 a second, at most 50",
        ):  # fmt: skip
            assert expected in text, expected
        page = world.browse("/console/operator", OPERATOR).text
        assert page.count("<polyline") == 2 * 6
        assert "style=" not in page

    def test_says_what_stands_in_the_way(self, world: World) -> None:
        world.obstacles.append(Obstacle("busy", "Too many events are waiting."))
        text = world.shown("/console/operator", OPERATOR)
        assert "No events are accepted here: Too many events are waiting." in text
        assert "no ready for events" in text

    def test_without_figures_it_is_there_too(self, world: World) -> None:
        text = world.shown("/console/operator", OPERATOR)
        assert "Charts come once" in text
        assert "0 webhooks failing" in text

    def test_the_parked_and_the_failing_come_first_and_the_longest_of_them(self, world: World) -> None:
        parked = Health(phase=Phase.PARKED, failing_since=NOW - 5_000, not_before=NOW + 60_000)
        world.unwell(Health(failing_since=NOW - 1_000), label="Lately")
        world.unwell(Health(failing_since=NOW - 9_000), OTHER_TENANT, label="Long ago")
        world.unwell(parked, label="Parked" + EVIL[:8])
        world.unwell(Health(), label="Well")
        off = world.unwell(parked, label="Switched off")
        world.parts.endpoints.deactivate(TENANT, off)
        page = world.browse("/console/operator", OPERATOR)
        text = text_of(page)
        names = re.findall(r"(Lately|Long ago|Parked|Well|Switched off)", text)
        assert names == ["Parked", "Long ago", "Lately"]
        assert "1 webhook parked" in text
        assert "2 webhooks failing" in text
        assert "2027-01-15 08:01:00" in text
        assert '"/console/t/globex"' in page.text

    def test_those_that_were_disabled_come_after_them_newest_first_with_why(self, world: World) -> None:
        world.unwell(Health(failing_since=NOW - 9_000), OTHER_TENANT, label="Limping")
        hooks = [world.endpoint(label=label)["id"] for label in ("First", "Second", "Switched on again")]
        for at, name in enumerate(hooks):
            world.store.give_up(TENANT, name, "failing_too_long", f"It failed for {5 + at} days.{EVIL}", NOW + at)
        world.parts.endpoints.activate(TENANT, hooks[2], by_operator=True)
        answer = world.browse("/console/operator", OPERATOR)
        text = text_of(answer)
        assert re.findall(r"Limping|First|Second|Switched", text) == ["Limping", "Second", "First"]
        assert "2027-01-15 08:00:00 It failed for 6 days." in text
        assert f'/console/t/acme/webhooks/{hooks[0]}"' in answer.text
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text

    def test_where_only_disabled_ones_are_that_is_said(self, world: World) -> None:
        world.store.give_up(TENANT, world.endpoint(label="Off")["id"], "gone", "It answered 410.", NOW)
        text = world.shown("/console/operator", OPERATOR)
        assert "No webhook is parked or failing." in text
        assert "It answered 410. gone" in text

    def test_one_look_serves_for_a_while(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        looks: list[str] = []
        healths = world.store.lane_healths

        def counted(after: str, limit: int) -> Any:
            looks.append(after)
            return healths(after, limit)

        monkeypatch.setattr(world.store, "lane_healths", counted)
        for _ in range(3):
            world.shown("/console/operator", OPERATOR)
        assert looks == [""]
        world.clock.pass_s(15)
        world.shown("/console/operator", OPERATOR)
        assert looks == ["", ""]

    def test_what_several_processes_do_is_put_together(self, world: World) -> None:
        takers = [world.taker(f"proc_{place}") for place in range(3)]
        world.gauges |= {f.IN_FLIGHT: {(): 4}, f.IN_FLIGHT_MAX: {(): 100}}
        world.meters.ingest.stored("single", 50, 0, 50)
        at = world.clock.wall_ms
        for taker in takers:
            world.clock.jump_ms(at - world.clock.wall_ms)
            taker.step()
        world.clock.pass_s(2)
        text = world.shown("/console/operator", OPERATOR)
        # The clock of the tests stands still for the others while one takes its pulse.
        rates = [50 / (10 * place) for place in (1, 2, 3)]
        assert f"{sum(rates):.1f} events a second" in text
        assert "12 of 300 requests under way" in text

    def test_figures_of_before_a_stop_are_in_the_charts_and_not_in_the_tiles(self, world: World) -> None:
        world.meters.ingest.stored("single", 50, 0, 50)
        for _ in range(2):
            world.pulse.step()
        world.clock.pass_s(3_600)
        text = world.shown("/console/operator", OPERATOR)
        assert "Events accepted: 0 a second, at most 5" in text
        assert "events a second" not in text.partition("In trouble")[0]
        again = world.taker("proc_2")
        for _ in range(2):
            again.step()
        world.clock.pass_s(2)
        answer = world.browse("/console/operator", OPERATOR)
        assert "0 events a second" in text_of(answer).partition("In trouble")[0]
        assert "none ran" in text_of(answer)
        (throughput,) = re.findall(r'<section class="card" aria-label="Throughput">.*?</svg>', answer.text, re.DOTALL)
        assert throughput.count("<polyline") == 2 * 3


class TestPulse:
    def test_it_keeps_six_hours(self, world: World) -> None:
        for _ in range(6 * 360 + 5):
            world.pulse.step()
        world.clock.pass_s(LATE_MS / 1_000)
        moments = world.console.processes.lately().moments
        assert moments[-1].at - moments[0].at == 6 * 3_600_000 - TICK_MS
        assert moments[-1].lag_ms is None
        assert moments[-1].waiting is None

    def test_it_goes_by_the_wall_clock(self, world: World) -> None:
        world.clock.pass_s(7.25)
        world.pulse.step()
        assert world.clock.now_ms() == NOW + TICK_MS
        (pulse,) = world.store.latest_pulses(0)
        assert (pulse.at, pulse.span_ms) == (NOW + TICK_MS, 10_000)

    def test_it_is_taken_once_in_a_moment_and_nothing_is_lost_to_a_clock_that_is_set(self, world: World) -> None:
        world.pulse.step()
        world.meters.ingest.stored("single", 60, 0, 50)
        world.clock.jump_ms(-4)
        world.pulse.step()  # a moment early: it is the same one
        world.pulse.step()
        assert [one.events for one in world.store.latest_pulses(0)] == [60]
        assert len(world.store.moments(0, NOW + 10 * TICK_MS)) == 2

    def test_what_the_store_did_not_take_is_in_the_next_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(pulse: object) -> None:
            raise StoreUnavailable("It is away.")

        world.meters.ingest.stored("single", 60, 0, 50)
        with monkeypatch.context() as patched:
            patched.setattr(world.store, "add_pulse", away)
            world.pulse.step()
        assert world.told == [StoreTrouble("pulse", "store_unavailable", "It is away.")]
        world.pulse.step()
        (pulse,) = world.store.latest_pulses(0)
        assert (pulse.events, pulse.span_ms) == (60, 20_000)

    def test_who_is_told_to_stop_takes_none(self, world: World) -> None:
        taker = PulseTaker(
            Running("proc_2", "here:1", "0.0", "all"),
            world.store,
            meters=world.meters,
            gauges=dict,
            clock=world.clock,
            wait=lambda seconds: True,
            observer=world.told.append,
        )
        world.clock.pass_s(60)
        taker.step()
        assert world.store.latest_pulses(0) == []

    def test_a_chart_shows_the_highest_of_neighbours(self) -> None:
        values = [0.0] * 10_000
        values[5_001] = 8.0
        made = chart("A", "", range(10_000), (("a", values), ("none", [None] * 10_000)), 1)
        (stroke,) = made.lines[0].strokes
        points = stroke.split()
        assert len(points) <= POINTS_MAX
        assert sum(point.endswith(",0.0") for point in points) == 1
        assert (made.most, made.lines[1].strokes, made.lines[1].last) == (8.0, [], None)

    def test_a_chart_is_broken_where_nothing_is_known_of_the_time(self) -> None:
        made = chart("A", "", [0, 10, 40, 50, 90, 100], (("a", [1.0, 2.0, None, 2.0, None, None]),), 29)
        assert made.lines[0].strokes == ["0.0,60.0 60.0,0.0", "300.0,0.0"]
        assert made.lines[0].last == 2.0


class TestProcesses:
    def test_they_are_there_with_what_they_do(self, world: World) -> None:
        assert "No process has said" in world.shown("/console/nodes", OPERATOR)
        sender = world.taker(world.clock.new_id("proc"), "engine")
        world.gauges |= {f.IN_FLIGHT: {(): 4}, f.IN_FLIGHT_MAX: {(): 100}}
        world.meters.ingest.stored("single", 50, 0, 50)
        for _ in range(3):
            world.meters.attempts.succeeded_s.add(0.01)
        sender.step()
        at = "2027-01-15 08:00:00"
        shown = f"here:1 sends 0.0 {at} 5 0.3 0 4 of 100 2027-01-15 08:00:10"
        assert shown in world.shown("/console/nodes", OPERATOR)
        assert "silent Each" not in world.shown("/console/nodes", OPERATOR)
        world.clock.pass_s(31)
        silent = f"here:1 sends 0.0 {at} – – – – 2027-01-15 08:00:10 silent"
        assert silent in world.shown("/console/nodes", OPERATOR)
        world.clock.pass_s(90)
        assert "No process has said" in world.shown("/console/nodes", OPERATOR)

    def test_one_that_only_accepts_has_no_requests_under_way(self, world: World) -> None:
        world.taker("proc_2", "api").step()
        assert "here:1 accepts 0.0 – 0 0 0 – 2027" in world.shown("/console/nodes", OPERATOR)

    def test_nodes_are_there_with_what_they_work_on(self, world: World) -> None:
        assert "node_a – 0 0" in world.shown("/console/nodes", OPERATOR)
        name = world.clock.new_id("node")
        world.store.register(name, NOW)
        text = world.shown("/console/nodes", OPERATOR)
        assert f"{name} 2027-01-15 08:00:00" in text


class TestSettings:
    def test_no_secret_is_shown(self, world: World) -> None:
        text = world.shown("/console/settings", OPERATOR)
        assert "k" * 40 not in text
        assert "admin_key set, and not shown" in text
        assert "master_key not set" in text
        assert "in_flight_max 77 requests set" in text
        assert "log_level info The least" in text

    def test_urls_lose_their_passwords(self) -> None:
        made = Settings(
            store="postgresql://u:pass@db/x",
            otlp_url="http://me:word@c:4318/v1",
            allow=(parse_allowed("10.0.0.0/8:443"),),
        )
        values = {one.info.name: one.value for one in shown(made)}
        assert values["store"] == "postgresql://u:***@db/x"
        assert values["otlp_url"] == "http://***@c:4318/v1"
        assert values["allow"] == "10.0.0.0/8:443"
        assert values["allow_private"] == "no"
        assert all(one.is_default for one in shown(Settings()))


class TestTenants:
    def test_they_are_listed_page_by_page(self, world: World) -> None:
        for place in range(60):
            world.parts.tenants.create(f"t{place:02d}", {"name": EVIL[:20]}, None)
        first = world.browse("/console/tenants", OPERATOR)
        assert "acme" in text_of(first)
        (older,) = re.findall(r'href="([^"]*)" rel="next"', first.text)
        assert "t59" in world.shown(older, OPERATOR)

    def test_one_is_made_changed_and_deleted(self, world: World) -> None:
        form = {"id": "new-one", "name": "New", "profile": "standard", "retention_days": "7", "webhooks_enabled": "yes"}
        assert "New tenant" in world.shown("/console/new-tenant", OPERATOR)
        made = world.send("/console/tenants", form, OPERATOR)
        assert made.headers["location"] == "/console/tenants/new-one"
        assert world.parts.tenants.get("new-one").retention_days == 7
        assert 'value="7"' in world.browse("/console/tenants/new-one", OPERATOR).text
        change = {**form, "events_per_second": "2.5", "endpoints_max": "10", "webhooks_enabled": ""}
        assert world.send("/console/tenants/new-one", change, OPERATOR).status_code == 303
        after = world.parts.tenants.get("new-one")
        assert (after.events_per_second, after.endpoints_max, after.webhooks_enabled) == (2.5, 10, False)
        assert 'value="2.5"' in world.browse("/console/tenants/new-one", OPERATOR).text
        assert world.send("/console/tenants/new-one", {**change, "events_per_second": ""}, OPERATOR).status_code == 303
        assert world.parts.tenants.get("new-one").events_per_second is None
        assert "Nothing brings them back" in text_of(world.send("/console/tenants/new-one/delete", role=OPERATOR))
        gone = world.send("/console/tenants/new-one/delete", {"sure": "yes"}, OPERATOR)
        assert gone.headers["location"] == "/console/tenants"
        with pytest.raises(NotFound):
            world.parts.tenants.get("new-one")
        assert [action for _, action, _, _ in world.done] == [
            "console.create_tenant", "console.change_tenant", "console.change_tenant", "console.delete_tenant",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": ""}, "name"),
            ({"id": "no blanks"}, "id"),
            ({"retention_days": ""}, "retention_days"),
            ({"retention_days": "0"}, "retention_days"),
            ({"events_per_second": "many"}, "events_per_second"),
            ({"events_per_second": "nan"}, "events_per_second"),
            ({"endpoints_max": "1.5"}, "endpoints_max"),
            ({"payload_bytes_max": "1"}, "payload_bytes_max"),
            ({"profile": "none"}, "profile"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(self, world: World, change: dict[str, str], field: str) -> None:
        form = {"id": "x", "name": "X", "profile": "standard", "retention_days": "7", **change}
        answer = world.send("/console/tenants", form, OPERATOR)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text

    def test_an_id_that_is_taken_is_said(self, world: World) -> None:
        form = {"id": TENANT, "name": "X", "profile": "standard", "retention_days": "7"}
        answer = world.send("/console/tenants", form, OPERATOR)
        assert answer.status_code == 409
        assert "There is a tenant with the id acme" in text_of(answer)


class TestProfiles:
    def test_those_there_are_are_shown_with_their_text(self, world: World) -> None:
        assert "standard" in world.shown("/console/profiles", OPERATOR)
        text = world.shown("/console/profiles/standard", OPERATOR)
        assert "Most have it" in text
        assert "webhook-signature" in text
        assert "Replace it" not in text

    def test_one_is_written_replaced_and_deleted(self, world: World) -> None:
        text = load_profile("standard").text
        misnamed = world.send("/console/profiles", {"name": "ours", "toml": text}, OPERATOR)
        assert 'id="toml-error"' in misnamed.text
        assert "(line 3)" in misnamed.text
        text = text.replace('name = "standard"', 'name = "ours"')
        form = {"name": "ours", "toml": text}
        beginning = world.browse("/console/new-profile?like=standard", OPERATOR)
        assert "webhook-signature" in beginning.text
        assert world.send("/console/profiles", form, OPERATOR).headers["location"] == "/console/profiles/ours"
        hook = world.endpoint(profile="ours", label="Mine")["id"]
        assert "Mine of acme" in world.shown("/console/profiles/ours", OPERATOR)
        assert world.send("/console/profiles", form, OPERATOR).status_code == 303
        refused = world.send("/console/profiles/ours/delete", {"sure": "yes"}, OPERATOR)
        assert refused.status_code == 409
        world.parts.endpoints.delete(TENANT, hook)
        assert world.send("/console/profiles/ours/delete", role=OPERATOR).status_code == 200
        assert world.send("/console/profiles/ours/delete", {"sure": "yes"}, OPERATOR).status_code == 303
        assert world.browse("/console/profiles/ours", OPERATOR).status_code == 404

    def test_what_is_wrong_is_said_with_its_line_and_the_text_stays(self, world: World) -> None:
        broken = 'title = "T"\n</textarea><script>\n'
        answer = world.send("/console/profiles", {"name": "ours", "toml": broken}, OPERATOR)
        assert answer.status_code == 422
        assert 'id="toml-error"' in answer.text
        assert "line 2" in text_of(answer)
        assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text
        assert world.send("/console/profiles", {"name": "No Good", "toml": broken}, OPERATOR).status_code == 422
        assert world.send("/console/profiles", {"name": "standard", "toml": broken}, OPERATOR).status_code in (409, 422)


class TestOperators:
    def test_one_is_added_changed_and_taken_away(self, world: World) -> None:
        both = {"password": "correct horse battery", "again": "correct horse battery"}
        assert "ada" in world.shown("/console/operators", OPERATOR)
        assert world.send("/console/operators", {"name": "bob", **both}, OPERATOR).status_code == 303
        assert "bob" in world.shown("/console/operators", OPERATOR)
        assert "A new password for bob" in world.shown("/console/operators/op_2", OPERATOR)
        assert world.send("/console/operators/op_2/password", both, OPERATOR).status_code == 303
        assert world.people.passwords == {"op_2": "correct horse battery"}
        assert "Take bob away?" in text_of(world.send("/console/operators/op_2/delete", role=OPERATOR))
        assert world.send("/console/operators/op_2/delete", {"sure": "yes"}, OPERATOR).status_code == 303
        assert [one.name for one in world.people.rows] == ["ada"]

    @pytest.mark.parametrize(
        ("form", "status", "said"),
        [
            ({"name": "bob", "password": "short", "again": "short"}, 422, "password-error"),
            ({"name": "bob", "password": "a" * 12, "again": "b" * 12}, 422, "again-error"),
            ({"name": "bob"}, 422, "password-error"),
            ({"name": "ada", "password": "a" * 12, "again": "a" * 12}, 409, "alert"),
        ],
    )
    def test_what_is_wrong_is_said_and_no_password_shown(
        self, world: World, form: dict[str, str], status: int, said: str
    ) -> None:
        answer = world.send("/console/operators", form, OPERATOR)
        assert answer.status_code == status
        assert said in answer.text
        assert form.get("password", "never shown") not in answer.text
        assert len(world.people.rows) == 1

    def test_many_are_listed_page_by_page(self, world: World) -> None:
        for place in range(300):
            world.people.create(f"person {place:03d}", "a" * 12)
        first = world.browse("/console/operators", OPERATOR)
        (older,) = re.findall(r'href="([^"]*)" rel="next"', first.text)
        assert "person 060" in world.shown(older, OPERATOR)
        assert "person 299" in world.shown("/console/operators/op_301", OPERATOR)

    def test_who_is_not_there_is_not_there(self, world: World) -> None:
        for address in ("op_9", "op_9/password", "op_9/delete"):
            assert world.send(f"/console/operators/{address}", role=OPERATOR).status_code in (404, 405)


class TestActivity:
    def test_everybodys_is_the_operators_to_see(self, world: World) -> None:
        page = world.browse("/console/activity", OPERATOR)
        assert page.text.count("key.deleted") == 2
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text
        (older,) = re.findall(r'href="([^"]*)" rel="next"', page.text)
        assert world.browse(older, OPERATOR).text.count("key.deleted") == 2
        assert world.browse("/console/activity?of=none", OPERATOR).text.count("key.deleted") == 1

    def test_a_tenants_people_see_their_own(self, world: World) -> None:
        page = world.browse("/console/t/acme/activity", "viewer")
        assert page.text.count("key.deleted") == 2
        assert "globex" not in page.text
        assert "url: https://a.example" in text_of(page)
        assert world.browse("/console/t/none/activity", OPERATOR).status_code == 404
