"""Profiles of one's own, written of the whole vocabulary: by a test, or drawn by chance; and events for them.

Nothing here signs or verifies. What a profile is drawn to sign is said beside it, so that a test needn't ask the code
that it tests.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hypothesis import strategies as st

from ringback.wire.message import Message
from ringback.wire.slots import TIME_FORMATS

HMACS: Final = ("hmac-sha1", "hmac-sha256", "hmac-sha512")
# A header of its own for each slot that can be signed, `sent_at` in one form.
SLOTS: Final = {
    "x-id": "{event_id}",
    "X-Type": "{event_type}",
    "x-entity": "{entity}",
    "X-ACTION": "{action}",
    "x-attempt": "{attempt:text}",
    "x-endpoint": "{endpoint_id}",
    "x-tenant": "{tenant_id}",
    "x-source": "{source}",
    "x-happened": "{happened_at:rfc3339}",
}
SENT_HEADER: Final = "X-Sent"


class Secrets(NamedTuple):
    """Two that fit a profile: what signs, and what a receiver may verify it with; and another that signs."""

    signing: str
    changed: str
    other: str


class Drawn(NamedTuple):
    """A profile's text, the headers (as written) that it signs, where it says when it was sent, the variants."""

    text: str
    signed: frozenset[str]
    time_in: str
    variants: Mapping[str, Mapping[str, str]]
    secret: str
    several: bool


