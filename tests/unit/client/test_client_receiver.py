"""`ringback.verify`: the friendly form, and the public names."""

import time
import tomllib
from pathlib import Path

import pytest

import ringback
from ringback.client import receiver
from ringback.client.client import Client
from ringback.client.errors import ApiError
from ringback.wire.message import Message
from ringback.wire.profile import load_profile
from ringback.wire.signature import generate_secret

SECRET = generate_secret("hmac-sha256", b"s" * 32)
MESSAGE = Message("evt_1", "contact.created", b'{"a":1}', 1_795_255_200_000, 1_000_000)


def test_verifies_with_the_time_given() -> None:
    rendered = load_profile("standard").render(MESSAGE, [SECRET], "v1")
    assert receiver.verify("standard", rendered.headers, rendered.body, SECRET, now_s=1_010).id == "evt_1"
    with pytest.raises(receiver.VerificationFailed):
        receiver.verify("standard", rendered.headers, rendered.body, SECRET, now_s=1_010, tolerance_s=5)


def test_verifies_with_the_machines_time() -> None:
    fresh = load_profile("standard").render(MESSAGE._replace(sent_ms=int(time.time() * 1000)), [SECRET], "v1")
    assert receiver.verify("standard", fresh.headers, fresh.body, SECRET).id == "evt_1"
    old = load_profile("standard").render(MESSAGE._replace(sent_ms=int(time.time() - 10_000) * 1000), [SECRET], "v1")
    with pytest.raises(receiver.VerificationFailed) as caught:
        receiver.verify("standard", old.headers, old.body, SECRET)
    assert caught.value.code == "too_old"


def test_public_names_are_the_real_ones() -> None:
    assert ringback.verify is receiver.verify
    assert ringback.VerificationFailed is receiver.VerificationFailed
    assert ringback.read_profile is receiver.read_profile
    assert ringback.Client is Client
    assert ringback.ApiError is ApiError
    for name in ringback.__all__:
        assert getattr(ringback, name) is not None
    with pytest.raises(AttributeError):
        _ = ringback.nonesuch


def test_version_is_the_packages() -> None:
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    assert ringback.__version__ == tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"]
