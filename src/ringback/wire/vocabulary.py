"""The closed vocabulary of profiles, and the reader that holds a profile to it.

Every word a profile may use stands here with its meaning; what is not here is refused when the profile is loaded,
never at send time. The reader never guesses: a missing key, an unknown key, a wrong type or an unknown word is a
`ProfileError` that names the key and what would be allowed.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

METHODS: Final = {"POST": "the body is the request's"}

ENVELOPES: Final = {
    "type_timestamp_data": "the event's data as it came when it is an object of exactly type, timestamp and data, "
    "else such an object around it",
}

# What a header or a part of the signed content can be.
EVENT_ID: Final = "event_id"
SENT_AT_S: Final = "sent_at_s"
BODY: Final = "body"
SIGNATURE: Final = "signature"
CONTENT_TYPE: Final = "content_type"

HEADER_VALUES: Final = {
    CONTENT_TYPE: "request.content_type",
    EVENT_ID: "the event's id, the same in every attempt",
    SENT_AT_S: "when the attempt is made, whole seconds since 1970",
    SIGNATURE: "the signatures, newest secret first",
}

SIGNED_PARTS: Final = {
    EVENT_ID: HEADER_VALUES[EVENT_ID],
    SENT_AT_S: HEADER_VALUES[SENT_AT_S],
    BODY: "the body's bytes as sent",
}

ALGORITHMS: Final = {
    "hmac-sha256": "HMAC-SHA256; the secret is whsec_ and base64 of 24 to 64 bytes",
    "ed25519": "ed25519; the secret is whsk_ and base64 of the 32 byte seed, the receiver has whpk_",
}

ENCODINGS: Final = {"base64": "with the standard alphabet, padded"}

SECRET_OWNERS: Final = {"endpoint": "each endpoint has its own secret"}

SUCCESSES: Final = {"2xx": "any status from 200 to 299"}

RETRIES: Final = {"default": "the default schedule, unless the endpoint has its own"}

NO_HANDSHAKE: Final = "none"
HANDSHAKES: Final = {NO_HANDSHAKE: "an endpoint is sent to as soon as it is registered"}

_ASCII: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


class ProfileError(ValueError):
    """A profile that can't be used. `key` is the dotted path of what is wrong, `message` says what to write."""

    def __init__(self, profile: str, key: str, message: str) -> None:
        super().__init__(f"profile {profile}: {key}: {message}")
        self.profile = profile
        self.key = key
        self.message = message


class Table:
    """One table of a profile. It knows where it stands, so that an error can name the key."""

    def __init__(self, profile: str, path: str, values: Mapping[str, object]) -> None:
        self._profile = profile
        self._path = path
        self._values = values

    def refuse(self, key: str, message: str) -> ProfileError:
        """The error for `key` of this table (empty: the table itself), to be raised."""
        return ProfileError(self._profile, self._where(key), message)

    def only(self, *allowed: str) -> None:
        """Refuse any key that is not in `allowed`."""
        for key in self._values:
            if key not in allowed:
                raise self.refuse(key, f"is not known here; allowed: {', '.join(allowed)}")

    def names(self) -> list[str]:
        """The keys in the order of the file, where they are the profile's own."""
        return list(self._values)

    def text(self, key: str) -> str:
        """A text that isn't empty."""
        value = self._required(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, "must be a text that isn't empty")
        return value

    def ascii(self, key: str) -> str:
        """A text of visible ASCII, blanks inside allowed: it goes into a header."""
        value = self.text(key)
        if not _ASCII.fullmatch(value):
            raise self.refuse(key, "must be visible ASCII without blanks around it")
        return value

    def separator(self, key: str) -> str:
        """One character of visible ASCII, or a blank."""
        value = self._required(key)
        if not isinstance(value, str) or len(value) != 1 or not " " <= value <= "~":
            raise self.refuse(key, "must be one character of visible ASCII or a blank")
        return value

    def word(self, key: str, allowed: Collection[str]) -> str:
        """One word of `allowed`."""
        value = self._required(key)
        if not isinstance(value, str) or value not in allowed:
            raise self.refuse(key, f"{value!r} is not known; allowed: {', '.join(allowed)}")
        return value

    def words(self, key: str, allowed: Collection[str]) -> tuple[str, ...]:
        """A list of different words of `allowed`, at least one."""
        value = self._required(key)
        if not isinstance(value, list) or not value:
            raise self.refuse(key, f"must be a list of words; allowed: {', '.join(allowed)}")
        for word in value:
            if not isinstance(word, str) or word not in allowed:
                raise self.refuse(key, f"{word!r} is not known; allowed: {', '.join(allowed)}")
        if len(set(value)) != len(value):
            raise self.refuse(key, "names a word twice")
        return tuple(value)

    def number(self, key: str, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.refuse(key, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def table(self, key: str) -> "Table":
        """A table below this one, with at least one key."""
        value = self._required(key)
        if not isinstance(value, dict) or not value:
            raise self.refuse(key, "must be a table that isn't empty")
        return Table(self._profile, self._where(key), value)

    def _where(self, key: str) -> str:
        return ".".join(part for part in (self._path, key) if part)

    def _required(self, key: str) -> object:
        if key not in self._values:
            raise self.refuse(key, "is missing")
        return self._values[key]
