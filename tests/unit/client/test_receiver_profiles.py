"""`ringback.verify` for every profile: built in, or of one's own; with the standard library alone; one way to fail."""

import json
import subprocess
import sys
from email.message import Message as StandardLibraryHeaders
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.client.receiver import Contract, VerificationFailed, read_profile, verify
from ringback.wire.message import Message
from ringback.wire.profile import load_profile, profile_names, profile_text
from ringback.wire.signature import public_part
from support.own_profiles import own_text

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / "examples" / "github.toml"
# GitHub's own example, "Validating webhook deliveries", section "Testing the webhook payload validation".
GITHUB_SECRET, GITHUB_BODY = "It's a Secret to Everybody", b"Hello, World!"
GITHUB_HEADERS = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
NOW_S = 1_700_000_000
MESSAGE = Message("evt_1", "contact.created", b'{"id":1}', NOW_S * 1000, NOW_S * 1000, tenant_id="acme", number=7)
SIGNED = [name for name in profile_names() if load_profile(name).signing is not None]


def request_of(contract: Contract, variant: str) -> dict[str, Any]:
    """A genuine request, as JSON, with the secret that a receiver has."""
    assert contract.signing is not None
    secret = contract.signing.new_secret(b"s" * 32, variant)
    rendered = contract.render(MESSAGE, [secret], variant)
    known = public_part(secret) if secret.startswith("whsk_") else secret
    return {"headers": rendered.headers, "body": rendered.body.decode(), "secret": known}


def refused(*arguments: Any, **more: Any) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as caught:
        verify(*arguments, **more)
    return caught.value


# ── a profile of one's own ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", [GITHUB, str(GITHUB), GITHUB.read_text("utf-8"), read_profile(GITHUB)])
def test_a_file_its_path_its_text_and_what_was_read_of_it_are_one_profile(profile: Any) -> None:
    verified = verify(profile, GITHUB_HEADERS, GITHUB_BODY, GITHUB_SECRET)
    assert verified == (None, None, "sha256")
    assert refused(profile, GITHUB_HEADERS, GITHUB_BODY + b"!", GITHUB_SECRET).code == "wrong_signature"
    assert refused(profile, {}, GITHUB_BODY, GITHUB_SECRET).code == "missing_header"


def test_a_file_that_is_changed_holds_at_once(tmp_path: Path) -> None:
    file = tmp_path / "github.toml"
    file.write_bytes(GITHUB.read_bytes())
    assert verify(file, GITHUB_HEADERS, GITHUB_BODY, GITHUB_SECRET)
    file.write_text(GITHUB.read_text("utf-8").replace('prefix = "sha256="', 'prefix = "SHA-256="'))
    assert refused(file, GITHUB_HEADERS, GITHUB_BODY, GITHUB_SECRET).code == "wrong_signature"
    file.unlink()
    assert refused(file, GITHUB_HEADERS, GITHUB_BODY, GITHUB_SECRET).code == "bad_profile"


BROKEN = GITHUB.read_text("utf-8").replace("hmac-sha256", "hmac-md5")
BAD_PROFILES = {
    "nothing": ("", "is not a profile; allowed: cloudevents, "),
    "another name": ("vesel", "is not a profile; allowed: cloudevents, "),
    "no file": ("/nowhere/own.toml", "can't be read: No such file"),
    "a directory": (ROOT, "can't be read: Is a directory"),
    "a path with a NUL": ("a\0.toml", "null"),
    "a word that is not known": (BROKEN, ": signature.variants.sha256.algorithm: 'hmac-md5' is not known"),
    "no TOML": ("name = \n", "line 1: file: is not TOML"),
    "a name that is none": ("name = 5\n", "is missing"),
    "None": (None, "a profile is a name, the path of a file NAME.toml, its text, or a Contract: NoneType"),
    "a number": (5, "int"),
    "bytes": (b"standard", "bytes"),
    "a list": (["standard"], "list"),
    "a class": (Contract, "type"),
}


