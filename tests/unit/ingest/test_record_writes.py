"""Changes of records through the ingest writer: what is stored, which events are made, and what callers are told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ringback.ingest.index import MatchIndex
from ringback.ingest.record_write import ANY_REVISION, NO_REVISION, RecordOp, RecordOutcome, RecordWrite
from ringback.ingest.rule_failures import RuleFailures
from ringback.ingest.submission import NoEngine, RecordResult, Submission
from ringback.ingest.writer import Writer
from ringback.model.errors import NoSuchRecord, PreconditionFailed, RingbackError, TooLarge, WebhooksDisabled
from ringback.model.event import Event
from ringback.model.record import Record, RecordType
from ringback.model.tracked_set import TrackedSet
from ringback.model.trigger import Trigger
from ringback.store.memory import MemoryStore
from ringback.store.port import EventQuery, Store
from ringback.store.sqlite import SqliteStore
from ringback.testing.clock import ManualClock
from ringback.times import DAY_MS
from ringback.workers import ThreadMailbox
from support.rows import NOW, TENANT, endpoint, event, secret, tenant

BYTES_MAX = 2_000


def put(data: Mapping[str, Any] | bytes, record_id: str = "1", **changes: Any) -> RecordWrite:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    plain = RecordWrite(TENANT, "contact", record_id, RecordOp.PUT, body, None, None, None, None, NOW, 0, "", BYTES_MAX)
    return plain._replace(**changes)


def patch(data: Mapping[str, Any], record_id: str = "1", **changes: Any) -> RecordWrite:
    return put(data, record_id, op=RecordOp.PATCH, **changes)


def delete(record_id: str = "1", **changes: Any) -> RecordWrite:
    return put(b"", record_id, op=RecordOp.DELETE, **changes)


class Noting(RuleFailures):
    """Keeps what it is told in a list."""

    def __init__(self, failures: list[tuple[str, str, str, str]]) -> None:
        super().__init__(None, ManualClock(NOW))
        self._failures = failures

    def failed(self, tenant_id: str, rule_id: str, event_id: str, message: str) -> None:
        self._failures.append((tenant_id, rule_id, event_id, message))


class World:
    """A writer on a store with one tenant."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failures: list[tuple[str, str, str, str]] = []
        self.inbox: ThreadMailbox[Submission] = ThreadMailbox()
        store.create_tenant(tenant(), secret("sec_1", None))
        self.writer = Writer(
            store=store,
            index=MatchIndex(),
            clock=ManualClock(NOW),
            inbox=self.inbox,
            engine=NoEngine(),
            on_done=lambda submissions: None,
            pause=lambda seconds: None,
            rule_failures=Noting(self.failures),
        )

    def submit(self, *submissions: Submission) -> None:
        """All in one batch."""
        for submission in submissions:
            self.writer.submit(submission)
        self.writer.step()

    def write(self, *writes: RecordWrite) -> Sequence[RecordResult]:
        """One request; what became of it."""
        submission = Submission([], [], None, writes=writes)
        self.submit(submission)
        assert isinstance(submission.outcome, list), submission.outcome
        assert [one for result in submission.results for one in result.events] == submission.outcome
        return submission.results

    def refused(self, *writes: RecordWrite) -> RingbackError:
        submission = Submission([], [], None, writes=writes)
        self.submit(submission)
        assert isinstance(submission.outcome, RingbackError)
        assert not submission.results
        return submission.outcome

    def record(self, record_id: str = "1") -> Record | None:
        return self.store.get_record(TENANT, "contact", record_id)

    def data(self, record_id: str = "1") -> object:
        record = self.record(record_id)
        assert record is not None
        return json.loads(record.data) if record.data else None

    @property
    def events(self) -> list[Event]:
        """All that were stored, in order."""
        return [row.event for row in self.store.list_events(EventQuery(TENANT, ascending=True, limit=500))]

    @property
    def told(self) -> list[tuple[object, ...]]:
        return [(one.type, _value(one.data), _value(one.previous), _value(one.changed)) for one in self.events]


def _value(text: bytes | str | None) -> object:
    return None if text is None else json.loads(text)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World(MemoryStore())
        return
    store = SqliteStore.open(tmp_path / "ringback.db")
    yield World(store)
    store.close()


