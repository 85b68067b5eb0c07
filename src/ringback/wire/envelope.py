"""The body of a request, made around the event's own bytes.

The payload is never serialised anew: it goes out as it came in, between a head and a tail. Assumes that `data` is
valid JSON in UTF-8 (ingest checked it); with anything else it wraps, it doesn't fail.
"""

import json
import re
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

from ringback.wire.message import Message

EXACT_KEYS: Final = frozenset(("type", "timestamp", "data"))

Envelope = Callable[[Message], tuple[bytes, bytes]]

# An object whose first key is one of the three, or is written with an escape and may be one.
_may_be_exact = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(?:type"|timestamp"|data"|[^"\\]*\\)').match

# Pairs keep duplicate keys apart. Numbers stay text: their value doesn't matter, and reading a long one would cost.
_pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str).decode


def is_exact(data: bytes, event_type: str) -> bool:
    """Whether `data` is an object of exactly `type` (which is `event_type`), `timestamp` and `data`.

    Most payloads are told apart by their first key; only what may be exact is parsed.
    """
    if _may_be_exact(data) is None or not (b'"timestamp"' in data or b"\\" in data):
        return False
    try:
        pairs = _pairs(data.decode())
    except (ValueError, RecursionError):
        return False
    return len(pairs) == 3 and {key for key, _ in pairs} == EXACT_KEYS and ("type", event_type) in pairs


def type_timestamp_data(message: Message) -> tuple[bytes, bytes]:
    """Head and tail of the Standard Webhooks body: nothing around exact data, else `type`, `timestamp`, `data`."""
    if is_exact(message.data, message.type):
        return b"", b""
    return f'{{"type":{quoted(message.type)},"timestamp":{quoted(message.timestamp)},"data":'.encode(), b"}"


BY_NAME: Final[Mapping[str, Envelope]] = {"type_timestamp_data": type_timestamp_data}
