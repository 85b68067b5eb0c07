"""Profiles: what the file of `standard` says, and what is refused in any."""

import json
import re
from pathlib import Path

import pytest

import ringback.wire
from ringback.wire.profile import check_profile, load_profile, profile_names
from ringback.wire.vocabulary import ProfileError

STANDARD = (Path(ringback.wire.__file__).parent / "profiles" / "standard.toml").read_text("utf-8")


def test_standard_is_there_and_loaded_once() -> None:
    assert "standard" in profile_names()
    assert load_profile("standard") is load_profile("standard")


def test_what_standard_says() -> None:
    contract = load_profile("standard")
    assert (contract.name, contract.method, contract.default_signature) == ("standard", "POST", "v1")
    assert contract.signatures == ("v1", "v1a")
    assert contract.header_names == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    profile = contract.profile
    assert (profile.tenant_signs, profile.secret_needed, profile.standard_secret) == (False, True, True)
    assert profile.success == "2xx"
    assert (profile.retry.delays_s, contract.has_handshake) == (None, False)
    assert profile.title == "Standard Webhooks"
    assert contract.header_of("event_id") == "webhook-id"


@pytest.mark.parametrize("name", ["", "nonesuch", "../standard", "Standard", "standard.toml"])
def test_no_other_profile_is_loaded(name: str) -> None:
    with pytest.raises(ProfileError, match=r"is not a profile; allowed: .*standard"):
        load_profile(name)


def test_headers_keep_order_and_case() -> None:
    text = STANDARD.replace("webhook-id =", "X-WebHook-ID =")
    contract = check_profile(text, "standard")
    assert [header.name for header in contract.profile.headers][1] == "X-WebHook-ID"
    assert contract.header_of("event_id") == "x-webhook-id"


