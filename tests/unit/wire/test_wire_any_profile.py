"""For any profile and any event: what is signed verifies, and no change of what is signed goes unnoticed.

Whether the signature is the right one is another matter, which vectors of other programs show (test_wire_published.py).
"""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.wire.contract import Contract
from ringback.wire.message import Message, Rendered
from ringback.wire.profile import check_profile, load_profile, profile_names
from ringback.wire.signature import public_part
from ringback.wire.verify import TOLERANCE_S, VerificationFailed, Verified, verify
from support.own_profiles import SENT_HEADER, Drawn, Secrets, documents, messages, own_text, profiles, secrets_of

GITHUB: Final = check_profile((Path(__file__).parents[3] / "examples" / "github.toml").read_text("utf-8"), "github")
PUBLISHED: Final = {name: load_profile(name) for name in profile_names()} | {"github": GITHUB}
# By the documents: what each signs beside its body, where it says when it was sent, and which kind of secret signs.
STANDARD: Final = (("webhook-id", "webhook-timestamp"), "webhook-timestamp", "standard")
SIGNED: Final[dict[str, tuple[tuple[str, ...], str | None, str]]] = {
    "standard": STANDARD,
    "standard-thin": STANDARD,
    "cloudevents": STANDARD,
    "cloudevents-binary": STANDARD,
    "vessel": (("x-vessel-timestamp",), "x-vessel-timestamp", "text"),
    "vinsight": ((), None, "text"),
    "insideview": ((), None, "text"),
    "github": ((), None, "text"),
}
UNSIGNED: Final = {"vainu", "sitefinity-insight"}
VISIBLE: Final = st.characters(min_codepoint=33, max_codepoint=126)


class Request:
    """A signed request, the profile it follows, and the secrets; `timed`: it says under its signature when it left."""

    def __init__(self, contract: Contract, message: Message, variant: str, secrets: Secrets, *, timed: bool) -> None:
        self.contract, self.variant, self.secrets, self.timed = contract, variant, secrets, timed
        self.sent_s = message.sent_ms // 1000
        self.rendered: Rendered = contract.render(message, [secrets.signing], variant)

    def verify(
        self, headers: object = None, body: bytes | None = None, secret: str | None = None, late_s: float = 0.0
    ) -> Verified:
        return verify(
            self.rendered.headers if headers is None else headers,  # type: ignore[arg-type]
            self.rendered.body if body is None else body,
            self.secrets.signing if secret is None else secret,
            self.sent_s + late_s,
            contract=self.contract,
        )

    def refuses(
        self, headers: object = None, body: bytes | None = None, secret: str | None = None, late_s: float = 0.0
    ) -> str:
        """The code; fails where it is believed, or fails in another way."""
        with pytest.raises(VerificationFailed) as caught:
            self.verify(headers, body, secret, late_s)
        return caught.value.code

    def with_header(self, name: str, value: str) -> list[tuple[str, str]]:
        assert name.lower() in [known.lower() for known, _ in self.rendered.headers]
        return [(known, value if known.lower() == name.lower() else old) for known, old in self.rendered.headers]

    def header(self, name: str) -> str:
        (value,) = [value for known, value in self.rendered.headers if known.lower() == name.lower()]
        return value


def edited(draw: st.DrawFn, text: str) -> str:
    """One character is another, or gone, or one is new."""
    place, put = draw(st.integers(0, len(text) - 1)), draw(VISIBLE)
    replaced = text[:place] + put + text[place + 1 :]
    return draw(st.sampled_from([text[:place] + text[place + 1 :], text[:place] + put + text[place:], replaced]))


def edited_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    place, put = draw(st.integers(0, len(body))), draw(st.binary(min_size=1, max_size=1))
    flipped = body[:place] + bytes(byte ^ (put[0] or 1) for byte in body[place : place + 1]) + body[place + 1 :]
    gone = body[:place] + body[place + 1 :]
    return draw(st.sampled_from([body[:place] + put + body[place:], flipped, gone]).filter(lambda one: one != body))


def is_kept_to(draw: st.DrawFn, request: Request, signed: tuple[str, ...], carrier: str) -> None:
    """Sign then verify holds; a change of the body, a signed header, the time or the secret fails; of others not."""
    verified = request.verify()
    assert verified.signature in request.contract.signatures
    assert verified.sent_at_s == (request.sent_s if request.timed else None)

    request.refuses(body=edited_bytes(draw, request.rendered.body))
    for name in signed:
        value = edited(draw, request.header(name))
        if value != request.header(name):
            request.refuses(request.with_header(name, value))
    signature = request.header(carrier)
    place, put = draw(st.integers(0, len(signature) - 1)), draw(VISIBLE)
    if put != signature[place]:
        changed = signature[:place] + put + signature[place + 1 :]
        assert request.refuses(request.with_header(carrier, changed)) == "wrong_signature"
    for other in (request.secrets.changed, request.secrets.other):
        if other != request.secrets.signing:
            assert request.refuses(secret=other) in ("wrong_signature", "bad_secret")

    late_s = draw(st.sampled_from([-TOLERANCE_S - 1, TOLERANCE_S + 1, 10.0**9, -(10.0**9)]))
    if request.timed:
        assert request.refuses(late_s=late_s) == ("too_old" if late_s > 0 else "too_new")
    else:
        assert request.verify(late_s=late_s) == verified
    for name, _ in request.rendered.headers:
        if name.lower() not in {carrier.lower(), *(one.lower() for one in signed)}:
            assert request.verify(request.with_header(name, "something else")) == verified


def test_each_profile_that_signs_is_looked_at() -> None:
    assert {*SIGNED, *UNSIGNED} == set(PUBLISHED)
    for name in UNSIGNED:
        assert PUBLISHED[name].signing is None