def test_a_record_that_is_made_changed_and_deleted_makes_an_event_each_time(world: World) -> None:
    made, changed, gone = (
        *world.write(put({"a": 1, "b": 2})),
        *world.write(put({"a": 1, "b": 3})),
        *world.write(delete()),
    )

    assert [one.outcome for one in (made, changed, gone)] == ["created", "updated", "deleted"]
    assert [one.revision for one in (made, changed, gone)] == [1, 2, 3]
    assert [one.changed for one in (made, changed, gone)] == [("/a", "/b"), ("/b",), ("/a", "/b")]
    assert world.told == [
        ("contact.created", {"a": 1, "b": 2}, None, ["/a", "/b"]),
        ("contact.updated", {"a": 1, "b": 3}, {"a": 1, "b": 2}, ["/b"]),
        ("contact.deleted", {"a": 1, "b": 3}, {"a": 1, "b": 3}, ["/a", "/b"]),
    ]
    for one in world.events:
        assert (one.subject_type, one.subject_id, one.ordering_key, one.origin) == (
            "contact",
            "1",
            "contact/1",
            "record",
        )
        assert one.change == one.type.removeprefix("contact.")


def test_the_event_has_the_callers_bytes_and_goes_to_who_asked(world: World) -> None:
    world.store.create_endpoint(endpoint("ep_b", event_types=("contact.updated",), channels=("eu",)), None, 9)
    world.write(put(b'{ "a":1.0 }'))
    (result,) = world.write(put(b'{"a" : 2.50}', channel="eu", source_at=NOW - 5, hops=2))

    assert [one.deliveries for one in result.events] == [1]
    first, second = world.events
    assert (first.data, second.data, second.previous) == (b'{ "a":1.0 }', b'{"a" : 2.50}', b'{ "a":1.0 }')
    assert (second.channel, second.occurred_at, second.hops, second.id) == ("eu", NOW - 5, 2, result.events[0].id)


def test_what_is_no_change_makes_no_event_and_no_revision(world: World) -> None:
    world.write(put({"a": 1, "b": [1, {"c": None}]}))
    for same in (put(b'{"b":[1,{"c":null}], "a": 1.0}'), patch({"a": 1}), patch({"zz": None}), patch({})):
        (result,) = world.write(same)
        assert (result.outcome, result.revision, result.events, result.changed) == ("unchanged", 1, [], ())
    assert len(world.events) == 1


def test_a_patch_is_merged_and_what_it_does_not_name_stays(world: World) -> None:
    world.write(put(b'{"a": 1.0, "in": {"x": 1, "y": 2}, "gone": true}'))
    (result,) = world.write(patch({"in": {"y": 3}, "gone": None, "new": []}))
    assert result.changed == ("/gone", "/in/y", "/new")
    assert world.data() == {"a": 1.0, "in": {"x": 1, "y": 3}, "new": []}


@pytest.mark.parametrize("write", [patch({"a": 1}), delete()])
def test_what_is_not_there_can_neither_be_patched_nor_deleted(world: World, write: RecordWrite) -> None:
    refused = world.refused(write)
    assert isinstance(refused, NoSuchRecord)
    assert world.record() is None
    assert not world.events


def test_a_deleted_record_can_be_deleted_again_not_patched_and_made_anew(world: World) -> None:
    world.write(put({"a": 1}), delete())
    assert world.write(delete())[0].outcome is RecordOutcome.UNCHANGED
    assert isinstance(world.refused(patch({"a": 2})), NoSuchRecord)
    (result,) = world.write(put({"a": 1}))
    assert (result.outcome, result.revision) == ("created", 3)
    assert world.events[-1].previous is None


def test_several_changes_of_one_record_in_one_request_are_made_in_their_order(world: World) -> None:
    results = world.write(put({"n": 0}), *(patch({"n": n}) for n in (1, 1, 2)), delete(), put({"n": 3}))
    assert [one.outcome for one in results] == ["created", "updated", "unchanged", "updated", "deleted", "created"]
    assert [(one.data, one.previous) for one in world.events] == [
        (b'{"n": 0}', None),
        (b'{"n":1}', b'{"n": 0}'),
        (b'{"n":2}', b'{"n":1}'),
        (b'{"n":2}', b'{"n":2}'),
        (b'{"n": 3}', None),
    ]
    assert (world.data(), world.record().revision) == ({"n": 3}, 5)  # type: ignore[union-attr]


def test_requests_of_one_batch_see_each_other_and_one_that_is_refused_leaves_nothing(world: World) -> None:
    one = Submission([], [], None, writes=[put({"n": 1})])
    broken = Submission([], [], None, writes=[put({"n": 9}), put({}, "2"), patch({"n": 9}, "3", place="records[2]")])
    two = Submission([], [], None, writes=[patch({"n": 2})])
    plain = Submission([event("evt_plain")], [None], None)
    world.submit(one, broken, two, plain)

    assert isinstance(broken.outcome, NoSuchRecord)
    assert "records[2]" in broken.outcome.detail
    assert [result.outcome for result in (*one.results, *two.results)] == ["created", "updated"]
    assert world.data() == {"n": 2}
    assert world.record("2") is None
    assert [one.type for one in world.events] == ["contact.created", "contact.updated", "contact.created"]
    assert world.writer.events_waiting == 0
    assert world.writer.bytes_waiting == 0