# What is found in the file, what is put there instead, the key that is named, the line, and words of the message.
REFUSED = {
    "not TOML": (r"^name = .*$", "name =", "file", 3, "is not TOML"),
    "another name": (r'name = "standard"', 'name = "other"', "name", 3, "must be 'standard'"),
    "a missing key": (r'^method = "POST"$', "", "request.method", 10, "is missing"),
    "a missing table": (r"^\[delivery\](.|\n)*\Z", "", "delivery", None, "is missing"),
    "an empty table": (r"^\[delivery\](.|\n)*\Z", "[delivery]", "delivery", 47, "isn't empty"),
    "an unknown key": (r"^\[delivery\]$", "[delivery]\nretries = 3", "delivery.retries", 48, "success, retry"),
    "an unknown table": (r"\A", "greeting = true\n", "greeting", 1, "allowed: name, title"),
    "an unknown word": (r'"POST"', '"GET"', "request.method", 11, "'GET' is not known; allowed: POST"),
    "a wrong type": (r'"POST"', "5", "request.method", 11, "5 is not known; allowed: POST"),
    "an unknown form": (
        r'"as_received"',
        '"xml"',
        "request.body",
        12,
        "allowed: as_received, compact, ascii, ecmascript",
    ),
    "an empty text": (r'title = "[^"]*"', 'title = " "', "title", 4, "isn't empty"),
    "a text that is no text": (r'title = "[^"]*"', "title = 5", "title", 4, "isn't empty"),
    "a line break in a header": (
        r'"application/json"',
        r'"a/b\\r\\nx: y"',
        "headers.content-type",
        16,
        "visible ASCII",
    ),
    "a header that is no name": (r"webhook-id =", '"webhook id" =', "headers.webhook id", 17, "RFC 9110"),
    "the transport's header": (r"webhook-id =", "Content-Length =", "headers.Content-Length", 17, "transport"),
    "a header twice": (r"webhook-id =", "Webhook-Timestamp =", "headers.Webhook-Timestamp", 17, "twice"),
    "no content type": (r"^content-type = .*$", "", "headers", 15, "must have content-type"),
    "an unknown slot": (r'"\{event_id\}"', '"{id}"', "headers.webhook-id", 17, "'id' is no slot; allowed: event_id, "),
    "a stray brace": (r'"\{event_id\}"', '"{event_id"', "headers.webhook-id", 17, "a brace stands alone"),
    "a time without a form": (r'"\{sent_at:unix_seconds\}"', '"{sent_at}"', "headers.webhook-timestamp", 18, "say how"),
    "an unknown form of a time": (
        r"\{happened_at:rfc3339\}",
        "{happened_at:iso}",
        "shapes[1].json",
        27,
        "'iso' is no form",
    ),
    "a form that is none of its": (r"\{event_id\}", "{event_id:rfc3339}", "headers.webhook-id", 17, "is no time"),
    "members of a text": (r'"\{event_id\}"', '"{channel.a}"', "headers.webhook-id", 17, "channel has no members"),
    "two signatures": (r'"\{event_id\}"', '"{signature}"', "headers", 15, "two headers carry the signature"),
    "a shape that is no JSON": (r"'\{\"type\"", "'{type", "shapes[1].json", 27, "is no JSON"),
    "a member twice": (r'"timestamp": "', '"type": "', "shapes[1].json", 27, "type stands twice"),
    "an unknown slot in the body": (r'"\{event_type\}"', '"{kind}"', "shapes[1].json", 27, "'kind' is no slot"),
    "nothing for the rest": (
        r"^\[\[shapes\]\]\njson(.|\n)*?\n\n",
        "",
        "shapes[0].when",
        23,
        "must not stand in the last",
    ),
    "a shape in vain": (r"^when = .*$", "", "shapes[0].when", 22, "only the last shape"),
    "no condition that is known": (
        r"data_is",
        "data_has",
        "shapes[0].when.data_has",
        23,
        "allowed: event_types, actions",
    ),
    "no shapes": (r"^\[\[shapes\]\](.|\n)*^\[signature\]", "[signature]", "shapes", None, "is missing"),
    "an unsigned body": (r"\.\{body\}", "", "signature.content", 33, "must have {body}"),
    "a body twice": (r"\.\{body\}", ".{body}{body}", "signature.content", 33, "must have {body}, once"),
    "what no header has": (r"\{event_id\}\.", "{tenant_id}.", "signature.content", 33, "{tenant_id} can't be signed"),
    "what a header has only of some events": (
        r"^webhook-id = .*$",
        'webhook-id = "{channel}"',
        "signature.content",
        33,
        "{event_id} can't be signed; allowed: {body}, {sent_at:unix_seconds}, {secret}: what a header has whatever",
    ),
    "a tenant's secret of the endpoints' form": (
        r'secret_of = "endpoint"',
        'secret_of = "tenant"',
        "signature.secret",
        32,
        "must be text where the tenant's secret signs",
    ),
    "a secret in the content": (
        r"\{event_id\}\.",
        "{secret}.",
        "signature.content",
        33,
        "only if the algorithm is sha256",
    ),
    "a long separator": (r'several = " "', 'several = ", "', "signature.several", 34, "one char"),
    "an unknown default": (r'default = "v1"', 'default = "v2"', "signature.default", 35, "allowed: v1, v1a"),
    "an unknown algorithm": (
        r'"hmac-sha256"',
        '"hmac-md5"',
        "signature.variants.v1.algorithm",
        38,
        "allowed: hmac-sha1",
    ),
    "another algorithm": (r'"hmac-sha256"', '"hmac-sha1"', "signature.variants.v1.algorithm", 38, "standard secrets"),
    "a secret of another form": (
        r'secret = "standard"',
        'secret = "text"',
        "signature.variants.v1a.algorithm",
        43,
        "ed25519 needs",
    ),
    "arguments exchanged": (
        r'prefix = "v1,"',
        'arguments = "published"',
        "signature.variants.v1.arguments",
        40,
        "exchanged for HMAC",
    ),
    "a line break in a prefix": (r'"v1a,"', r'"v1a\\n"', "signature.variants.v1a.prefix", 45, "visible ASCII"),
    "no header for the signature": (r"^webhook-signature.*$", "", "signature", 30, "no header carries {signature}"),
    "no signature": (
        r"^\[signature\](.|\n)*^\[delivery\]",
        "[delivery]",
        "signature",
        None,
        "is missing: a header carries",
    ),
    "too many retries": (
        r'retry = "default"',
        "retry = { delays_s = [-1] }",
        "delivery.retry.delays_s",
        49,
        "a list of at most 100",
    ),
    "an unknown rule": (r"\Z", "[rules]\nhttp = true", "rules.http", 51, "allowed: endpoints_per_tenant"),
    "no number": (r"\Z", "[rules]\nendpoints_per_tenant = 0", "rules.endpoints_per_tenant", 51, "from 1 to"),
    "a first event without data": (
        r"\Z",
        '[rules]\non_create = { event_type = "a" }',
        "rules.on_create.data",
        51,
        "miss",
    ),
    "a first event of a pattern": (
        r"\Z",
        '[rules]\non_create = { event_type = "a.*", data = "1" }',
        "rules.on_create.event_type",
        51,
        "must be an event type",
    ),
    "a first event of another key": (
        r"\Z",
        '[rules]\non_create = { event_type = "a", data = "1", json = "1" }',
        "rules.on_create.json",
        51,
        "allowed: event_type, data",
    ),
    "a tracked set that can't be called so": (
        r"\Z",
        '[rules]\ntracked_set = "customer data"',
        "rules.tracked_set",
        51,
        "1 to 64 letters, digits, _ or -",
    ),
    "a tracked set that is no text": (r"\Z", "[rules]\ntracked_set = 1", "rules.tracked_set", 51, "must be a text"),
    "a map that is called as a form": (r"\Z", "[maps.text]\na = 'b'", "maps.text", 50, "can't be used as a name"),
    "a mask of nothing": (r"\Z", "[masks]\nm = []", "masks.m", 51, "must be a list"),
}


