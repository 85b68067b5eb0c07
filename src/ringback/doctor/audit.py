"""Compares a list that somebody else kept with the store: events that got a 202, or that a receiver got.

After the loss of a primary whose standby was not synchronous, some of what was promised is gone, and only others know
of it: here it is named. An id of the list that the store doesn't know is *unknown*. With a receiver's list, an event
that the log has a success of and the list has not is *missing*; one that the receiver has and the log has no success
of is *unrecorded*: it will be sent again, or was before somebody else's answer was lost. What retention has removed
can't be told from what was lost.

Memory is bounded: of a list, however long, eight bytes an id are kept, and that only for a receiver's. Changes nothing.
Fails with the StartErrors of opening the store, and with BadSetting for a list that can't be read.
"""

import hashlib
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from ringback.model.errors import BadSetting
from ringback.model.ids import time_part
from ringback.model.limits import FOREVER_MS
from ringback.settings import Settings
from ringback.store.sqlite.audit import opened_for_audit as opened_file

IDS_A_QUESTION: Final = 500
ATTEMPTS_A_PAGE: Final = 1_000
# An attempt's id is made a little before its time is taken.
SLACK_MS: Final = 60_000
WEBHOOK_ID: Final = "webhook-id"
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")


class Verdict(StrEnum):
    """What is wrong with an event; see the module."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    UNRECORDED = "unrecorded"


class Discrepancy(NamedTuple):
    """One event, and what is wrong with it. `endpoint_id`: where the log has a success of it, if that is the point."""

    verdict: Verdict
    event_id: str
    endpoint_id: str | None = None


class Question(NamedTuple):
    """Whose events, and of a receiver's list: what it received. `endpoint_id` None: any; the span is of attempts."""

    tenant_id: str
    received: bool = False
    endpoint_id: str | None = None
    since: int = 0
    until: int = FOREVER_MS


class Audited(Protocol):
    """What is asked of a store; each call is one short read."""

    def has_tenant(self, tenant_id: str) -> bool: ...

    def known(self, tenant_id: str, ids: Sequence[str]) -> Sequence[str]:
        """Those that are in the store."""

    def succeeded(self, tenant_id: str, ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """(event id, endpoint id) of those that the log has a success of."""

    def attempts(self, tenant_id: str, after: str, limit: int) -> Sequence[tuple[str, str | None, str, str, int]]:
        """(id, event id, endpoint id, outcome, when) of attempts by id, after the id `after`."""


def opened_store(settings: Settings) -> AbstractContextManager[Audited]:
    """The store of these settings, for an audit."""
    if settings.postgresql_url is None:
        if not settings.store_path.is_file():
            raise BadSetting(f"data: there is no database {settings.store_path}. Check --data (or --store).")
        return opened_file(settings.store_path)
    # Loaded where it is used: a file needs no driver of a server.
    from ringback.store.postgres.audit import opened_for_audit as opened_database  # noqa: PLC0415

    return opened_database(settings.postgresql_url)


class Audit:
    """One comparison. `ids` counts what was read of the list."""

    def __init__(self, store: Audited, question: Question) -> None:
        self._store = store
        self._question = question
        self._listed = array("Q")
        self.ids = 0
        if not store.has_tenant(question.tenant_id):
            raise BadSetting(f"tenant: there is no tenant {question.tenant_id!r} in this store.")

    def of_list(self, lines: Iterable[str]) -> Iterator[Discrepancy]:
        """What is wrong with the events of the list, in its order."""
        tenant_id, received = self._question.tenant_id, self._question.received
        for batch in _in_steps(ids_of(lines, tenant_id), IDS_A_QUESTION):
            self.ids += len(batch)
            known = set(self._store.known(tenant_id, batch))
            yield from (Discrepancy(Verdict.UNKNOWN, event_id) for event_id in batch if event_id not in known)
            if received:
                self._listed.extend(map(_digest, batch))
                yield from self._unrecorded([event_id for event_id in batch if event_id in known])

    def _unrecorded(self, ids: Sequence[str]) -> Iterator[Discrepancy]:
        wanted = self._question.endpoint_id
        successes = self._store.succeeded(self._question.tenant_id, ids)
        recorded = {event_id for event_id, endpoint_id in successes if wanted in {None, endpoint_id}}
        yield from (Discrepancy(Verdict.UNRECORDED, event_id) for event_id in ids if event_id not in recorded)

    def of_log(self, on_read: Callable[[int], None]) -> Iterator[Discrepancy]:
        """After a receiver's list was read: what the log says was delivered, and the list doesn't have. `on_read` is
        told how many attempts were read so far."""
        listed = array("Q", sorted(self._listed))
        for event_id, endpoint_id in self._successes(on_read):
            digest = _digest(event_id)
            place = bisect_left(listed, digest)
            if place == len(listed) or listed[place] != digest:
                yield Discrepancy(Verdict.MISSING, event_id, endpoint_id)

    def _successes(self, on_read: Callable[[int], None]) -> Iterator[tuple[str, str]]:
        tenant_id, _, wanted, since, until = self._question
        read, after = 0, f"att_{time_part(max(since - SLACK_MS, 0))}"
        while page := self._store.attempts(tenant_id, after, ATTEMPTS_A_PAGE):
            read += len(page)
            on_read(read)
            after = page[-1][0]
            for _, event_id, endpoint_id, outcome, at in page:
                if at >= until + SLACK_MS:
                    return
                of_interest = outcome == "succeeded" and since <= at < until and wanted in {None, endpoint_id}
                if of_interest and event_id is not None:
                    yield event_id, endpoint_id


def ids_of(lines: Iterable[str], tenant_id: str) -> Iterator[str]:
    """The events' ids of a list: plain, one a line, or JSON with `id` and perhaps `tenant`, or what `ringback listen
    --json` prints. Those of other tenants are left out. Raises BadSetting, which names the line."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        found = _of_json(text, tenant_id) if text.startswith("{") else text
        if found is None:
            continue
        if not _ID.fullmatch(found):
            raise BadSetting(
                f"audit: line {number} has no event's id: it must be an id, or JSON with an `id` such as "
                '{"id": "evt_…"}.'
            )
        yield found


def _of_json(text: str, tenant_id: str) -> str | None:
    """The id in a line of JSON, "" if there is none; None: it is another tenant's, or a request without one."""
    try:
        line: Any = json.loads(text)
    except ValueError:
        return ""
    if line.get("tenant", tenant_id) != tenant_id:
        return None
    found = line.get("id", "")
    if "id" not in line and isinstance(line.get("headers"), list):  # of `ringback listen --json`
        pairs = [pair for pair in line["headers"] if isinstance(pair, list) and len(pair) == 2]
        found = next((value for name, value in pairs if str(name).lower() == WEBHOOK_ID), None)
    return found if found is None or isinstance(found, str) else ""


def _in_steps(ids: Iterator[str], size: int) -> Iterator[list[str]]:
    while step := list(islice(ids, size)):
        yield step


def _digest(event_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_id.encode("ascii"), digest_size=8).digest(), "big")