@pytest.mark.parametrize(("profile", "said"), BAD_PROFILES.values(), ids=BAD_PROFILES)
def test_what_is_no_profile_is_said(profile: Any, said: str) -> None:
    error = refused(profile, {}, b"", "secret")
    assert error.code == "bad_profile"
    assert said in error.detail
    with pytest.raises(VerificationFailed, match="profile"):
        read_profile(profile)


def test_a_file_that_is_not_text_or_has_another_name_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "other.toml").write_bytes(GITHUB.read_bytes())
    assert refused(tmp_path / "own.toml", {}, b"", "secret").code == "bad_profile"
    assert "must be 'other', as the file" in refused(tmp_path / "other.toml", {}, b"", "secret").detail


# ── time, secrets, headers ─────────────────────────────────────────────────────────────────────────────────────────


def timed(content: str, sent_at: str, shape: str = '"{data}"') -> str:
    return own_text(
        headers={"X-Sent": sent_at, "X-Signature": "{signature}"},
        signature={"secret_of": "endpoint", "secret": "text", "content": content, "default": "v1"},
        variants={"v1": {"algorithm": "hmac-sha512", "encoding": "base64"}},
        shapes=[shape],
    )


FORMS = ["rfc3339", "rfc3339_seconds", "iso8601_offset", "http_date", "unix_seconds", "unix_milliseconds"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", ["header", "body"])
def test_the_time_is_looked_at_wherever_and_however_it_is_signed(form: str, place: str) -> None:
    slot = f"{{sent_at:{form}}}"
    in_body = timed("{body}", slot, f'{{"a": {{"sent": "{slot}"}}, "data": "{{data}}"}}')
    contract = read_profile(timed(f"{slot}.{{body}}", slot) if place == "header" else in_body)
    rendered = contract.render(MESSAGE, ["s"], "v1")
    for late_s, code in ((300, None), (-300, None), (301, "too_old"), (-301, "too_new")):
        given = (contract, rendered.headers, rendered.body, "s")
        if code is None:
            assert verify(*given, now_s=NOW_S + late_s).sent_at_s == NOW_S
        else:
            assert refused(*given, now_s=NOW_S + late_s).code == code
        assert verify(*given, now_s=NOW_S + late_s, tolerance_s=None).sent_at_s == NOW_S
        assert verify(*given, now_s=NOW_S + late_s, tolerance_s=302).sent_at_s == NOW_S


def test_a_time_that_is_not_signed_is_not_believed() -> None:
    contract = read_profile(timed("{body}", "{sent_at:unix_seconds}"))
    rendered = contract.render(MESSAGE, ["s"], "v1")
    assert verify(contract, rendered.headers, rendered.body, "s").sent_at_s is None


@pytest.mark.parametrize("name", SIGNED)
def test_one_secret_of_several_is_enough_for_each_profile(name: str) -> None:
    contract = load_profile(name)
    made, signing = request_of(contract, contract.default_signature), contract.signing
    assert signing is not None
    others = [signing.new_secret(byte * 32, contract.default_signature) for byte in (b"a", b"b")]
    given = (name, made["headers"], made["body"])
    assert verify(*given, [*others, made["secret"]], now_s=NOW_S).signature == contract.default_signature
    assert refused(*given, others, now_s=NOW_S).code == "wrong_signature"
    assert refused(*given, [], now_s=NOW_S).code == "bad_secret"


@pytest.mark.parametrize("name", SIGNED)
def test_headers_as_frameworks_have_them(name: str) -> None:
    contract = load_profile(name)
    made = request_of(contract, contract.default_signature)
    no_mapping = StandardLibraryHeaders()  # what http.server has
    for key, value in made["headers"]:
        no_mapping[key] = value
    upper = {key.upper(): value for key, value in made["headers"]}
    pairs = [(key.lower().encode(), value.encode()) for key, value in made["headers"]]  # what ASGI has
    for headers in (no_mapping, upper, pairs, tuple(made["headers"])):
        for body in (made["body"], made["body"].encode(), bytearray(made["body"].encode())):
            assert verify(name, headers, body, made["secret"], now_s=NOW_S)


# ── nothing but the standard library ───────────────────────────────────────────────────────────────────────────────

PROGRAM = """
import json, sys
from importlib.abc import MetaPathFinder

class NoOthers(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {"ringback"}:
            raise ImportError(f"{name} is not of the standard library")

sys.meta_path.insert(0, NoOthers())
import ringback

def said(profile, now_s, headers, body, secret):
    try:
        return list(ringback.verify(profile, headers, body, secret, now_s=now_s))
    except ringback.VerificationFailed as error:
        return [error.code, error.detail]

answers = [said(**given) for given in json.load(sys.stdin)]
print(json.dumps([answers, sorted(sys.modules)]))
"""


def test_each_profile_needs_the_standard_library_alone_and_ed25519_says_what_more() -> None:
    """A process that can import nothing else: no site-packages, and whoever tries is refused."""
    contracts = {name: load_profile(name) for name in SIGNED} | {str(GITHUB): read_profile(GITHUB)}
    cases = [(name, contract, variant) for name, contract in contracts.items() for variant in contract.signatures]
    given = [{**request_of(contract, variant), "profile": name, "now_s": NOW_S} for name, contract, variant in cases]
    ran = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM],
        input=json.dumps(given),
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers, loaded = json.loads(ran.stdout)
    for (name, _, variant), said in zip(cases, answers, strict=True):
        if variant == "v1a":
            assert said[0] == "bad_secret"
            assert "ed25519 needs the package cryptography" in said[1]
        else:
            assert said[2] in (variant, "described"), name
    ours = {name for name in loaded if name.startswith("ringback.")}
    assert "ringback.wire.verify" in ours
    assert {name.split(".")[1] for name in ours} == {"wire", "client"}
    assert "ringback.client.client" not in ours