@pytest.mark.parametrize(
    ("wanted", "met"), [(1, False), (2, True), (3, False), (ANY_REVISION, True), (NO_REVISION, False)]
)
def test_a_condition_on_what_is_stored(world: World, wanted: int, met: bool) -> None:
    world.write(put({"n": 1}), put({"n": 2}))
    if met:
        assert world.write(put({"n": 3}, if_revision=wanted))[0].revision == 3
    else:
        assert isinstance(world.refused(put({"n": 3}, if_revision=wanted)), PreconditionFailed)
        assert world.data() == {"n": 2}


@pytest.mark.parametrize(("wanted", "met"), [(1, False), (2, False), (ANY_REVISION, False), (NO_REVISION, True)])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_condition_on_what_is_not_there(world: World, wanted: int, met: bool, deleted: bool) -> None:
    if deleted:
        world.write(put({"n": 1}), delete())
    write = put({"n": 2}, if_revision=wanted)
    if met:
        assert world.write(write)[0].outcome is RecordOutcome.CREATED
    else:
        assert isinstance(world.refused(write), PreconditionFailed)


@pytest.mark.parametrize("late", [put({"n": 9}), patch({"n": 9}), delete()])
@pytest.mark.parametrize(
    ("stored", "came"),
    [
        ({"version": 5}, {"version": 4}),
        ({"version": 5}, {"version": 5}),
        ({"source_at": NOW}, {"source_at": NOW - 1}),
        ({"version": 5, "source_at": NOW}, {"version": 4, "source_at": NOW + 1}),
    ],
)
def test_what_comes_late_changes_nothing(
    world: World, late: RecordWrite, stored: dict[str, int], came: dict[str, int]
) -> None:
    world.write(put({"n": 1}, **stored))
    (result,) = world.write(late._replace(**came))
    assert (result.outcome, result.revision, result.events) == ("stale", 1, [])
    assert world.data() == {"n": 1}
    assert len(world.events) == 1


@pytest.mark.parametrize(
    ("stored", "came"),
    [
        ({"version": 5}, {"version": 6}),
        ({"version": 5}, {}),
        ({}, {"version": 1}),
        ({"source_at": NOW}, {"source_at": NOW}),
        ({"version": 5, "source_at": NOW}, {"version": 6, "source_at": NOW - 1}),
        ({"version": 5}, {"source_at": 1}),
    ],
)
def test_what_is_not_known_to_be_late_is_taken(world: World, stored: dict[str, int], came: dict[str, int]) -> None:
    world.write(put({"n": 1}, **stored))
    assert world.write(put({"n": 2}, **came))[0].outcome is RecordOutcome.UPDATED
    record = world.record()
    assert record is not None
    assert record.version == came.get("version", stored.get("version"))


def test_a_late_state_does_not_bring_back_what_was_deleted(world: World) -> None:
    world.write(put({"n": 1}, version=1), delete(version=3))
    assert world.write(put({"n": 2}, version=2))[0].outcome is RecordOutcome.STALE
    assert world.data() is None
    assert world.write(put({"n": 4}, version=4))[0].outcome is RecordOutcome.CREATED


def test_the_same_state_under_a_newer_version_makes_older_ones_late(world: World) -> None:
    world.write(put({"n": 1}, version=1))
    assert world.write(put({"n": 1}, version=5))[0].outcome is RecordOutcome.UNCHANGED
    assert world.write(put({"n": 3}, version=3))[0].outcome is RecordOutcome.STALE
    assert world.write(put({"n": 1}, version=5))[0].outcome is RecordOutcome.UNCHANGED


def test_ignored_fields_are_stored_and_never_told(world: World) -> None:
    world.store.put_record_type(RecordType("contact", ignored=("/seen_at", "/meta"), created_at=NOW), 9)
    world.write(put({"n": 1, "seen_at": 1}))
    (result,) = world.write(put({"n": 1, "seen_at": 2, "meta": {"x": 1}}))
    assert (result.outcome, result.revision, result.events, result.changed) == ("updated", 2, [], ())
    assert world.data() == {"n": 1, "seen_at": 2, "meta": {"x": 1}}
    (result,) = world.write(patch({"n": 2, "seen_at": 3}))
    assert result.changed == ("/n",)
    assert world.told[-1] == (
        "contact.updated",
        {"n": 2, "seen_at": 3, "meta": {"x": 1}},
        {"n": 1, "seen_at": 2, "meta": {"x": 1}},
        ["/n"],
    )


