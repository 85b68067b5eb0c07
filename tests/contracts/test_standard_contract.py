"""The `standard` profile against what others made of Standard Webhooks: published vectors, the `standardwebhooks`
package as receiver and as sender, `cryptography` used directly, and node's crypto."""

import base64
import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ringback.wire.message import Message, Rendered
from ringback.wire.profile import load_profile
from ringback.wire.signature import generate_secret, public_part, signer_for
from ringback.wire.verify import VerificationFailed, verify

HERE = Path(__file__).parent
STANDARD = load_profile("standard")
EVENT_ID = "evt_01JD0000000000000000000000"
AT = "2022-11-03T20:26:10.344Z"
AT_MS = 1_667_507_170_344

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
symmetric_secrets = st.binary(min_size=24, max_size=64).map(lambda raw: "whsec_" + base64.b64encode(raw).decode())
private_secrets = st.binary(min_size=32, max_size=32).map(lambda raw: generate_secret("ed25519", raw))


def cases(name: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads((HERE / "vectors" / name).read_text("utf-8"))["cases"]
    return listed


def request(data: object, *secrets: str, signature: str = "v1", sent_at_s: int | None = None) -> Rendered:
    sent_ms = 1000 * (int(time.time()) if sent_at_s is None else sent_at_s)
    message = Message(EVENT_ID, "contact.created", json.dumps(data, ensure_ascii=True).encode(), AT_MS, sent_ms)
    return STANDARD.render(message, secrets, signature)


VECTORS = cases("standard_webhooks.json") + cases("standard_webhooks_node.json")


@pytest.mark.parametrize("case", VECTORS)
def test_signs_as_published(case: dict[str, str]) -> None:
    prefix = case["signature"].split(",")[0] + ","
    carried = {"webhook-id": case["id"], "webhook-timestamp": case["timestamp"]}
    assert STANDARD.signing is not None
    content = STANDARD.signing.content(carried, case["body"].encode(), case["secret"])
    assert signer_for(case["secret"], prefix)(content) == case["signature"]


@pytest.mark.parametrize("case", VECTORS)
def test_verifies_as_published(case: dict[str, str]) -> None:
    headers = {
        "webhook-id": case["id"],
        "webhook-timestamp": case["timestamp"],
        "webhook-signature": case["signature"],
    }
    for key in {case["secret"], case.get("public", case["secret"])}:
        verified = verify(headers, case["body"].encode(), key, now_s=float(case["timestamp"]))
        assert verified == (case["id"], int(case["timestamp"]), case["signature"].split(",")[0])


@pytest.mark.parametrize("case", [case for case in VECTORS if "public" in case])
def test_public_part_as_published(case: dict[str, str]) -> None:
    assert public_part(case["secret"]) == case["public"]


def test_headers_are_those_of_the_specification() -> None:
    rendered = request({"a": 1}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", sent_at_s=1614265330)
    assert rendered.headers == [
        ("content-type", "application/json"),
        ("webhook-id", EVENT_ID),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", rendered.headers[3][1]),
    ]
    assert rendered.body == b'{"type":"contact.created","timestamp":"' + AT.encode() + b'","data":{"a": 1}}'


@given(json_values, symmetric_secrets)
def test_foreign_receiver_believes_us(data: object, secret: str) -> None:
    rendered = request(data, secret)
    seen = Webhook(secret).verify(rendered.body, dict(rendered.headers))
    assert seen == {"type": "contact.created", "timestamp": AT, "data": data}


@given(json_values, symmetric_secrets, symmetric_secrets)
def test_foreign_receiver_believes_both_secrets_of_a_rotation(data: object, new: str, old: str) -> None:
    rendered = request(data, new, old)
    for secret in (new, old):
        Webhook(secret).verify(rendered.body, dict(rendered.headers))
    assert dict(rendered.headers)["webhook-signature"].count(" ") == 1


@given(json_values, symmetric_secrets, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_foreign_receiver_notices_a_changed_byte(data: object, secret: str, where: int, flip: int) -> None:
    rendered = request(data, secret)
    changed = bytearray(rendered.body)
    changed[where % len(changed)] ^= flip
    with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
        Webhook(secret).verify(bytes(changed), dict(rendered.headers))


@given(st.text(), symmetric_secrets, st.integers(min_value=0, max_value=99_999_999_999))
def test_we_believe_a_foreign_sender(body: str, secret: str, sent_at_s: int) -> None:
    body = body.encode(errors="replace").decode()
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(sent_at_s, UTC), body)
    headers = {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(sent_at_s), "Webhook-Signature": signature}
    assert verify(headers, body.encode(), secret, sent_at_s).id == "msg_1"
    with pytest.raises(VerificationFailed):
        verify(headers, body.encode() + b" ", secret, sent_at_s)


@given(json_values, private_secrets)
def test_ed25519_directly(data: object, secret: str) -> None:
    rendered = request(data, secret, signature="v1a")
    headers = dict(rendered.headers)
    raw = base64.b64decode(public_part(secret).removeprefix("whpk_"))
    signature = base64.b64decode(headers["webhook-signature"].removeprefix("v1a,"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + rendered.body
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, content)


def test_node_believes_us() -> None:
    bodies: list[object] = [None, 1, "Zoë ☎", {"a": [1, {"b": "\u0000"}]}, "x" * 100_000]
    asked: list[dict[str, str]] = []
    for number, data in enumerate(bodies):
        private, symmetric = (
            generate_secret("ed25519", bytes([number] * 32)),
            generate_secret("hmac-sha256", bytes([number] * 32)),
        )
        rendered = request(data, private, symmetric, signature="v1a", sent_at_s=1_700_000_000 + number)
        first, second = dict(rendered.headers)["webhook-signature"].split(" ")
        for body, signature, secret in (
            (rendered.body, first, public_part(private)),
            (rendered.body, second, symmetric),
            (rendered.body + b" ", first, public_part(private)),
            (rendered.body + b" ", second, symmetric),
        ):
            asked.append(
                {
                    "secret": secret,
                    "id": EVENT_ID,
                    "timestamp": str(1_700_000_000 + number),
                    "body_base64": base64.b64encode(body).decode(),
                    "signature": signature,
                }
            )
    answer = subprocess.run(
        ["node", str(HERE / "standard_webhooks.mjs"), "verify"],
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(answer.stdout) == [True, True, False, False] * len(bodies)
