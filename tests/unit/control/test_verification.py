"""What a change or a switch means for an endpoint that has to prove itself, status by status."""

from typing import Any

import pytest

from ringback.control import verification
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.errors import Conflict
from support.rows import NOW, endpoint

ACTIVE, INACTIVE = EndpointStatus.ACTIVE, EndpointStatus.INACTIVE
PENDING, DISABLED = EndpointStatus.VERIFICATION_PENDING, EndpointStatus.DISABLED
LATER = NOW + 1_000
ELSEWHERE = "https://elsewhere.example/hook"


def before(status: EndpointStatus, unverified_since: int | None = None, **changes: Any) -> Endpoint:
    reason = {"disable_code": "code", "disable_message": "Why."} if status is DISABLED else {}
    return endpoint(status=status, unverified_since=unverified_since, **{**reason, **changes})


def standing(one: Endpoint) -> tuple[EndpointStatus, int | None, str | None]:
    return one.status, one.unverified_since, one.disable_code


@pytest.mark.parametrize("status", EndpointStatus)
@pytest.mark.parametrize("change", [{"url": ELSEWHERE}, {"query": "a=1"}, {"profile": "cloudevents"}])
def test_another_address_is_asked_unless_it_is_switched_off(status: EndpointStatus, change: dict[str, str]) -> None:
    old = before(status, granted_per_second=2.0)
    after = verification.changed(old, before(status, **change), LATER, has_handshake=True)
    assert standing(after) == (INACTIVE if status is INACTIVE else PENDING, LATER, None)
    assert after.granted_per_second is None


@pytest.mark.parametrize("status", EndpointStatus)
def test_another_change_asks_nothing(status: EndpointStatus) -> None:
    old, new = before(status, NOW), before(status, NOW, label="New", headers=(("X", "1"),))
    assert verification.changed(old, new, LATER, has_handshake=True) is new


@pytest.mark.parametrize(
    ("status", "afterwards"), [(ACTIVE, ACTIVE), (INACTIVE, INACTIVE), (PENDING, ACTIVE), (DISABLED, DISABLED)]
)
def test_a_profile_without_a_handshake_asks_nothing(status: EndpointStatus, afterwards: EndpointStatus) -> None:
    one = before(status, NOW, granted_per_second=2.0)
    after = verification.changed(one, one, LATER, has_handshake=False)
    assert (after.status, after.unverified_since, after.granted_per_second) == (afterwards, None, None)


@pytest.mark.parametrize("status", EndpointStatus)
def test_whoever_asks_has_it_asked_each_time(status: EndpointStatus) -> None:
    first = verification.asked(before(status), LATER)
    assert standing(first) == (PENDING, LATER, None)
    assert standing(verification.asked(first, LATER)) == (PENDING, LATER + 1, None)
    assert standing(verification.asked(first, NOW)) == (PENDING, LATER + 1, None)  # the clock was set back


def test_a_new_one_is_asked_unless_it_is_made_inactive() -> None:
    assert standing(verification.begun(before(ACTIVE), LATER)) == (PENDING, LATER, None)
    assert standing(verification.begun(before(INACTIVE), LATER)) == (INACTIVE, LATER, None)


@pytest.mark.parametrize("status", [INACTIVE, DISABLED])
def test_switched_on_it_is_asked_if_it_has_not_passed(status: EndpointStatus) -> None:
    asked = verification.switched_on(before(status, NOW), LATER, has_handshake=True)
    assert standing(asked) == (PENDING, LATER, None)
    passed = verification.switched_on(before(status), LATER, has_handshake=True)
    assert standing(passed) == (ACTIVE, None, None)
    spared = verification.switched_on(before(status, NOW), LATER, has_handshake=False)
    assert standing(spared) == (ACTIVE, None, None)


def test_what_waits_is_not_switched_on_but_off() -> None:
    with pytest.raises(Conflict) as caught:
        verification.switched_on(before(PENDING, NOW), LATER, has_handshake=True)
    assert caught.value.code == "wrong_state"
    assert standing(verification.switched_off(before(PENDING, NOW))) == (INACTIVE, NOW, None)
