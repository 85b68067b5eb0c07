"""Samples in a profile's file: what is read, and what is refused with its line."""

import json
import re

import pytest

from ringback.wire.message import Message
from ringback.wire.profile import check_profile, load_profile, profile_names, profile_text
from ringback.wire.sample import SAMPLES_MAX, Sample
from ringback.wire.vocabulary import ProfileError

STANDARD = profile_text("standard").rstrip("\n") + "\n"
LINE = STANDARD.count("\n") + 1
FULL = """[[samples]]
event_types = ["order.created", "order.updated"]
subject = { type = "Order", id = "o_1" }
change = "created"
previous = "null"
data = '''
{ "id": "o_1", "total": 1.50 }
'''
[[samples]]
event_types = ["ping"]
data = '"ä"'
"""
NAMED = {
    "standard-thin": {"contact.created"},
    "vainu": {"company.updated"},
    "vinsight": {"contact.created", "contact.updated", "contact.deleted"},
    "insideview": {"company.updated"},
    "sitefinity-insight": {
        "contact.became",
        "contact.updated",
        "persona_scoring.threshold_passed",
        "persona_scoring.threshold_exited",
        "lead_scoring.threshold_passed",
        "lead_scoring.threshold_exited",
    },
    "vessel": {
        *(
            f"{name}.{change}"
            for name in (
                "contact",
                "account",
                "deal",
                "lead",
                "user",
                "note",
                "task",
                "event",
                "event_attendee",
                "email",
            )
            for change in ("created", "updated", "deleted")
        ),
        "connection.status_changed",
    },
}


def test_samples_are_read_in_order_with_their_bytes() -> None:
    samples = check_profile(STANDARD + FULL, "standard").samples
    data = b'{ "id": "o_1", "total": 1.50 }'
    assert list(samples.values()) == [
        Sample("order.created", data, "Order", "o_1", "created", b"null"),
        Sample("order.updated", data, "Order", "o_1", "created", b"null"),
        Sample("ping", '"ä"'.encode()),
    ]
    assert list(samples) == ["order.created", "order.updated", "ping"]


# What is found in the samples above, what is put there instead, the key that is named, its line, words of the message.
REFUSED = {
    "an unknown key": ("change =", "changed =", "samples[0].changed", 3, "allowed: event_types, data, subject, change"),
    "no types": ('event_types = ["ping"]', "", "samples[1].event_types", 8, "is missing"),
    "a pattern": ('"ping"', '"order.*"', "samples[1].event_types", 9, "'order.*' is none of event types"),
    "a long type": ('"ping"', f'"{"a" * 129}"', "samples[1].event_types", 9, "is none of event types"),
    "a type twice": ('"ping"', '"order.updated"', "samples[1].event_types", 9, "order.updated has a sample already"),
    "a type twice in one": ('["ping"]', '["ping", "ping"]', "samples[1].event_types", 9, "each once"),
    "no data": ("data = '\"ä\"'", "", "samples[1].data", 8, "is missing"),
    "data that are no JSON": ("'\"ä\"'", "'{'", "samples[1].data", 10, "is no JSON"),
    "data that JSON has not": ("'\"ä\"'", "'NaN'", "samples[1].data", 10, "NaN is no number of JSON"),
    "data that are a table": ("'\"ä\"'", "{ a = 1 }", "samples[1].data", 10, "must be a text"),
    "previous that is no JSON": ('"null"', '"nil"', "samples[0].previous", 4, "is no JSON"),
    "a subject without id": (', id = "o_1"', "", "samples[0].subject.id", 2, "is missing"),
    "a subject with more": ('id = "o_1" }', 'id = "o_1", x = 1 }', "samples[0].subject.x", 2, "allowed: type, id"),
    "a long subject": ('id = "o_1" }', f'id = "{"o" * 257}" }}', "samples[0].subject.id", 2, "at most 256 bytes"),
    "another change": ('"created"\n', '"made"\n', "samples[0].change", 3, "allowed: created, updated, deleted"),
    "one table": ("[[samples]]\nevent_types = [\"ping\"]", "[samples.x]", "samples[0].x", None, "is not known here"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_with_its_line(case: tuple[str, str, str, int | None, str]) -> None:
    found, instead, key, line, said = case
    assert found in FULL
    with pytest.raises(ProfileError, match=re.escape(said)) as refused:
        check_profile(STANDARD + FULL.replace(found, instead), "standard")
    assert refused.value.key == key
    if line is not None:
        assert refused.value.line == LINE + line


def test_no_more_types_than_that_have_samples() -> None:
    many = ", ".join(f'"t{number}"' for number in range(SAMPLES_MAX))
    text = f"{STANDARD}[[samples]]\nevent_types = [{many}]\ndata = '1'\n"
    assert len(check_profile(text, "standard").samples) == SAMPLES_MAX
    with pytest.raises(ProfileError, match="at most 200"):
        check_profile(text + "[[samples]]\nevent_types = [\"one.more\"]\ndata = '1'\n", "standard")


@pytest.mark.parametrize("profile", profile_names())
def test_a_profile_has_the_events_that_its_document_names(profile: str) -> None:
    contract = load_profile(profile)
    assert set(contract.samples) == NAMED.get(profile, set())
    for name, data, *about in contract.samples.values():
        subject_type, subject_id, change, previous = about
        assert subject_type
        assert subject_id
        message = Message(
            "evt_1", name, data, 0, 0, tenant_id="t", endpoint_id="ep", number=7, subject_type=subject_type,
            subject_id=subject_id, change=change, previous=previous,
        )  # fmt: skip
        secret = f"whsec_{'A' * 32}" if contract.profile.standard_secret else "a-secret-of-text-to-sign"
        secrets = [] if contract.signing is None else [secret]
        body = json.loads(contract.render(message, secrets, contract.default_signature).body)
        assert body
        assert None not in (body if profile != "vainu" else body["data"]).values()


def test_the_samples_of_scorings_say_who_which_and_how_far() -> None:
    samples = load_profile("sitefinity-insight").samples
    for name, sample in samples.items():
        data = json.loads(sample.data)
        assert data["event"] == name
        assert data["contact"]["id"] == sample.subject_id
        assert data["occurred_at"].endswith("Z")
        if "threshold" in name:
            passed = name.endswith("passed")
            assert ("persona" in data) is name.startswith("persona")
            assert {"lead_scoring", "stage"} <= data.keys() or "persona" in data
            assert (data["score"] >= data["threshold"] > data["previous_score"]) is passed
            assert (data["score"] < data["threshold"] <= data["previous_score"]) is not passed


def test_an_object_of_vessel_is_whole_and_of_a_deleted_one_the_ids() -> None:
    contract = load_profile("vessel")
    for name, sample in contract.samples.items():
        if name == "connection.status_changed":
            continue
        message = Message(
            "evt_1", name, sample.data, 0, 0, subject_type=sample.subject_type, subject_id=sample.subject_id
        )
        body = json.loads(contract.render(message, ["t" * 20], "sha256").body)["data"]
        record = json.loads(sample.data)
        assert body["objectType"] == sample.subject_type
        assert sample.subject_type.lower() == name.rpartition(".")[0].replace("_", "")  # type: ignore[union-attr]
        if name.endswith("deleted"):
            assert body["record"] == {name: record[name] for name in ("id", "nativeId", "connectionId")}
        else:
            assert body["record"] == record
        assert (
            body["eventType"]
            == {"created": "CREATE", "updated": "UPDATE", "deleted": "DELETE"}[name.rpartition(".")[2]]
        )
