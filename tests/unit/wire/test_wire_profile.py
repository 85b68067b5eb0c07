"""Profiles: what the file of `standard` says, and what is refused in any."""

import re
from pathlib import Path

import pytest

import ringback.wire
from ringback.wire import vocabulary
from ringback.wire.envelope import BY_NAME
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
    assert contract.profile.signed_parts == ("event_id", "sent_at_s", "body")
    assert (contract.profile.success, contract.profile.retry, contract.profile.secret_of) == (
        "2xx",
        "default",
        "endpoint",
    )
    assert (contract.profile.handshake, contract.has_handshake) == ("none", False)
    assert contract.profile.title == "Standard Webhooks"
    assert contract.header_of("event_id") == "webhook-id"


@pytest.mark.parametrize("name", ["", "nonesuch", "../standard", "Standard", "standard.toml"])
def test_no_other_profile_is_loaded(name: str) -> None:
    with pytest.raises(ProfileError, match=r"is not a profile; allowed: .*standard"):
        load_profile(name)


def test_every_envelope_of_the_vocabulary_is_built() -> None:
    assert set(BY_NAME) == set(vocabulary.ENVELOPES)


def test_headers_keep_order_and_case() -> None:
    text = STANDARD.replace('"webhook-id" =', '"X-WebHook-ID" =')
    contract = check_profile(text, "standard")
    assert [name for name, _ in contract.profile.headers][1] == "X-WebHook-ID"
    assert contract.header_of("event_id") == "x-webhook-id"


REFUSED = {
    "not TOML": (r"^name = .*$", "name =", "file", "is not TOML"),
    "another name": (r'name = "standard"', 'name = "other"', "name", "must be 'standard'"),
    "a missing key": (r'^method = "POST"$', "", "request.method", "is missing"),
    "a missing table": (r"^\[delivery\](.|\n)*\Z", "", "delivery", "is missing"),
    "an empty table": (r"^\[delivery\](.|\n)*\Z", "[delivery]", "delivery", "isn't empty"),
    "a key that is not known": (r"^\[delivery\]$", "[delivery]\nretries = 3", "delivery.retries", "success, retry"),
    "a handshake that is not known": (r'"none"', '"echo"', "delivery.handshake", "'echo' is not known; allowed: none"),
    "a table that is not known": (r"\A", "greeting = true\n", "greeting", "allowed: name, title"),
    "a word that is not known": (r'"POST"', '"GET"', "request.method", "'GET' is not known; allowed: POST"),
    "a wrong type": (r'"POST"', "5", "request.method", "5 is not known; allowed: POST"),
    "an envelope that is not known": (r'"type_timestamp_data"', '"xml"', "request.envelope", "type_timestamp_data"),
    "an empty text": (r'title = "[^"]*"', 'title = " "', "title", "isn't empty"),
    "a text that is no text": (r'title = "[^"]*"', "title = 5", "title", "isn't empty"),
    "a content type with a line break": (
        r'"application/json"',
        r'"a/b\\r\\nx: y"',
        "request.content_type",
        "visible ASCII",
    ),
    "a header that is no name": (r'"webhook-id" =', '"webhook id" =', "headers.webhook id", "RFC 9110"),
    "a header of the transport": (r'"webhook-id" =', '"Content-Length" =', "headers.Content-Length", "transport"),
    "a header twice": (r'"webhook-id" =', '"Webhook-Timestamp" =', "headers.Webhook-Timestamp", "twice"),
    "a header with nothing known": (r'= "content_type"', '= "date"', "headers.content-type", "allowed: content_type"),
    "no header for the id": (r'"webhook-id" = "event_id"', "", "headers", "exactly one header must carry event_id"),
    "a value in two headers": (r'= "content_type"', '= "signature"', "headers", "exactly one header must carry sig"),
    "an unsigned body": (r', "body"\]', "]", "signature.parts", "must have the body"),
    "an unknown part": (r', "body"\]', ', "body", "path"]', "signature.parts", "'path' is not known"),
    "a part twice": (r', "body"\]', ', "body", "body"]', "signature.parts", "twice"),
    "no parts": (r"parts = \[.*\]", "parts = []", "signature.parts", "must be a list"),
    "parts that are no words": (r"parts = \[.*\]", "parts = [[1]]", "signature.parts", "is not known"),
    "a long separator": (r'parts_separator = "\."', 'parts_separator = ".."', "signature.parts_separator", "one char"),
    "an unknown default": (r'default = "v1"', 'default = "v2"', "signature.default", "allowed: v1, v1a"),
    "an unknown algorithm": (r'"hmac-sha256"', '"hmac-md5"', "signature.variants.v1.algorithm", "hmac-sha256, ed25519"),
    "a prefix with a line break": (r'"v1a,"', r'"v1a\\n"', "signature.variants.v1a.prefix", "visible ASCII"),
}


@pytest.mark.parametrize(("found", "put", "key", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_named(found: str, put: str, key: str, message: str) -> None:
    text, count = re.subn(found, put, STANDARD, count=1, flags=re.MULTILINE)
    assert count == 1
    with pytest.raises(ProfileError, match=re.escape(message)) as caught:
        check_profile(text, "standard")
    assert caught.value.key == key
    assert str(caught.value).startswith(f"profile standard: {key}: ")


def test_a_profile_may_have_one_variant() -> None:
    text = re.sub(r"\[signature.variants.v1a\](.|\n)*?\n\n", "", STANDARD)
    assert check_profile(text, "standard").signatures == ("v1",)


def test_the_file_name_must_be_a_plain_name() -> None:
    with pytest.raises(ProfileError, match="a-z, 0-9"):
        check_profile(STANDARD.replace('name = "standard"', 'name = "a b"'), "a b")