def test_events_of_a_type_with_a_mask_carry_its_fields_and_tell_of_no_other(world: World) -> None:
    world.store.put_record_type(RecordType("contact", fields=("/id", "/company/name"), created_at=NOW), 9)
    world.write(put({"id": 1, "secret": "x", "company": {"name": "A", "size": 3}}))
    assert world.write(patch({"secret": "y", "company": {"size": 4}}))[0].events == []
    world.write(patch({"company": {"name": "B"}, "secret": "z"}))
    world.write(delete())
    masked = {"id": 1, "company": {"name": "B"}}
    assert world.told == [
        ("contact.created", {"id": 1, "company": {"name": "A"}}, None, ["/company", "/id"]),
        ("contact.updated", masked, {"id": 1, "company": {"name": "A"}}, ["/company/name"]),
        ("contact.deleted", masked, masked, ["/company", "/id"]),
    ]
    world.store.delete_record_type("contact")
    world.write(put({"secret": 1}))
    assert world.told[-1][1] == {"secret": 1}


def test_a_deleted_record_keeps_no_data_and_is_kept_as_long_as_its_type_says(world: World) -> None:
    world.store.put_record_type(RecordType("contact", deleted_kept_days=3, created_at=NOW), 9)
    world.write(put({"n": 1}), delete())
    record = world.record()
    assert record is not None
    assert record.data == b""
    assert record.forget_at == NOW + 3 * DAY_MS
    assert not world.store.forget_records_step(record.forget_at - 1, 10)
    assert world.store.forget_records_step(record.forget_at, 10) == 1
    assert world.record() is None


def test_a_patch_that_makes_a_record_too_large_is_refused(world: World) -> None:
    world.write(put({"a": "x" * 1_500}))
    refused = world.refused(patch({"b": "x" * 1_500}))
    assert isinstance(refused, TooLarge)
    assert world.record().revision == 1  # type: ignore[union-attr]


def test_what_a_batch_reads_of_stored_records_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.ingest.records.STORED_BYTES_MAX", 3_000)
    monkeypatch.setattr("ringback.ingest.records.LOCKED_AT_ONCE", 2)
    large = {"a": "x" * 1_400}
    for record_id in "123":
        world.write(put(large, record_id))
    apart = [Submission([], [], None, writes=[patch({"n": 1}, record_id)]) for record_id in "123"]
    world.submit(*apart)
    assert [one.results[0].outcome for one in apart] == ["updated"] * 3

    assert isinstance(world.refused(*(patch({"n": 2}, record_id) for record_id in "123")), TooLarge)
    assert [world.record(record_id).revision for record_id in "123"] == [2, 2, 2]  # type: ignore[union-attr]


def test_where_webhooks_are_off_nothing_is_stored(world: World) -> None:
    world.store.update_tenant(tenant(webhooks_enabled=False, revision=2))
    assert isinstance(world.refused(put({"n": 1})), WebhooksDisabled)
    assert world.record() is None


# ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def make_trigger(world: World, **changes: Any) -> Trigger:
    plain: dict[str, Any] = {
        "id": "trg_1",
        "tenant_id": TENANT,
        "name": "Hot",
        "record_type": "contact",
        "when": 'passed("score", 80)',
        "emits": "lead.hot",
        "created_at": NOW,
        "updated_at": NOW,
    }
    made = Trigger(**{**plain, **changes})
    assert world.store.create_trigger(made, 9)
    return made


def fired(world: World) -> list[object]:
    return [_value(one.data) for one in world.events if one.origin not in (None, "record")]


def test_a_trigger_fires_once_per_crossing_behind_the_records_own_event(world: World) -> None:
    make_trigger(world)
    world.store.create_endpoint(endpoint("ep_b", event_types=("lead.*",)), None, 9)
    (result,) = world.write(put({"score": 85}))
    assert [one.type for one in result.events] == ["contact.created", "lead.hot"]
    assert [one.deliveries for one in result.events] == [0, 1]
    for score in (90, 79, 80, 81, None, 95):
        world.write(put({"score": score}))
    assert fired(world) == [{"score": 85}, {"score": 80}, {"score": 95}]
    last = world.events[-1]
    assert (last.type, last.origin, last.subject_id, last.change, last.previous) == (
        "lead.hot", "trg_1", "1", "updated", b'{"score": null}',
    )  # fmt: skip


