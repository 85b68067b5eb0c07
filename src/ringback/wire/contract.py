"""A profile, compiled: it turns an event into a signed request.

Holds no state but prepared keys, never reads the clock and does no I/O. It assumes that secrets were checked before
they were stored; one that can't be used is a `BadSecret`. One contract serves all threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from ringback.wire import envelope
from ringback.wire.handshake import Handshake
from ringback.wire.message import Message, Rendered
from ringback.wire.signature import BadSecret, Signer, algorithm_of, signer_for
from ringback.wire.vocabulary import BODY, CONTENT_TYPE, EVENT_ID, SENT_AT_S, SIGNATURE

# The order in which `render` has the values at hand.
_VALUES: Final = (CONTENT_TYPE, EVENT_ID, SENT_AT_S, SIGNATURE)
_PARTS: Final = (EVENT_ID, SENT_AT_S, BODY)

# A named tuple's own constructor costs three times as much, and this runs for every request.
_make: Final = tuple.__new__

# Prepared keys kept by each contract: about 1 kB each. A miss costs 3 µs (HMAC) or 60 (ed25519).
PREPARED_KEYS_MAX: Final = 8_192


@dataclass(frozen=True, slots=True)
class Variant:
    """One way a profile's signature can be made, chosen by the endpoint."""

    name: str
    algorithm: str
    encoding: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile's file says, checked. The words are explained in `wire.vocabulary`."""

    name: str
    title: str
    description: str
    source: str
    method: str
    content_type: str
    envelope: str
    headers: tuple[tuple[str, str], ...]
    secret_of: str
    signed_parts: tuple[str, ...]
    parts_separator: str
    signatures_separator: str
    default_variant: str
    variants: Mapping[str, Variant]
    success: str
    retry: str
    handshake: str
    handshake_rules: Handshake | None = None


class Contract:
    """What requests of one profile look like.

    `profile` is what its file says; `signatures` are the variants an endpoint can choose, `default_signature` is the
    one it has unless it chose; `header_names`, in lower case, are those an endpoint's own headers can't use;
    `handshake` is how an endpoint has to prove itself before it is sent to (None: it need not).
    """

    def __init__(self, profile: Profile) -> None:
        self.profile: Final = profile
        self.name: Final = profile.name
        self.method: Final = profile.method
        self.signatures: Final = tuple(profile.variants)
        self.default_signature: Final = profile.default_variant
        self.handshake: Final = profile.handshake_rules
        self.has_handshake: Final = self.handshake is not None
        self.header_names: Final = frozenset(name.lower() for name, _ in profile.headers)
        self._frame: Final = envelope.BY_NAME[profile.envelope]
        self._names: Final = tuple(name for name, _ in profile.headers)
        self._carried: Final = _picker(_VALUES, [value for _, value in profile.headers])
        self._signed: Final = _picker(_PARTS, profile.signed_parts)
        self._parts_separator: Final = profile.parts_separator.encode()
        self._signatures_separator: Final = profile.signatures_separator
        self._content_type: Final = profile.content_type
        self._prepared: Final = lru_cache(PREPARED_KEYS_MAX)(self._prepare)

    def render(self, message: Message, secrets: Sequence[str], signature: str, sent_at_s: int) -> Rendered:
        """The request for one attempt, signed with every secret (newest first).

        `signature` is the endpoint's variant. A secret of the other kind, left from before the endpoint changed, signs
        in its own. `sent_at_s` is the attempt's time in whole seconds since 1970. Raises BadSecret, also for none.
        """
        event_id, sent_at = message.id, str(sent_at_s)
        head, tail = self._frame(message)
        body = b"".join((head, message.data, tail))
        signed = self._sign(self.signed_content(event_id.encode(), sent_at.encode(), body), secrets, signature)
        values = self._carried((self._content_type, event_id, sent_at, signed))
        return _make(Rendered, (list(zip(self._names, values, strict=True)), body, head, tail, False))

    def signed_content(self, event_id: bytes, sent_at_s: bytes, body: bytes) -> bytes:
        """The bytes that are signed."""
        return self._parts_separator.join(self._signed((event_id, sent_at_s, body)))

    def header_of(self, value: str) -> str:
        """The name, in lower case, of the header that carries a value of the vocabulary."""
        return next(name.lower() for name, carried in self.profile.headers if carried == value)

    def _sign(self, content: bytes, secrets: Sequence[str], signature: str) -> str:
        if len(secrets) == 1:
            return self._prepared(secrets[0], signature)(content)
        if not secrets:
            raise BadSecret("there is no secret to sign with")
        return self._signatures_separator.join([self._prepared(secret, signature)(content) for secret in secrets])

    def _prepare(self, secret: str, signature: str) -> Signer:
        if signature not in self.profile.variants:
            allowed = ", ".join(self.signatures)
            raise ValueError(f"signature {signature!r} is not known in profile {self.name}; allowed: {allowed}")
        algorithm = algorithm_of(secret)
        chosen = self.profile.variants[signature]
        for variant in (chosen, *self.profile.variants.values()):
            if variant.algorithm == algorithm:
                return signer_for(secret, variant.prefix)
        raise BadSecret(f"profile {self.name} has no signature for this kind of secret")


def _picker(order: Sequence[str], wanted: Sequence[str]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A fast function from values in the one order to those that are wanted, in theirs."""
    places = [order.index(name) for name in wanted]
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    return itemgetter(*places)
