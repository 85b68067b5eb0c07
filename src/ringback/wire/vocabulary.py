"""The closed vocabulary of profiles, and the reader that holds a profile to it.

Every word a profile may use stands here or in `wire.slots` with its meaning; what is not here is refused when the
profile is loaded, never at send time. The reader never guesses: a missing key, an unknown key, a wrong type or an
unknown word is a `ProfileError` that names the key and what would be allowed.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

METHODS: Final = {"POST": "the body is the request's", "PUT": "the same, where a contract has it so"}

BODY_FORMS: Final = {
    "as_received": "the event's data as it came, byte for byte",
    "compact": "without the white space between the tokens",
    "ascii": "compact, and what isn't ASCII as \\u00e4",
    "ecmascript": "as JavaScript's JSON.stringify(JSON.parse(body)) gives it",
}

# What only stands in a header or in what is signed.
SIGNATURE: Final = "signature"

ALGORITHMS: Final = {
    "hmac-sha1": "HMAC-SHA1",
    "hmac-sha256": "HMAC-SHA256; with secrets of the standard form, whsec_ and base64 of 24 to 64 bytes",
    "hmac-sha512": "HMAC-SHA512",
    "sha256": "SHA-256 of the content, which has the secret in it",
    "ed25519": "ed25519; the secret is whsk_ and base64 of the 32 byte seed, the receiver has whpk_",
}

ENCODINGS: Final = {"base64": "with the standard alphabet, padded", "hex": "small hex digits"}

ARGUMENTS: Final = {
    "described": "the secret is the key, the content what is signed",
    "published": "the two exchanged: the content is the key, the secret what is signed",
}

SECRET_OWNERS: Final = {
    "endpoint": "each endpoint has its own secret",
    "tenant": "all endpoints of a tenant share the tenant's secret",
}

SECRET_FORMS: Final = {
    "standard": "that of Standard Webhooks: whsec_…, for ed25519 whsk_…",
    "text": "any text; its bytes are the key",
}

SECRETS_NEEDED: Final = {
    "always": "every request is signed",
    "if_set": "the signature's header is there if and only if the endpoint has a secret",
}

SUCCESSES: Final = {"2xx": "any status from 200 to 299"}

RETRIES: Final = {"default": "the default schedule, unless the endpoint has its own"}

ACTIONS: Final = re.compile(r"[a-z0-9_]{1,64}")

_ASCII: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


class ProfileError(ValueError):
    """A profile that can't be used. `key` is the dotted path of what is wrong, `message` says what to write, `found` is
    the part of the value that is wrong (or ""), `line` where that stands in the file, from 1 (None: not known)."""

    def __init__(self, profile: str, key: str, message: str, found: str = "", line: int | None = None) -> None:
        place = f"line {line}: " if line is not None else ""
        super().__init__(f"profile {profile}: {place}{key}: {message}")
        self.profile = profile
        self.key = key
        self.message = message
        self.found = found
        self.line = line


class Table:
    """One table of a profile. It knows where it stands, so that an error can name the key."""

    def __init__(self, profile: str, path: str, values: Mapping[str, object]) -> None:
        self.profile: Final = profile
        self._path = path
        self._values = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def refuse(self, key: str, message: str, found: str = "") -> ProfileError:
        """The error for `key` of this table (empty: the table itself), to be raised."""
        return ProfileError(self.profile, self._where(key), message, found)

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

    def yes(self, key: str) -> bool:
        """true or false; absent: false."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.refuse(key, "must be true or false")
        return value

    def number(self, key: str, least: float, most: float) -> float:
        """A number within these bounds."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.refuse(key, f"must be a number from {least:g} to {most:g}")
        return value

    def numbers(self, key: str, least: float, most: float, count_max: int) -> tuple[float, ...]:
        """A list of numbers within these bounds."""
        value = self._required(key)
        if isinstance(value, list) and len(value) <= count_max:
            found = [float(one) for one in value if _is_number(one) and least <= one <= most]
            if len(found) == len(value):
                return tuple(found)
        raise self.refuse(key, f"must be a list of at most {count_max} numbers from {least:g} to {most:g}")

    def word(self, key: str, allowed: Collection[str]) -> str:
        """One word of `allowed`."""
        value = self._required(key)
        if not isinstance(value, str) or value not in allowed:
            raise self.refuse(key, f"{value!r} is not known; allowed: {', '.join(allowed)}")
        return value

    def is_word(self, key: str) -> bool:
        """Whether it is a text, so that `word` says what is wrong with it."""
        return isinstance(self._values.get(key), str)

    def texts(self, key: str, form: re.Pattern[str], what: str) -> tuple[str, ...]:
        """A list of different texts of a form, at least one; `what` says what they are."""
        value = self._required(key)
        if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
            raise self.refuse(key, f"must be a list of {what}, each once")
        for one in value:
            if not isinstance(one, str) or not form.fullmatch(one):
                raise self.refuse(key, f"{one!r} is none of {what}")
        return tuple(value)

    def table(self, key: str) -> "Table":
        """A table below this one, with at least one key."""
        value = self._required(key)
        if not isinstance(value, dict) or not value:
            raise self.refuse(key, "must be a table that isn't empty")
        return Table(self.profile, self._where(key), value)

    def tables(self, key: str) -> "list[Table]":
        """A list of tables below this one, at least one."""
        value = self._required(key)
        if not isinstance(value, list) or not value or not all(isinstance(one, dict) and one for one in value):
            raise self.refuse(key, f"must be a list of tables, each written as [[{self._where(key)}]]")
        return [Table(self.profile, f"{self._where(key)}[{place}]", one) for place, one in enumerate(value)]

    def _where(self, key: str) -> str:
        return ".".join(part for part in (self._path, key) if part)

    def _required(self, key: str) -> object:
        if key not in self._values:
            raise self.refuse(key, "is missing")
        return self._values[key]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