def toml(value: object) -> str:
    """A text, a list or an inline table as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def own_text(
    *,
    headers: Mapping[str, str],
    signature: Mapping[str, object],
    variants: Mapping[str, Mapping[str, str]],
    name: str = "own",
    body: str = "as_received",
    shapes: Sequence[str] = ('"{data}"',),
) -> str:
    """The TOML of a profile; of several shapes each but the last is for an event type of its own."""
    lines = [
        f"name = {toml(name)}", 'title = "Own"', 'description = "Of one\'s own."', 'source = "A test"',
        "[request]", 'method = "POST"', f"body = {toml(body)}",
        "[headers]", 'Content-Type = "application/json"',
        *(f"{toml(key)} = {toml(one)}" for key, one in headers.items()),
        "[delivery]", 'success = "2xx"', 'retry = "default"',
        "[signature]", *(f"{key} = {toml(value)}" for key, value in signature.items()),
        *(f"[signature.variants.{key}]\n" + "\n".join(f"{k} = {toml(v)}" for k, v in one.items())
          for key, one in variants.items()),
    ]  # fmt: skip
    for number, shape in enumerate(shapes):
        when = [] if number == len(shapes) - 1 else [f'when = {{ event_types = ["only.{number}"] }}']
        lines += ["[[shapes]]", *when, f"json = {toml(shape)}"]
    return "\n".join(lines) + "\n"


# ── events, as the API accepts them ────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.from_regex(r"[a-zA-Z0-9_-]{1,24}", fullmatch=True)
types = st.from_regex(r"[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,8}){0,2}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
    ["0", "-0", "-1", "1.0", "1e400", "1E-7", "12345678901234567890", "0.10"]
)
strings = texts.map(json.dumps) | texts.map(lambda text: json.dumps(text, ensure_ascii=False))


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{ " + " ,".join(f"{name}: {value}" for name, value in pairs) + "}"


documents = st.recursive(
    st.sampled_from(["null", "true", "false", "{}", "[ ]"]) | numbers | strings,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\n".join(items) + "]")
        | st.lists(st.tuples(strings, inner), max_size=3).map(_object)
    ),
    max_leaves=8,
).map(str.encode)

optional = st.none() | texts.filter(bool)
messages = st.builds(
    Message,
    ids, types, documents,
    happened_ms=st.integers(0, 4_000_000_000_000),
    sent_ms=st.integers(0, 4_000_000_000_000),
    attempt=st.integers(1, 99),
    tenant_id=ids,
    endpoint_id=ids,
    number=st.integers(0, 2**53 - 1),
    channel=optional,
    subject_type=optional,
    subject_id=optional,
    change=st.none() | st.sampled_from(["created", "updated", "deleted"]),
    previous=st.none() | documents,
    accepted_ms=st.integers(0, 4_000_000_000_000),
)  # fmt: skip


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────────

printable = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=80)


def _text_secrets(draw: st.DrawFn) -> Secrets:
    secret = draw(printable)
    place, put = draw(st.integers(0, len(secret) - 1)), draw(printable.map(lambda text: text[0]))
    changed = draw(st.sampled_from([secret[:place] + secret[place + 1 :], secret[:place] + put + secret[place:]]))
    other = secret[:place] + put + secret[place + 1 :]
    return Secrets(secret, changed, other if other != secret else f"{secret}.")


def _standard_secrets(draw: st.DrawFn, prefix: str) -> Secrets:
    """Changed is one bit of the key. Not of its base64, where the last character may stand for the same key."""
    key = draw(st.binary(min_size=32, max_size=32))
    place, bit = draw(st.integers(0, 31)), draw(st.integers(0, 7))
    changed = key[:place] + bytes([key[place] ^ (1 << bit)]) + key[place + 1 :]
    other = bytes(byte ^ 0xFF for byte in key)
    return Secrets(*(prefix + base64.b64encode(one).decode() for one in (key, changed, other)))


@st.composite
def secrets_of(draw: st.DrawFn, form: str, algorithm: str) -> Secrets:
    """For a profile's form of secrets, and the variant's algorithm."""
    if form == "text":
        return _text_secrets(draw)
    return _standard_secrets(draw, "whsk_" if algorithm == "ed25519" else "whsec_")


# ── profiles ───────────────────────────────────────────────────────────────────────────────────────────────────────

prefixes = st.sampled_from(["", "v1,", "sha256=", "a b:", "%s", "{x}"]) | st.from_regex(r"[!-~]{1,5}", fullmatch=True)


@st.composite
def _variant(draw: st.DrawFn, form: str, plain: bool) -> dict[str, str]:
    """One way to sign. `plain`: the content has the secret in it."""
    if form == "standard":
        found = {"algorithm": draw(st.sampled_from(["hmac-sha256", "ed25519"])), "encoding": "base64"}
    else:
        algorithm = "sha256" if plain else draw(st.sampled_from(HMACS))
        found = {"algorithm": algorithm, "encoding": draw(st.sampled_from(["hex", "base64"]))}
        if not plain and draw(st.booleans()):
            found["arguments"] = draw(st.sampled_from(["described", "published"]))
    prefix = draw(prefixes)
    return {**found, "prefix": prefix} if prefix else found


def _shapes(form: str) -> st.SearchStrategy[list[str]]:
    plain = ['"{data}"', '{"a": "{data}", "b?": "{channel}", "c": "x{subject_id}y", "n": [1.50, "{attempt}"]}']
    timed = [f'{{"id": "{{event_id}}", "at": {{"sent": "{{sent_at:{form}}}"}}, "d": "{{data}}"}}']
    return st.sampled_from([[plain[0]], [plain[1]], timed, [plain[1], timed[0]], [timed[0], timed[0]]])


@st.composite
def profiles(draw: st.DrawFn) -> Drawn:
    """Any that can be said of algorithm, content, encoding, prefix, kind of secret, separator and form of the body."""
    secret = draw(st.sampled_from(["standard", "text"]))
    plain = secret == "text" and draw(st.booleans())
    variants = {f"v{number}": draw(_variant(secret, plain)) for number in range(draw(st.integers(1, 2)))}
    headers = {**SLOTS, SENT_HEADER: f"{{sent_at:{draw(st.sampled_from(list(TIME_FORMATS)))}}}"}
    signed = draw(st.lists(st.sampled_from(list(headers)), max_size=4, unique=True))
    constants = st.lists(st.text("ab.:%-é€\n \\\"'", min_size=1, max_size=3), max_size=3)
    parts = ["{body}", *(headers[name] for name in signed), *draw(constants), *(["{secret}"] if plain else [])]
    written = "".join(str(one.get("prefix", "")) for one in variants.values())
    separators = [one for one in " ,;~|" if one not in written]
    several = draw(st.none() | st.sampled_from(separators)) if separators else None
    shapes = draw(_shapes(draw(st.sampled_from(list(TIME_FORMATS)))))
    text = own_text(
        headers={**headers, "X-Signature": "{signature}"},
        body=draw(st.sampled_from(["as_received", "compact", "ascii", "ecmascript"])),
        shapes=shapes,
        signature={
            "secret_of": draw(st.sampled_from(["endpoint", "tenant"])) if secret == "text" else "endpoint",
            "secret": secret,
            "needed": draw(st.sampled_from(["always", "if_set"])),
            "content": "".join(draw(st.permutations(parts))),
            **({} if several is None else {"several": several}),
            "default": "v0",
        },
        variants=variants,
    )
    in_body = "body" if all("{sent_at" in shape for shape in shapes) else ""
    time_in = "header" if SENT_HEADER in signed else in_body
    return Drawn(text, frozenset(signed), time_in, variants, secret, several is not None)
