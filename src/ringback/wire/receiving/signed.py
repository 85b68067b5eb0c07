"""What a receiver has to know to verify: which bytes are signed, with which key, how the signature is written."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringback.wire.contract import Contract
from ringback.wire.signature import ED25519
from ringback.wire.signing import SECRET, Content, Variant
from ringback.wire.time_sent import signed_time
from ringback.wire.verify import TOLERANCE_S
from ringback.wire.vocabulary import SIGNATURE

TOLERATED: Final = int(TOLERANCE_S)
"""So many seconds old, or ahead, may a request be."""


class Signed(NamedTuple):
    """`header` carries the signature, in lower case; of several `separator` stands between them. `standard_secret`: the
    key is the base64 in the secret, else its text. `time`: the signed header that says in seconds since 1970 when it
    was sent; None where there is none, or that stands elsewhere or in another form."""

    variant: Variant
    content: Content
    header: str
    separator: str | None
    standard_secret: bool
    time: str | None

    @property
    def hashed(self) -> str:
        """The hash: sha1, sha256 or sha512."""
        return self.variant.algorithm.removeprefix("hmac-")

    @property
    def plain_hash(self) -> bool:
        """Whether it is a hash of content and secret, without HMAC."""
        return self.variant.algorithm == "sha256"

    @property
    def by_public_key(self) -> bool:
        return self.variant.algorithm == ED25519

    @property
    def encoding(self) -> str:
        """base64 or hex."""
        return self.variant.encoding

    @property
    def prefix(self) -> str:
        return self.variant.prefix

    def around(self, value_of: Callable[[str], str], text_of: Callable[[str], str]) -> tuple[list[str], list[str]]:
        """The pieces before and behind the body, in some language: `value_of` writes what a header carries (or SECRET),
        `text_of` a constant."""
        content = self.content
        return (
            _pieces(content.before, content.before_of, value_of, text_of),
            _pieces(content.behind, content.behind_of, value_of, text_of),
        )


def signed_by(contract: Contract, variant: str) -> Signed:
    """Raises ValueError where nothing is signed, or not so."""
    signing, header = contract.signing, contract.header_of(SIGNATURE)
    if signing is None or header is None or variant not in signing.variants:
        raise ValueError(f"{contract.name} signs nothing as {variant!r}")
    time = signed_time(contract)
    return Signed(
        variant=signing.variants[variant],
        content=signing.described,
        header=header,
        separator=signing.separator,
        standard_secret=contract.profile.standard_secret,
        time=time.header if time is not None and time.form == "unix_seconds" else None,
    )


def of_secret(name: str) -> bool:
    """Whether a value that is signed is the secret itself."""
    return name == SECRET


def _pieces(
    text: str, names: tuple[str, ...], value_of: Callable[[str], str], text_of: Callable[[str], str]
) -> list[str]:
    constants = [piece.replace("%%", "%") for piece in text.split("%s")]
    found = [text_of(constants[0])] if constants[0] else []
    for name, constant in zip(names, constants[1:], strict=True):
        found.append(value_of(name))
        if constant:
            found.append(text_of(constant))
    return found
