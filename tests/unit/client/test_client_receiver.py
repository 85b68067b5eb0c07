"""`ringback.verify`: the friendly form, and what importing it loads."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("profile", ["", "nonesuch", None, 5, ["standard"], {}])
def test_an_unknown_profile_fails_in_the_one_way(profile: Any) -> None:
    with pytest.raises(receiver.VerificationFailed, match="no such profile"):
        receiver.verify(profile, {}, b"", SECRET)


def test_public_names_are_the_real_ones() -> None:
    assert ringback.verify is receiver.verify
    assert ringback.VerificationFailed is receiver.VerificationFailed
    assert ringback.Client is Client
    assert ringback.ApiError is ApiError
    for name in ringback.__all__:
        assert getattr(ringback, name) is not None
    with pytest.raises(AttributeError):
        _ = ringback.nonesuch


def test_version_is_the_packages() -> None:
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    assert ringback.__version__ == tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"]


def test_a_receiver_loads_the_standard_library_alone() -> None:
    program = (
        "import sys\n"
        "import ringback.client.receiver, ringback\n"
        "ringback.verify\n"
        "print('\\n'.join(sorted(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(ran.stdout.split())
    ours = {name for name in loaded if name.partition(".")[0] == "ringback"}
    assert "ringback.wire.verify" in ours
    assert {name for name in ours if name.split(".")[1:2] not in ([], ["wire"], ["client"])} == set()
    assert not ours & {"ringback.client.client", "ringback.wire.ed25519"}
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    foreign = {name.partition(".")[0] for name in loaded - ours - set(bare.stdout.split())}
    assert foreign <= sys.stdlib_module_names
