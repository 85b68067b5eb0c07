"""Code for receivers: every variant of every profile's signature, run against requests that the profile makes."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ringback.wire.contract import Contract
from ringback.wire.message import Message, Rendered
from ringback.wire.profile import check_profile, load_profile, profile_names, profile_text
from ringback.wire.receiving import codes
from ringback.wire.signature import public_part
from ringback.wire.signing import Signing
from ringback.wire.vocabulary import SIGNATURE

# Every way of signing that the vocabulary has: what the profiles that come with Ringback leave out is made of one.
OWN = (
    profile_text("insideview")
    .replace('name = "insideview"', 'name = "own"')
    .replace('[signature.variants.hex]\nalgorithm = "hmac-sha1"', '[signature.variants.hex]\nalgorithm = "hmac-sha512"')
    .replace("[signature.variants.hex]", '[signature.variants.hex]\nprefix = "sha512="')
)
CONTRACTS = [*(load_profile(name) for name in profile_names()), check_profile(OWN, "own")]
SIGNED = [(contract, variant) for contract in CONTRACTS for variant in contract.signatures]


def named(value: object) -> str:
    return value.name if isinstance(value, Contract) else str(value)


class Case:
    """A request of a profile, signed by one of its variants, and what its receiver has."""

    def __init__(self, contract: Contract, variant: str) -> None:
        self.contract, self.variant = contract, variant
        assert contract.signing is not None
        self.signing: Signing = contract.signing
        secrets = [self.signing.new_secret(bytes([number]) * 32, variant) for number in (7, 8)]
        now_ms = int(time.time() * 1000)
        message = Message("evt_1", "contact.created", b'{"n": "\xc3\xba"}', now_ms, now_ms, tenant_id="acme", number=7)
        self.rendered: Rendered = contract.render(message, secrets, variant)
        # Two sign where that is possible; else it is the older one that does.
        self.known = secrets if self.signing.separator is not None else secrets[1:]
        self.stranger = self.key_of(self.signing.new_secret(bytes([9]) * 32, variant))

    def key_of(self, secret: str) -> str:
        return public_part(secret) if secret.startswith("whsk_") else secret

    @property
    def keys(self) -> list[str]:
        return [self.key_of(secret) for secret in self.known]

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.rendered.headers}

    def code(self, title: str) -> str:
        (found,) = [code.text for code in codes(self.contract, self.variant) if code.title == title]
        return found


@pytest.mark.parametrize(("contract", "variant"), SIGNED, ids=named)
class TestEveryVariant:
    @pytest.mark.parametrize("title", ["Python", "Python, without the package"])
    def test_python(self, contract: Contract, variant: str, title: str) -> None:
        case = Case(contract, variant)
        if contract.name == "own" and title == "Python":
            assert title not in [code.title for code in codes(contract, variant)]
            return
        namespace: dict[str, Any] = {}
        exec(case.code(title), namespace)
        genuine = namespace["genuine"]
        for key in case.keys:
            assert genuine(case.headers, case.rendered.body, key) is True
            assert genuine(case.headers, case.rendered.body + b" ", key) is False
            assert genuine({}, case.rendered.body, key) is False
        assert genuine(case.headers, case.rendered.body, case.stranger) is False

    def test_a_shell(self, contract: Contract, variant: str, tmp_path: Path) -> None:
        case = Case(contract, variant)
        (tmp_path / "body.json").write_bytes(case.rendered.body)
        carrier = contract.header_of(SIGNATURE)
        assert carrier is not None
        separator = case.signing.separator
        given = case.headers[carrier].split(separator) if separator else [case.headers[carrier]]
        prefix = case.signing.variants[variant].prefix
        timestamp = next((value for name, value in case.headers.items() if name.endswith("-timestamp")), "")
        for key, signature in zip(case.keys, given, strict=True):
            values = {"PATH": "/usr/bin:/bin", "ID": case.headers.get("webhook-id", ""), "TIMESTAMP": timestamp}
            named = {"SECRET": key, "PUBLIC_KEY": key, "SIGNATURE": signature}
            run = subprocess.run(
                ["sh", "-eu", "-c", case.code("Shell")], env=values | named, cwd=tmp_path,
                capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
            if case.signing.variants[variant].algorithm == "ed25519":
                assert "Verified Successfully" in run.stdout
            else:
                assert prefix + run.stdout.strip() == signature


def test_javascript_of_every_variant(tmp_path: Path) -> None:
    given = []
    for place, (contract, variant) in enumerate(SIGNED):
        case = Case(contract, variant)
        (tmp_path / f"code{place}.mjs").write_text(case.code("JavaScript"))
        given.append([case.headers, case.rendered.body.decode(), case.keys, case.stranger])
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "run.mjs").write_text(
        'import { readFileSync } from "node:fs";\n'
        'const given = JSON.parse(readFileSync("given.json", "utf8"));\n'
        "for (const [place, [headers, text, keys, stranger]] of given.entries()) {\n"
        "  const { genuine } = await import(`./code${place}.mjs`);\n"
        "  const body = Buffer.from(text);\n"
        "  const all = keys.map((key) => genuine(headers, body, key));\n"
        '  const changed = genuine(headers, Buffer.from(text + " "), keys[0]);\n'
        "  const none = genuine({}, body, keys[0]) || genuine(headers, body, stranger);\n"
        "  console.log(all.every(Boolean), changed || none);\n"
        "}\n"
    )
    run = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.splitlines() == ["true false"] * len(SIGNED)


def test_the_other_languages_say_the_same_header_and_key() -> None:
    for contract, variant in SIGNED:
        case = Case(contract, variant)
        for title in ("Go", "PHP"):
            assert f'"{contract.header_of(SIGNATURE)}"' in case.code(title).replace("'", '"')


def test_what_is_not_signed_has_no_code() -> None:
    with pytest.raises(ValueError, match="signs nothing"):
        codes(load_profile("vainu"))
