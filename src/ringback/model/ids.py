"""How Ringback's own ids look: a prefix, ten characters of time, sixteen of chance, in Crockford's base32.

`evt_01JD4T5V9KX2M8Q3N7R6B1C0ZY`: sortable by time (milliseconds), URL-safe, never a full stop in it. The time and
the chance come in by argument (`clock.Clock.new_id` is what the rest of the code calls). Fails on a time that
doesn't fit 48 bits.
"""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BYTES: Final = 16
_PARTS: Final = 26
_TO_ALPHABET: Final = bytes(ord(ALPHABET[b & 31]) for b in range(256))
# Ten bits at a time.
_PAIRS: Final = [first + second for first in ALPHABET for second in ALPHABET]


def time_part(ms: int) -> str:
    """The ten characters that stand for `ms` milliseconds since 1970."""
    if not 0 <= ms < 1 << 48:
        raise ValueError(f"{ms} ms does not fit an id")
    first, second, third = _PAIRS[ms >> 40], _PAIRS[(ms >> 30) & 1023], _PAIRS[(ms >> 20) & 1023]
    return f"{first}{second}{third}{_PAIRS[(ms >> 10) & 1023]}{_PAIRS[ms & 1023]}"


def first_id(prefix: str, at: int) -> str:
    """The first id of its kind that a thing made at a time can have."""
    return f"{prefix}_{time_part(at)}"


def random_part(chance: bytes) -> str:
    """The sixteen characters made of 16 random bytes, five bits of each."""
    return chance.translate(_TO_ALPHABET).decode("ascii")


def random_parts(chance: bytes) -> list[str]:
    """`random_part` of every 16 of the bytes; what is left over at the end is dropped."""
    text = random_part(chance)
    return [text[i : i + RANDOM_BYTES] for i in range(0, len(text) - RANDOM_BYTES + 1, RANDOM_BYTES)]


def number_part(number: int) -> str:
    """Sixteen characters that stand for a number, for an id that must come out the same again."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(75, -1, -5))


def made_at(text: str) -> int | None:
    """The time that an id of Ringback's own has in it, milliseconds since 1970; None: it is of another form."""
    if not looks_made(text):
        return None
    at = 0
    for character in text.rpartition("_")[2][:10]:
        at = at << 5 | ALPHABET.index(character)
    return at


def looks_made(text: str) -> bool:
    """Whether an id has the form of Ringback's own."""
    prefix, mark, rest = text.rpartition("_")
    return bool(prefix and mark) and len(rest) == _PARTS and not rest.strip(ALPHABET)
