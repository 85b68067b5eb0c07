"""The `standard-thin` profile against the `standardwebhooks` package: what a receiver of Standard Webhooks verifies and
reads is what happened and where it is, and never the data."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ringback.wire.message import Message, Rendered
from ringback.wire.profile import load_profile
from ringback.wire.signature import generate_secret, public_part

THIN = load_profile("standard-thin")
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MARK = "never-on-the-wire"
EVENT_URL = "https://hooks.example.com/v1/tenants/acme/events/evt_01JD0000000000000000000000"


def request(data: object, *secrets: str, signature: str = "v1") -> Rendered:
    message = Message(
        "evt_01JD0000000000000000000000", "contact.updated", json.dumps(data).encode(), 1_667_507_170_344,
        1000 * int(time.time()), tenant_id="acme", subject_type="contact", subject_id="c_1",
        previous=json.dumps({"note": MARK}).encode(), changed='["/note"]', base_url="https://hooks.example.com",
    )  # fmt: skip
    return THIN.render(message, secrets or (SECRET,), signature)


@given(st.text(max_size=20), st.integers())
def test_the_package_verifies_it_and_finds_the_address_alone(text: str, number: int) -> None:
    rendered = request({"note": MARK, "text": text, "number": number})
    assert Webhook(SECRET).verify(rendered.body, dict(rendered.headers)) == {
        "type": "contact.updated",
        "timestamp": "2022-11-03T20:26:10.344Z",
        "data": {"id": "evt_01JD0000000000000000000000", "url": EVENT_URL},
    }
    assert MARK.encode() not in rendered.body


def test_data_of_the_standard_form_is_left_out_too() -> None:
    """What the profile `standard` would send as it came."""
    rendered = request({"type": "contact.updated", "timestamp": "2022-11-03T20:26:10Z", "data": {"note": MARK}})
    assert MARK.encode() not in rendered.body


def test_a_changed_body_is_refused() -> None:
    rendered = request({"note": MARK})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(rendered.body.replace(b"/events/", b"/others/"), dict(rendered.headers))


def test_while_a_secret_is_rotated_either_verifies() -> None:
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    rendered = request({}, other, SECRET)
    for secret in (SECRET, other):
        assert Webhook(secret).verify(rendered.body, dict(rendered.headers))


def test_with_ed25519_a_receiver_has_the_public_key() -> None:
    secret = generate_secret("ed25519", bytes(range(32)))
    rendered = request({}, secret, signature="v1a")
    headers = dict(rendered.headers)
    version, signature = headers["webhook-signature"].split(",")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_part(secret).removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + rendered.body
    key.verify(base64.b64decode(signature), signed)
    assert version == "v1a"


def test_its_headers_are_those_of_the_specification() -> None:
    names = [name for name, _ in request({}).headers]
    assert names == ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"]
