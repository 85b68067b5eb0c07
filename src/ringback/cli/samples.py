"""Samples to make a schema of: out of a file of JSON or NDJSON, or the data of a tenant's latest events."""

from typing import Any, Final

import msgspec

from ringback.cli.given import read_file
from ringback.cli.lists import all_items, tenant_path
from ringback.client.client import Client
from ringback.model.errors import BadSetting

SAMPLES_MAX: Final = 10_000
_BY_LINES: Final = (".ndjson", ".jsonl")


def samples_of_file(path: str) -> list[Any]:
    """One JSON document, of which each item is a sample if it is an array; else one sample a line, as it always is
    where the file's name says so. Raises BadSetting."""
    text = read_file(path, "file")
    samples: list[Any] | None = None
    if not path.endswith(_BY_LINES):
        samples = _of_document(text)
    if samples is None:
        samples = _of_lines(text)
    if not samples:
        raise BadSetting("file: there is no sample in it.")
    if len(samples) > SAMPLES_MAX:
        raise BadSetting(f"file: there are {len(samples):,} samples in it; {SAMPLES_MAX:,} at most are taken.")
    return samples


def samples_of_events(client: Client, tenant: str, event_type: str, last: int) -> list[Any]:
    """The data of the tenant's latest events of a type, those with a payload. Raises BadSetting where there is none."""
    samples: list[Any] = []
    for event in all_items(client, tenant_path(tenant, "events"), {"type": event_type}):
        if not event.get("redacted"):
            samples.append(event["data"])
        if len(samples) == last:
            break
    if not samples:
        raise BadSetting(f"name: the tenant has no event of the type {event_type}.")
    return samples


def _of_document(text: bytes) -> list[Any] | None:
    """None: it isn't one document."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, list) else [found]


def _of_lines(text: bytes) -> list[Any]:
    samples = []
    for number, line in enumerate(text.split(b"\n"), 1):
        if line.strip():
            try:
                samples.append(msgspec.json.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise BadSetting(f"file: line {number} is no JSON: {error}.") from None
    return samples
