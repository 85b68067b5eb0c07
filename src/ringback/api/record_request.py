"""What a request that writes records asks for, apart from its body, and the answer when that is done.

The one place that knows the route's paths, content types and headers; `records` serves it. Ids are read from the path
as it was sent, since one may hold a slash (`%2F`). Pure: who may call is `auth`'s business, what a record is is
`ingest.record_accept`'s. Everything wrong is raised as a `Refused`.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from ringback.api.auth import Principal
from ringback.api.event_request import code_of, hops_of, let_in
from ringback.api.headers import media_type
from ringback.api.problem import UnsupportedMediaType
from ringback.ingest.quotas import Quota
from ringback.ingest.record_accept import NO_NUMBER, NUMBER_MAX, RecordAcceptor, RecordName, WriteTerms
from ringback.ingest.record_write import ANY_REVISION, NO_REVISION, RecordOp, RecordOutcome
from ringback.ingest.submission import RecordResult, Submission
from ringback.model.errors import FieldError, Invalid, Malformed
from ringback.model.limits import FOREVER_MS
from ringback.model.tenant import Scope
from ringback.observe.traces import AcceptSpan
from ringback.times import parse_rfc3339

_OPS: Final = {"PUT": RecordOp.PUT, "PATCH": RecordOp.PATCH, "DELETE": RecordOp.DELETE}
_MEDIA_TYPES: Final = {
    RecordOp.PUT: (b"application/json",),
    RecordOp.PATCH: (b"application/merge-patch+json", b"application/json"),
    None: (b"application/x-ndjson",),
}
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_REVISION: Final = re.compile(rb'"([1-9][0-9]{0,18})"')
_DIGITS: Final = re.compile(rb"[0-9]{1,19}")
_NO_TAG: Final = 'must be the ETag of the record, such as "5", or *'
_NO_MOMENT: Final = "must be an RFC 3339 time from 1970 on, with a zone, such as 2026-11-21T23:11:26Z"
_encode: Final = msgspec.json.Encoder().encode


class RecordPlace(NamedTuple):
    """What is asked of what, as it stands in the path, escapes and all. `op` None: a batch, whose lines say it."""

    tenant_id: bytes
    op: RecordOp | None
    type: bytes = b""
    id: bytes = b""


class RecordRequest(NamedTuple):
    """A request that was let in. `quota` is its tenant's, `span` its span, if any."""

    tenant_id: str
    op: RecordOp | None
    name: RecordName
    terms: WriteTerms
    acceptor: RecordAcceptor
    quota: Quota | None
    span: AcceptSpan | None = None

    @property
    def bytes_max(self) -> int:
        """For its body. What is sent with a deletion says nothing."""
        limits = self.acceptor.limits
        return limits.batch_bytes_max if self.op is None else limits.payload_bytes_max

    def submission(self, body: bytes) -> Submission:
        """The changes in `body`. Raises what `ingest.record_accept` raises."""
        if self.op is None:
            submission = self.acceptor.ndjson(self.tenant_id, body, self.terms.hops)
        else:
            submission = self.acceptor.single(self.tenant_id, self.name, self.op, body, self.terms)
        if self.span is not None:
            submission.carry(self.span.traceparent)
        return submission

    def end_span(self, outcome: Sequence[RecordResult] | Exception) -> None:
        """It is answered with this."""
        if self.span is None:
            return
        if isinstance(outcome, Exception):
            self.span.end((), 0, code_of(outcome))
        else:
            events = [event for result in outcome for event in result.events]
            self.span.end([event.id for event in events], sum(event.deliveries for event in events), None)