def test_crossings_within_one_batch_are_seen_one_by_one(world: World) -> None:
    make_trigger(world)
    world.submit(*(Submission([], [], None, writes=[put({"score": score})]) for score in (10, 90, 10, 90, 90)))
    assert fired(world) == [{"score": 90}, {"score": 90}]


def test_hysteresis_and_cooldown_are_remembered_with_the_record(world: World) -> None:
    make_trigger(world, when='passed("score", 80, 10)')
    make_trigger(world, id="trg_2", when="data.score > 0", cooldown_s=60.0, emits="seen", data='{"s": data.score}')
    for score in (85, 75, 85, 69, 85):
        world.write(put({"score": score}))
    assert [one.type for one in world.events if one.origin == "trg_1"] == ["lead.hot", "lead.hot"]
    assert fired(world).count({"s": 85}) == 1
    world.write(put({"score": 86}, accepted_at=NOW + 60_000))
    assert {"s": 86} in fired(world)


def test_what_is_remembered_of_a_record_holds_for_its_deletion_too(world: World) -> None:
    make_trigger(world, when='exited("score", 80, 10)', emits="lead.cold")
    make_trigger(world, id="trg_2", when="true", cooldown_s=60.0, emits="seen")
    for score in (85, 75):
        world.write(put({"score": score}))
    world.write(delete())
    assert [one.type for one in world.events if one.origin == "trg_1"] == ["lead.cold"]
    assert [one.type for one in world.events if one.origin == "trg_2"] == ["seen"]
    world.write(put({"score": 75}))
    assert [one.type for one in world.events if one.origin == "trg_2"] == ["seen", "seen"]


def test_triggers_see_the_whole_record_whatever_its_events_carry(world: World) -> None:
    world.store.put_record_type(RecordType("contact", fields=("/id",), created_at=NOW), 9)
    make_trigger(world, data=("/score",))
    (result,) = world.write(put({"id": 1, "score": 1}))
    (result,) = world.write(patch({"score": 90}))
    assert not result.has_event
    assert [one.type for one in result.events] == ["lead.hot"]
    assert fired(world) == [{"score": 90}]


def test_a_trigger_of_another_tenant_or_type_or_one_that_is_off_or_gone_does_not_fire(world: World) -> None:
    world.store.create_tenant(tenant("globex"), secret("sec_2", None, "globex"))
    make_trigger(world, tenant_id="globex")
    make_trigger(world, id="trg_2", record_type="company")
    make_trigger(world, id="trg_3", active=False)
    gone = make_trigger(world, id="trg_4")
    world.write(put({"score": 1}))
    world.store.delete_trigger(TENANT, gone.id)
    world.write(put({"score": 90}))
    assert not fired(world)


def test_a_trigger_that_fails_does_not_fire_and_is_told(world: World) -> None:
    make_trigger(world, when="data.missing.deeper == 1")
    world.write(put({"score": 1}))
    ((tenant_id, rule_id, event_id, message),) = world.failures
    assert (tenant_id, rule_id, event_id) == (TENANT, "trg_1", world.events[0].id)
    assert message
    assert not fired(world)


# ── tracked sets ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_endpoint_with_a_tracked_set_gets_events_of_members_alone(world: World) -> None:
    world.store.create_endpoint(endpoint("ep_b", tracked_set="mine"), None, 9)
    world.store.create_endpoint(endpoint("ep_all"), None, 9)

    def deliveries(record_id: str) -> int:
        return world.write(put({"n": len(world.events)}, record_id))[0].events[0].deliveries

    assert deliveries("1") == 1  # there is no such set
    world.store.put_tracked_set(TrackedSet("ts_1", TENANT, "mine", 0, NOW, NOW), 9)
    assert deliveries("1") == 1  # it is empty
    world.store.add_members(TENANT, "mine", ["1", "3"], NOW, 99)
    assert [deliveries(record_id) for record_id in ("1", "2", "3")] == [2, 1, 2]
    subjects = [event("evt_a", subject_type="any", subject_id="3"), event("evt_b")]
    plain = Submission(subjects, [None, None], None)
    world.submit(plain)
    assert isinstance(plain.outcome, list)
    assert [one.deliveries for one in plain.outcome] == [2, 1]
    world.store.remove_members(TENANT, "mine", ["1"], NOW)
    assert deliveries("1") == 1
    world.store.delete_endpoint(TENANT, "ep_b", NOW)
    assert deliveries("3") == 1
