"""What is secret is compared in constant time: with `hmac.compare_digest`, which does not stop at a difference."""

import hmac

import pytest

from ringback.api.auth import OPERATOR, Authenticator
from ringback.model.errors import NoKey
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from ringback.wire.message import Message
from ringback.wire.profile import load_profile
from ringback.wire.signature import generate_secret
from ringback.wire.verify import VerificationFailed, verify
from support.rows import NOW, TENANT, secret, tenant

NOW_S = 1_800_000_000
SECRET = generate_secret("hmac-sha256", bytes(range(32)))


def test_signatures_and_the_operators_key_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append(compare(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", watched)
    message = Message("evt_1", "thing.happened", b"1", 1_800_000_000_000, NOW_S * 1000)
    rendered = load_profile("standard").render(message, [SECRET], "v1")
    headers = dict(rendered.headers)

    verify(headers, rendered.body, [SECRET], now_s=NOW_S)
    with pytest.raises(VerificationFailed):
        verify(headers, rendered.body + b" ", [SECRET], now_s=NOW_S)
    assert compared == [True, False]

    store = MemoryStore()
    keys = Authenticator(store, store, ManualClock(), "the-operators-own-admin-key")
    assert keys.authenticate(b"Bearer the-operators-own-admin-key") is OPERATOR
    with pytest.raises(NoKey):
        keys.authenticate(b"Bearer the-operators-own-admin-kez")
    assert compared == [True, False, True, False]

    store.create_tenant(tenant(), secret("sec_t", None, value="an-access-token"))
    assert store.tenants_by_secret("an-access-token", NOW) == [TENANT]
    assert store.tenants_by_secret("an-access-tokem", NOW) == []
    assert compared[4:] == [True, False]