class Answer(NamedTuple):
    """Status, body, and headers besides the content type."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


class _MadeEvent(msgspec.Struct, gc=False):
    id: str
    type: str
    deliveries: int


class _Written(msgspec.Struct, gc=False):
    type: str
    id: str
    revision: int
    result: str
    changed: Sequence[str]
    event_id: str | None
    events: list[_MadeEvent]


class _WrittenLine(msgspec.Struct, gc=False):
    type: str
    id: str
    revision: int
    result: str
    event_id: str | None


class _WrittenBatch(msgspec.Struct, gc=False):
    records: list[_WrittenLine]


def place_of(method: str, path: bytes) -> RecordPlace | None:
    """What is asked, if it is this route's. `path` is the request's as it was sent, without the query."""
    match path.split(b"/", 6):
        case [b"", b"v1", b"tenants", tenant_id, b"records", b"batch"] if tenant_id and method == "POST":
            return RecordPlace(tenant_id, None)
        case [b"", b"v1", b"tenants", tenant_id, b"records", kind, name] if tenant_id and (op := _OPS.get(method)):
            # A slash that a proxy took out of its escape belongs to the id all the same.
            return RecordPlace(tenant_id, op, kind, name)
    return None


def tenant_of(place: RecordPlace) -> str:
    """Raises Malformed."""
    return _text(place.tenant_id)


def read_head(
    acceptor: RecordAcceptor,
    quota: Quota | None,
    principal: Principal,
    place: RecordPlace,
    headers: dict[bytes, bytes],
) -> RecordRequest:
    """Let the caller in and read path and headers. Raises NotFound, Forbidden, UnsupportedMediaType, Malformed and
    Invalid."""
    tenant_id = tenant_of(place)
    let_in(principal, tenant_id, Scope.INGEST)
    if place.op is not RecordOp.DELETE:
        _check_media_type(headers.get(b"content-type"), _MEDIA_TYPES[place.op])
    if quota is not None and quota.payload_bytes_max is not None:
        acceptor = acceptor.limited(quota.payload_bytes_max)
    name = RecordName(_text(place.type), _text(place.id))
    terms = WriteTerms(hops=hops_of(headers)) if place.op is None else _terms(headers)
    return RecordRequest(tenant_id, place.op, name, terms, acceptor, quota)


def written(results: Sequence[RecordResult], op: RecordOp | None) -> Answer:
    """The answer when the changes are stored."""
    if op is None:
        lines = [
            _WrittenLine(one.type, one.id, one.revision, one.outcome, one.events[0].id if one.has_event else None)
            for one in results
        ]
        return Answer(200, _encode(_WrittenBatch(lines)))
    (one,) = results
    made = [_MadeEvent(event.id, event.type, event.deliveries) for event in one.events]
    event_id = made[0].id if one.has_event else None
    body = _Written(one.type, one.id, one.revision, one.outcome, one.changed, event_id, made)
    headers = () if op is RecordOp.DELETE else ((b"etag", b'"%d"' % one.revision),)
    return Answer(201 if one.outcome is RecordOutcome.CREATED else 200, _encode(body), headers)


def _text(escaped: bytes) -> str:
    if b"%" not in escaped and escaped.isascii():
        return escaped.decode("ascii")
    if _BAD_ESCAPE.search(escaped):
        raise Malformed("The path has a % that begins no escape. Send %25 for a per cent sign.")
    try:
        return unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        raise Malformed("The path is not UTF-8 once its escapes are taken out.") from None


def _check_media_type(content_type: bytes | None, known: tuple[bytes, ...]) -> None:
    if content_type is None or content_type in known or media_type(content_type) in known:
        return
    raise UnsupportedMediaType(f"Send the header Content-Type: {known[0].decode('ascii')}.")


def _terms(headers: dict[bytes, bytes]) -> WriteTerms:
    channel = headers.get(b"ringback-channel")
    return WriteTerms(
        version=_version(headers.get(b"ringback-version")),
        source_at=_source_at(headers.get(b"ringback-updated-at")),
        if_revision=_if_revision(headers.get(b"if-match"), headers.get(b"if-none-match")),
        channel=None if channel is None else _header_text(channel),
        hops=hops_of(headers),
    )


def _version(text: bytes | None) -> int | None:
    if text is None:
        return None
    number = int(text) if _DIGITS.fullmatch(text) else NUMBER_MAX + 1
    if number > NUMBER_MAX:
        raise _invalid("Ringback-Version", NO_NUMBER)
    return number


def _source_at(text: bytes | None) -> int | None:
    if text is None:
        return None
    try:
        moment = parse_rfc3339(text.decode("ascii"))
    except (ValueError, OverflowError):
        raise _invalid("Ringback-Updated-At", _NO_MOMENT) from None
    if not 0 <= moment <= FOREVER_MS:
        raise _invalid("Ringback-Updated-At", _NO_MOMENT)
    return moment


def _if_revision(match: bytes | None, none_match: bytes | None) -> int | None:
    if none_match is not None:
        if none_match != b"*":
            raise _invalid("If-None-Match", "can only be * here: write it only if it is not there")
        if match is not None:
            raise _invalid("If-None-Match", "does not go together with If-Match")
        return NO_REVISION
    if match is None:
        return None
    if match == b"*":
        return ANY_REVISION
    found = _REVISION.fullmatch(match)
    if found is None or int(found[1]) > NUMBER_MAX:
        raise _invalid("If-Match", _NO_TAG)
    return int(found[1])


def _header_text(value: bytes) -> str:
    """A header has bytes; those above ASCII are UTF-8, as everywhere else here."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _invalid("Ringback-Channel", "is not UTF-8") from None


def _invalid(header: str, message: str) -> Invalid:
    return Invalid(f"The request is not valid: {header} {message}.", [FieldError(header, message)])
