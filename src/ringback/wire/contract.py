"""A profile, compiled: it turns one attempt to deliver an event into a signed request.

Holds no state but prepared keys, never reads the clock and does no I/O. It assumes that secrets were checked before
they were stored; one that can't be used is a `BadSecret`. One contract serves all threads.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ringback.wire.handshake import Handshake
from ringback.wire.message import Message, Rendered, make_tuple
from ringback.wire.sample import Sample
from ringback.wire.shape import Shape
from ringback.wire.signature import BadSecret
from ringback.wire.signing import Signing
from ringback.wire.when import When

Write = Callable[[Message], str | None]


MORE_SLOTS: Final = frozenset(
    (
        *("event_number", "channel", "subject_type", "subject_id", "entity", "change", "action", "previous"),
        *("accepted_at", "changed", "record_url"),
    )
)


class Header(NamedTuple):
    """One header: its name as it goes out, its value's template as written, how to get it (None: the signature), the
    slots it reads, and whether it is in every request, whatever the event."""

    name: str
    template: str
    write: Write | None
    slots: tuple[str, ...]
    always: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """What a profile says of retries where an endpoint says nothing: seconds before each; None: the usual schedule."""

    delays_s: tuple[float, ...] | None


class FirstEvent(NamedTuple):
    """An event that every endpoint begins with: its type, and its data as JSON."""

    event_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """What endpoints of a profile have to keep to, and what comes with a new one: an event, and the tracked set that it
    has unless it is given one. None, False: nothing."""

    endpoints_per_tenant: int | None = None
    https_only: bool = False
    one_channel: bool = False
    on_create: FirstEvent | None = None
    tracked_set: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile's file says, checked. The words are explained in `wire.vocabulary`."""

    name: str
    title: str
    description: str
    source: str
    method: str
    body_form: str
    headers: tuple[Header, ...]
    shapes: tuple[tuple[When, Shape], ...]
    tenant_signs: bool
    secret_needed: bool
    standard_secret: bool
    default_variant: str
    signing: Signing | None
    success: str
    retry: Retry
    rules: Rules
    handshake: Handshake | None
    samples: Mapping[str, Sample]


class Contract:
    """What requests of one profile look like.

    `profile` is what its file says; `signatures` are the variants an endpoint can choose, `default_signature` is the
    one it has unless it chose; `header_names`, in lower case, are those an endpoint's own headers can't use;
    `handshake` is how an endpoint has to prove itself before it is sent to (None: it need not); `samples` are events by
    type, as its document has them; `needs_more` whether a message needs the fields that most contracts don't ask for
    (MORE_SLOTS), `needs_number` whether it needs the event's number. `text` is the TOML that it was made of, `version`
    eight hexadecimal characters that are another for every other text.
    """

    def __init__(self, profile: Profile, text: str) -> None:
        self.text: Final = text
        self.version: Final = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.profile: Final = profile
        self.name: Final = profile.name
        self.method: Final = profile.method
        self.signing: Final = profile.signing
        self.signatures: Final = () if profile.signing is None else tuple(profile.signing.variants)
        self.default_signature: Final = profile.default_variant
        self.handshake: Final = profile.handshake
        self.samples: Final = profile.samples
        self.has_handshake: Final = self.handshake is not None
        self.header_names: Final = frozenset(header.name.lower() for header in profile.headers)
        slots = _slots(profile)
        self.needs_more: Final = not MORE_SLOTS.isdisjoint(slots)
        self.needs_number: Final = "event_number" in slots
        self._headers: Final = tuple((header.name, header.name.lower(), header.write) for header in profile.headers)
        self._conditional: Final = tuple((when.compiled(), shape) for when, shape in profile.shapes[:-1])
        self._usual: Final = profile.shapes[-1][1]

    def render(self, message: Message, secrets: Sequence[str], signature: str) -> Rendered:
        """The request for one attempt, signed; `secrets` newest first, `signature` the endpoint's variant.

        Raises BadSecret, also for none where one is needed.
        """
        body, head, tail, whole = self.shape_for(message).render(message)
        headers: list[tuple[str, str]] = []
        carried: dict[str, str] = {}
        signed_at = None
        for name, lower, write in self._headers:
            if write is None:
                signed_at = len(headers)
                headers.append((name, ""))
            elif (value := write(message)) is not None:
                headers.append((name, value))
                carried[lower] = value
        if signed_at is not None and self.signing is not None:
            if secrets or self.profile.secret_needed:
                value = self.signing.sign(carried, body, secrets, signature)
                headers[signed_at] = (headers[signed_at][0], value)
            else:
                del headers[signed_at]
        return make_tuple(Rendered, (headers, body, head, tail, whole))

    def body(self, message: Message) -> bytes:
        """What the request carries, where nobody asks for the rest."""
        return self.shape_for(message).render(message)[0]

    def shape_for(self, message: Message) -> Shape:
        """The first shape whose condition fits; the last one has none."""
        for fits, shape in self._conditional:
            if fits(message):
                return shape
        return self._usual

    def offers(self, signature: str) -> bool:
        """Whether an endpoint can have it; where nothing is signed any will do."""
        return not self.signatures or signature in self.signatures

    def check_verifying_secret(self, secret: str) -> None:
        """Raise BadSecret unless a receiver can verify with it: a public key will do."""
        if self.signing is None:
            raise BadSecret(f"requests of the profile {self.name} are not signed, so there is nothing to check")
        self.signing.check_verifying_secret(secret)

    def header_of(self, template: str) -> str | None:
        """The name, in lower case, of the header that carries a slot such as `event_id` and nothing else: of several
        the one that is signed."""
        names = [header.name.lower() for header in self.profile.headers if header.template == f"{{{template}}}"]
        signed = self.signing.headers if self.signing is not None else ()
        return next((name for name in names if name in signed), names[0] if names else None)


def _slots(profile: Profile) -> set[str]:
    """All slots that a profile reads."""
    found = {slot for header in profile.headers for slot in header.slots}
    for when, shape in profile.shapes:
        found |= shape.slots
        found |= {"action"} if when.actions else set()
    return found
