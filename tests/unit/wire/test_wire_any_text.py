"""Whatever text is given for a profile, it is a contract that signs or it is refused: nothing else can happen."""

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.wire.contract import Contract
from ringback.wire.message import Message
from ringback.wire.profile import ProfileError, check_profile
from ringback.wire.signature import BadSecret
from support.profiles import profile_text

TEXT = profile_text()
LINES = TEXT.splitlines()
SECRETS = ["whsec_" + "A" * 43 + "=", "whsk_" + "A" * 43 + "="]
# What stands in profiles, and what doesn't.
VALUES = st.sampled_from(
    ['""', '"POST"', '"hmac-sha256"', '"v1"', "1", "[]", '["body"]', '["body", "body"]', "{}", "nan", "1979-05-27",
     '"\\u0000"', '"\\r\\nx: y"', '"ä"', "true", '"a" ', '["event_id", 5]', "9" * 5_000,
     '"{channel}.{body}"', '"{channel}"', '"{data.a|channel}"', '"{secret}{body}"', '"{event_number:text}"', '"text"',
     "[" * 3_000, f'"{"x" * 300}"']
)  # fmt: skip


def is_kept_to(text: str) -> None:
    try:
        contract = check_profile(text, "own")
    except ProfileError as error:
        assert all((error.key, error.message))  # noqa: PT017 - it may also pass
        return
    sends(contract)


def sends(contract: Contract) -> None:
    """It makes a request that can be sent, by each of its signatures."""
    message = Message("evt_1", "a.b", b'{"n":1}', 1_795_255_200_000, 1_795_255_200_000)
    for signature in contract.signatures:
        for secret in SECRETS:
            try:
                rendered = contract.render(message, [secret], signature)
            except BadSecret:
                continue
            for name, value in rendered.headers:
                assert f"{name}{value}".isprintable()
                assert f"{name}{value}".isascii()


@settings(deadline=None)
@given(st.text())
@example("a." * 1_000 + "a = 1")
@example("[request]\nmethod." + "a." * 1_000 + "a = 1")
@example("a = " + "[" * 5_000 + "]" * 5_000)
@example("a = " + "9" * 5_000)
@example("\ufeff" + TEXT)
@example(TEXT)
def test_any_text_is_a_contract_or_refused(text: str) -> None:
    is_kept_to(text)


@settings(deadline=None)
@given(st.integers(0, len(LINES) - 1), VALUES)
def test_any_value_in_any_place_too(place: int, value: str) -> None:
    key, equals, _ = LINES[place].partition("=")
    if equals:
        is_kept_to("\n".join([*LINES[:place], f"{key}= {value}", *LINES[place + 1 :]]))


@settings(deadline=None)
@given(st.data())
def test_and_any_line_left_out_or_twice(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(LINES), max_size=len(LINES) + 5))
    is_kept_to("\n".join(chosen))


def test_the_text_and_its_version_go_with_the_contract() -> None:
    contract = check_profile(TEXT, "own")
    assert tomllib.loads(contract.text)["name"] == "own"
    assert contract.version == check_profile(TEXT, "own").version
    assert contract.version != check_profile(TEXT + "\n", "own").version
    assert len(contract.version) == 8
    assert int(contract.version, 16) >= 0
    with pytest.raises(ProfileError):
        check_profile(TEXT, "other")