@pytest.mark.parametrize(("found", "put", "key", "line", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_named(found: str, put: str, key: str, line: int | None, message: str) -> None:
    text, count = re.subn(found, put, STANDARD, count=1, flags=re.MULTILINE)
    assert count == 1
    with pytest.raises(ProfileError, match=re.escape(message)) as caught:
        check_profile(text, "standard")
    assert (caught.value.key, caught.value.line) == (key, line)
    assert str(caught.value).startswith(f"profile standard: {f'line {line}: ' if line else ''}{key}: ")


@pytest.mark.parametrize("data", ["{", "NaN", "[-Infinity]", '"\\ud800"', "[" * 101 + "]" * 101, "[" * 5_000, "1 2"])
def test_the_data_of_a_first_event_are_json_as_it_is_accepted(data: str) -> None:
    text = f"{STANDARD}[rules.on_create]\nevent_type = 'a.b'\ndata = {json.dumps(data)}\n"
    with pytest.raises(ProfileError, match="is no JSON") as caught:
        check_profile(text, "standard")
    assert (caught.value.key, caught.value.line) == ("rules.on_create.data", 52)


def test_the_first_event_of_vessel() -> None:
    first = load_profile("vessel").profile.rules.on_create
    assert first == ("connection.status_changed", b'{"status": "NEW_CONNECTION"}')
    assert load_profile("standard").profile.rules.on_create is None


def test_the_tracked_set_of_vainu() -> None:
    assert load_profile("vainu").profile.rules.tracked_set == "customer-data"
    assert load_profile("standard").profile.rules.tracked_set is None


def test_a_profile_may_have_one_variant() -> None:
    text = re.sub(r"\[signature.variants.v1a\](.|\n)*?\n\n", "", STANDARD)
    assert check_profile(text, "standard").signatures == ("v1",)


def test_the_file_name_must_be_a_plain_name() -> None:
    with pytest.raises(ProfileError, match="a-z, 0-9"):
        check_profile(STANDARD.replace('name = "standard"', 'name = "a b"'), "a b")


@pytest.mark.parametrize("value", ["{channel}", "{channel|subject_id}", "{data.a}", "{change:words}", "{event_number}"])
def test_what_is_signed_is_there_whatever_the_event(value: str) -> None:
    """Else a request could not be signed when it is to be sent, or not verified."""
    text = STANDARD.replace("webhook-id =", f'x-other = "{value}"\nwebhook-id =') + '[maps.words]\ncreated = "C"\n'
    assert check_profile(text, "standard")
    with pytest.raises(ProfileError, match="whatever the event"):
        check_profile(text.replace("{event_id}.", f"{value}."), "standard")
