"""The published contracts: what they sign, held against values that other programs computed, and what they send.

No expected signature comes from our own signer: tests/contracts/vectors has those of node and openssl, and the
document's own.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ringback.wire.message import Message
from ringback.wire.profile import load_profile, profile_names
from ringback.wire.verify import VerificationFailed, verify

VECTORS = Path(__file__).parents[2] / "contracts" / "vectors"
HAPPENED_MS = 1_582_717_949_123
SENT_MS = 1_700_000_000_500


def cases(name: str) -> list[dict[str, Any]]:
    return list(json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"])


def message(data: bytes = b"{}", event_type: str = "contact.created", **more: Any) -> Message:
    fields = {"tenant_id": "con_1", "endpoint_id": "ep_1", "accepted_ms": HAPPENED_MS, **more}
    return Message("evt_1", event_type, data, HAPPENED_MS, fields.pop("sent_ms", SENT_MS), **fields)


def sent(profile: str, made: Message, secrets: list[str], signature: str | None = None) -> tuple[dict[str, str], str]:
    contract = load_profile(profile)
    rendered = contract.render(made, secrets, signature or contract.default_signature)
    return dict(rendered.headers), rendered.body.decode()


def test_nine_contracts_come_with_ringback() -> None:
    assert profile_names() == (
        *("cloudevents", "cloudevents-binary", "insideview", "sitefinity-insight", "standard", "standard-thin"),
        *("vainu", "vessel", "vinsight"),
    )


# ── Vinsight ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", cases("vinsight"), ids=lambda case: case["variant"])
def test_vinsight_signs_as_its_text_says_or_as_its_example_shows(case: dict[str, Any]) -> None:
    headers, body = sent("vinsight", message(case["body"].encode()), [case["secret"]], case["variant"])
    assert headers == {"Content-Type": "application/json", "x-signature": case["signature"]}
    assert body == case["body"]


def test_vinsight_follows_the_text_unless_it_is_told_otherwise() -> None:
    described, published = cases("vinsight")[:2]
    assert (
        sent("vinsight", message(described["body"].encode()), [described["secret"]])[0]["x-signature"]
        == (described["signature"])
    )
    assert described["signature"] != published["signature"]


# ── Vessel ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", cases("vessel"), ids=lambda case: case["timestamp"])
def test_vessel_sends_what_javascript_makes_of_it_and_signs_that(case: dict[str, Any]) -> None:
    whole = json.loads(case["body_as_parsed"])
    record = case["body_as_parsed"].partition('"record":')[2][:-2].encode()
    change = {"CREATE": "created", "UPDATE": "updated"}[whole["data"]["eventType"]]
    made = message(record, change=change, subject_type=whole["data"]["objectType"], subject_id="1")
    made = made._replace(id=whole["eventId"], sent_ms=int(case["timestamp"]) * 1000 + 999)
    headers, body = sent("vessel", made, [case["access_token"]])
    assert body == case["stringified"]
    assert headers == {
        "Content-Type": "application/json",
        "x-vessel-timestamp": case["timestamp"],
        "x-vessel-signature": case["signature"],
        "x-vessel-connection-id": "con_1",
    }


@pytest.mark.parametrize(
    ("data", "previous", "record"),
    [
        (b'{"id":"1","nativeId":"n1","connectionId":"c1","name":"Ada"}', None, ("1", "n1", "c1")),
        (b"null", b'{"id":7,"nativeId":"n7","name":"Ada"}', (7, "n7", "con_1")),
        (b"{}", None, ("c_9", None, "con_1")),
    ],
)
def test_of_what_vessel_deletes_the_ids_alone_are_sent(data: bytes, previous: bytes | None, record: Any) -> None:
    made = message(data, change="deleted", previous=previous, subject_type="Contact", subject_id="c_9")
    body = json.loads(sent("vessel", made, ["tok_1"])[1])
    assert body == {
        "eventId": "evt_1",
        "type": "OBJECT_CHANGE",
        "data": {
            "objectType": "Contact",
            "eventType": "DELETE",
            "record": dict(zip(("id", "nativeId", "connectionId"), record, strict=True)),
        },
    }


def test_vessel_tells_of_the_connections_status() -> None:
    made = message(b'{"status":"READY"}', "connection.status_changed")
    assert sent("vessel", made, ["tok_1"])[1] == '{"eventId":"evt_1","type":"STATUS_CHANGE","data":{"status":"READY"}}'


def test_while_vessels_secret_is_rotated_the_old_one_signs() -> None:
    old, both = (sent("vessel", message(), secrets)[0]["x-vessel-signature"] for secrets in (["old"], ["new", "old"]))
    assert both == old


# ── InsideView ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_insideview_sends_thin_alerts_signed_with_sha1(encoding: str) -> None:
    (case,) = cases("insideview")
    made = message(b'{"everything":"else"}', "company.updated", number=364_559, subject_type="Organisation")
    made = made._replace(endpoint_id="oshbv7671moesavtb0e0")
    headers, body = sent("insideview", made, [case["signing_secret"]], encoding)
    assert body == case["body"]
    assert headers == {
        "Content-Type": "application/json",
        "X-InsideViewAPI-AlertDataSignature": case[encoding],
    }


def test_without_a_signing_secret_insideview_sends_no_signature() -> None:
    assert sent("insideview", message(), [])[0] == {"Content-Type": "application/json"}


# ── Vainu ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vainu_sends_basic_fields_in_the_documents_order_and_counts_the_tries() -> None:
    company = {
        "region": "FI-18", "staff_number": 12, "secret_score": 5, "visiting_postal": "00130", "status": "active",
        "visiting_city": "HELSINKI", "company_name": "Vainu. io Software Oy", "business_id": "25578642",
        "visiting_address": "Eteläesplanadi 12", "turn_over": 895766, "domain": "vainu.com",
    }  # fmt: skip
    data = json.dumps(company, ensure_ascii=False, indent=2).encode()
    for attempt in (1, 2):
        headers, body = sent("vainu", message(data, "company.updated", attempt=attempt)._replace(id="123abc"), [])
        assert headers == {"Content-Type": "application/json"}
        assert body == (
            '{"data":{"status":"active","domain":"vainu.com","turn_over":895766,'
            '"visiting_address":"Etel\\u00e4esplanadi 12","business_id":"25578642",'
            '"company_name":"Vainu. io Software Oy","visiting_city":"HELSINKI","visiting_postal":"00130",'
            f'"staff_number":12,"region":"FI-18"}},"number_of_tries":{attempt},"type":"company_change_webhook",'
            '"unique_id":"123abc"}'
        )


# ── the others ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sitefinity_insight_sends_the_data_as_they_are() -> None:
    data = b'{ "contact": {"id": 1.0} }'
    assert sent("sitefinity-insight", message(data), []) == ({"Content-Type": "application/json"}, data.decode())


def test_cloudevents_leaves_out_what_is_not_there() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    for subject in (None, "a b/é"):
        made = message(b'{"a": 1.0}', subject_id=subject)
        headers, body = sent("cloudevents", made, [secret])
        attributes = {
            "specversion": "1.0",
            "id": "evt_1",
            "source": "/tenants/con_1",
            "type": "contact.created",
            **({"subject": subject} if subject else {}),
            "time": "2020-02-26T11:52:29.123Z",
        }
        assert json.loads(body) == {**attributes, "datacontenttype": "application/json", "data": {"a": 1.0}}
        assert '"data":{"a": 1.0}' in body
        headers, body = sent("cloudevents-binary", made, [secret])
        assert body == '{"a": 1.0}'
        attributes |= {"subject": "a%20b/%C3%A9"} if subject else {}
        assert {name: value for name, value in headers.items() if name.startswith("ce-")} == {
            f"ce-{name}": value for name, value in attributes.items()
        }


# ── verifying ─────────────────────────────────────────────────────────────────────────────────────────────────────

SIGNED = ["cloudevents", "cloudevents-binary", "insideview", "standard", "vessel", "vinsight"]


def secret_of(profile: str, byte: bytes) -> str:
    contract = load_profile(profile)
    assert contract.signing is not None
    return contract.signing.new_secret(byte * 32, contract.default_signature)


@pytest.mark.parametrize("profile", SIGNED)
def test_what_is_sent_is_believed_and_nothing_else(profile: str) -> None:
    contract, secret = load_profile(profile), secret_of(profile, b"s")
    rendered = contract.render(message(b'{"id":1}', number=5), [secret], contract.default_signature)
    headers, now_s = dict(rendered.headers), SENT_MS / 1000
    verified = verify(headers, rendered.body, [secret_of(profile, b"o"), secret], now_s, contract=contract)
    assert verified.signature == contract.default_signature
    assert verified.id == {"vinsight": None, "insideview": "5"}.get(profile, "evt_1")
    timed = profile not in ("vinsight", "insideview")
    assert verified.sent_at_s == (SENT_MS // 1000 if timed else None)
    for place in range(len(rendered.body)):
        changed = rendered.body[:place] + bytes([rendered.body[place] ^ 1]) + rendered.body[place + 1 :]
        assert code(headers, changed, secret, now_s, contract) == "wrong_signature"
    assert code(headers, rendered.body, secret_of(profile, b"o"), now_s, contract) == "wrong_signature"
    signing = contract.signing
    assert signing is not None
    for name, value in headers.items():
        if name.lower() in (*signing.headers, contract.header_of("signature")):
            assert code({**headers, name: value[:-1]}, rendered.body, secret, now_s, contract) != ""
            assert code({**headers, name: ""}, rendered.body, secret, now_s, contract) == "missing_header"
    if timed:
        assert code(headers, rendered.body, secret, now_s + 301, contract) == "too_old"


@pytest.mark.parametrize("profile", ["vainu", "sitefinity-insight"])
def test_what_is_not_signed_can_not_be_verified(profile: str) -> None:
    assert code({}, b"{}", "a secret", 0.0, load_profile(profile)) == "not_signed"


def code(headers: Any, body: bytes, secret: str, now_s: float, contract: Any) -> str:
    with pytest.raises(VerificationFailed) as caught:
        verify(headers, body, secret, now_s, contract=contract)
    return caught.value.code
