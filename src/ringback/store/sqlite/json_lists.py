"""JSON between Python and SQLite: lists that go in as one value, and rows that come out as one.

A list as one JSON text keeps a query the same for any number of ids (`json_each`). Rows gathered into one are read
in one step of the statement, for the reason given in `sqlite.connection.ManyRows`. Assumes that texts are Unicode.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

_SEQS: Final = msgspec.json.Decoder(list[int])
_TEXTS: Final = msgspec.json.Decoder(list[str])


def json_list(values: Sequence[Any]) -> str:
    """A list for `json_each`. As text: SQLite takes a BLOB for JSON of its own binary kind."""
    return msgspec.json.encode(values).decode()


def decode_seqs(text: str) -> list[int]:
    """What `json_group_array(seq)` answered."""
    return _SEQS.decode(text)


def decode_texts(text: str) -> list[str]:
    """A list of texts that was stored as `json_list`."""
    return _TEXTS.decode(text)