@pytest.mark.parametrize("name", SIGNED)
@settings(deadline=None, max_examples=30)
@given(st.data())
def test_a_published_one(name: str, data: st.DataObject) -> None:
    contract, (signed, time, form) = PUBLISHED[name], SIGNED[name]
    variant = data.draw(st.sampled_from(contract.signatures))
    secrets = data.draw(secrets_of(form, "ed25519" if variant == "v1a" else "hmac-sha256"))
    carrier = contract.header_of("signature") or ""
    request = Request(contract, data.draw(messages), variant, secrets, timed=time is not None)
    is_kept_to(data.draw, request, signed, carrier)


def requested(draw: st.DrawFn, drawn: Drawn) -> Request:
    contract = check_profile(drawn.text, "own")
    variant = draw(st.sampled_from(list(drawn.variants)))
    secrets = draw(secrets_of(drawn.secret, drawn.variants[variant]["algorithm"]))
    return Request(contract, draw(messages), variant, secrets, timed=bool(drawn.time_in))


@settings(deadline=None, max_examples=100)
@given(profiles(), st.data())
def test_any_that_the_vocabulary_can_say(drawn: Drawn, data: st.DataObject) -> None:
    request = requested(data.draw, drawn)
    is_kept_to(data.draw, request, tuple(drawn.signed), "X-Signature")
    if request.secrets.signing.startswith("whsk_") and drawn.secret == "standard":
        public = public_part(request.secrets.signing)
        assert request.verify(secret=public) == request.verify()
        assert request.refuses(secret=public_part(request.secrets.changed)) == "wrong_signature"


@settings(deadline=None, max_examples=50)
@given(profiles(), st.data())
def test_while_a_secret_is_rotated(drawn: Drawn, data: st.DataObject) -> None:
    """Where several signatures fit both are there, else that of the old secret; without a secret there is none."""
    request = requested(data.draw, drawn)
    message, old, new = data.draw(messages), request.secrets.signing, request.secrets.other
    rendered = request.contract.render(message, [new, old], request.variant)
    now_s = message.sent_ms // 1000
    for secret, fits in ((old, True), (new, drawn.several), ([new, old], True), ([old, new], True)):
        try:
            verify(rendered.headers, rendered.body, secret, now_s, contract=request.contract)
        except VerificationFailed as error:
            assert (error.code, fits) == ("wrong_signature", False)  # noqa: PT017 - it may also pass
        else:
            assert fits
    if not request.contract.profile.secret_needed:
        bare = request.contract.render(message, [], request.variant)
        assert request.refuses(bare.headers, bare.body) == "missing_header"


@pytest.mark.parametrize("several", [",", "1", "=", "a", "Z", "/"])
def test_a_separator_that_stands_in_a_signature_is_refused(several: str) -> None:
    signature = {"secret_of": "endpoint", "secret": "text", "content": "{body}", "several": several, "default": "v1"}
    text = own_text(
        headers={"x-signature": "{signature}"},
        signature=signature,
        variants={"v1": {"algorithm": "hmac-sha1", "encoding": "base64", "prefix": "v1,"}},
    )
    with pytest.raises(ValueError, match=r"signature.several: .* stands in the signatures of v1 themselves"):
        check_profile(text, "own")


@settings(deadline=None, max_examples=50)
@given(documents)
def test_nul_bytes_at_its_end_are_noticed_where_the_body_is_the_key(data: bytes) -> None:
    """HMAC fills its key up with them, so to HMAC alone it is the same key."""
    message = Message("evt_1", "a.b", data, 0, 0)
    request = Request(PUBLISHED["vinsight"], message, "published", Secrets("s", "t", "u"), timed=False)
    for more in (b"\0", b"\0\0"):
        assert request.refuses(body=data + more) == "wrong_signature"


def test_the_last_character_of_an_ed25519_signature_counts() -> None:
    """Its last four bits say nothing in base64: another character would decode to the same bytes."""
    secret = "whsk_" + "A" * 43 + "="
    message = Message("evt_1", "a.b", b"{}", 0, 0)
    request = Request(PUBLISHED["standard"], message, "v1a", Secrets(secret, secret, secret), timed=True)
    signature = request.header("webhook-signature")
    assert signature.endswith("==")
    for last in {"Q", "g", "w", "A", "R", "h", "x", "B"} - {signature[-3]}:
        changed = signature[:-3] + last + "=="
        assert request.refuses(request.with_header("webhook-signature", changed)) == "wrong_signature"


def test_the_time_in_a_body_is_the_last_thing_that_is_believed() -> None:
    """A wrong signature is told before what the body says, a body of another profile by a code of its own."""
    signature = {"secret_of": "endpoint", "secret": "text", "content": "{body}", "default": "v1"}
    sha = {"v1": {"algorithm": "hmac-sha256", "encoding": "hex"}}
    headers = {"x-signature": "{signature}", SENT_HEADER: "{sent_at:unix_seconds}"}
    timed, bare = (
        check_profile(own_text(headers=headers, signature=signature, variants=sha, shapes=[shape]), "own")
        for shape in ('{"at": "{sent_at:rfc3339}"}', '{"at": "{data}"}')
    )
    for data in (b"5", b"null", b'"2026-11-21T23:11:26Z"', b'{"at": 1}'):
        rendered = bare.render(Message("evt_1", "a.b", data, 0, 0), ["s"], "v1")
        for secret, code in (("s", "bad_body"), ("other", "wrong_signature")):
            with pytest.raises(VerificationFailed) as caught:
                verify(rendered.headers, rendered.body, secret, 0.0, contract=timed)
            assert caught.value.code == code
