"""Requests of every way of signing, with what the code that verifies them has to say of each."""

import time
from functools import cached_property
from typing import Final, NamedTuple

from ringback.wire.contract import Contract
from ringback.wire.message import Message, Rendered
from ringback.wire.profile import check_profile, load_profile, profile_names, profile_text
from ringback.wire.receiving import codes
from ringback.wire.signature import public_part
from ringback.wire.signing import Signing
from ringback.wire.vocabulary import SIGNATURE

# What the profiles that come with Ringback leave out of the vocabulary is made of one of them.
_OWN: Final = (
    profile_text("insideview")
    .replace('name = "insideview"', 'name = "own"')
    .replace('algorithm = "hmac-sha1"', 'algorithm = "hmac-sha512"')
    .replace("[signature.variants.hex]", '[signature.variants.hex]\nprefix = "sha512="')
)
CONTRACTS: Final = [*(load_profile(name) for name in profile_names()), check_profile(_OWN, "own")]
SIGNED: Final = [(contract, variant) for contract in CONTRACTS for variant in contract.signatures]

YOUNG_S: Final = 120
OLD_S: Final = 420


class Question(NamedTuple):
    """A request as its receiver has it, names of headers in lower case, and whether it is genuine."""

    what: str
    headers: dict[str, str]
    body: bytes
    key: str
    genuine: bool


class Case:
    """One way of signing, and what is asked about it."""

    def __init__(self, contract: Contract, variant: str) -> None:
        self.contract, self.variant = contract, variant
        assert contract.signing is not None
        self.signing: Signing = contract.signing
        carrier = contract.header_of(SIGNATURE)
        assert carrier is not None
        self.carrier = carrier
        self._secrets = [self._secret(7), self._secret(8)]

    def __repr__(self) -> str:
        return f"{self.contract.name} {self.variant}"

    @property
    def by_public_key(self) -> bool:
        return self.signing.variants[self.variant].algorithm == "ed25519"

    def signatures(self, headers: dict[str, str]) -> list[str]:
        """What the header has, one by one."""
        given = headers.get(self.carrier, "")
        return [given] if self.signing.separator is None else given.split(self.signing.separator)

    def code(self, title: str) -> str | None:
        """The code for that language; None: there is none."""
        return next((code.text for code in codes(self.contract, self.variant) if code.title == title), None)

    def _secret(self, number: int) -> str:
        return self.signing.new_secret(bytes([number]) * 32, self.variant)

    @cached_property
    def questions(self) -> list[Question]:
        """All are of the moment when they are asked for first."""
        headers, body = self._request(0)
        # Two sign where that is possible; else it is the older one that does.
        older = _key(self._secrets[1])
        keys = [_key(self._secrets[0]), older] if self.signing.separator is not None else [older]
        found = [Question(f"signed by secret {n}", headers, body, key, True) for n, key in enumerate(keys)]
        found.append(Question("another body", headers, body + b" ", older, False))
        garbled = dict.fromkeys(headers, "é" * 64)
        found += [Question("nothing but garbled headers", garbled, body, older, False)]
        for name in (self.carrier, *self.signing.headers):
            others = {one: value for one, value in headers.items() if one != name}
            found.append(Question(f"without {name}", others, body, older, False))
        found.append(Question("another secret", headers, body, _key(self._secret(9)), False))
        timed = any(name.endswith("-timestamp") for name in self.signing.headers)
        for age_s in (YOUNG_S, -YOUNG_S, OLD_S, -OLD_S) if timed else (OLD_S,):
            headers, body = self._request(age_s)
            found.append(Question(f"{age_s} s old", headers, body, older, not timed or abs(age_s) == YOUNG_S))
        return found

    def _request(self, age_s: int) -> tuple[dict[str, str], bytes]:
        at_ms = int(time.time() * 1000) - age_s * 1000
        data = '{"n": "ú"}'.encode()
        message = Message("evt_1", "contact.created", data, at_ms, at_ms, tenant_id="acme", number=7)
        rendered: Rendered = self.contract.render(message, self._secrets, self.variant)
        return {name.lower(): value for name, value in rendered.headers}, rendered.body


def _key(secret: str) -> str:
    """What a receiver has of it."""
    return public_part(secret) if secret.startswith("whsk_") else secret