# ── anything else ──────────────────────────────────────────────────────────────────────────────────────────────────

garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = sorted({name for known in SIGNED for name in load_profile(known).header_names})
headers_like = st.dictionaries(st.sampled_from(NAMES), garbage) | st.lists(st.tuples(st.sampled_from(NAMES), garbage))
profiles_like = st.sampled_from([*profile_names(), GITHUB, read_profile(GITHUB)]) | garbage


@settings(deadline=None, max_examples=80)
@given(profiles_like, headers_like | garbage, garbage, garbage, garbage, garbage)
def test_garbage_fails_in_the_one_way(
    profile: Any, headers: Any, body: Any, secret: Any, tolerance_s: Any, now_s: Any
) -> None:
    error = refused(profile, headers, body, secret, tolerance_s=tolerance_s, now_s=now_s)
    assert error.code
    assert error.detail


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(SIGNED), st.data())
def test_one_thing_wrong_in_a_genuine_request_fails_in_the_one_way(name: str, data: st.DataObject) -> None:
    made = request_of(load_profile(name), load_profile(name).default_signature)
    given: dict[str, Any] = {"headers": dict(made["headers"]), "body": made["body"], "secret": made["secret"]}
    assert verify(name, **given, now_s=NOW_S)
    place = data.draw(st.sampled_from(["headers", "body", "secret", "header"]))
    if place == "header":
        carrier = load_profile(name).header_of("signature") or ""
        given["headers"] = {**given["headers"], carrier.upper(): data.draw(garbage)}
    else:
        given[place] = data.draw(garbage.filter(lambda one: one != given[place]))
    refused(name, **given, now_s=NOW_S)


def test_what_comes_with_ringback_can_be_given_as_text_too() -> None:
    made = request_of(load_profile("vessel"), "sha256")
    assert verify(profile_text("vessel"), made["headers"], made["body"], made["secret"], now_s=NOW_S).id == "evt_1"
