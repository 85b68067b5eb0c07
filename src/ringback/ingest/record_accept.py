"""Turns the bytes of a request about records into a `Submission`: checked, ready for the writer.

Never writes, never waits, never changes a state: what goes on is the caller's own bytes. What a change comes to is
decided where the stored state is known (`ingest.records`), and so is whether the record is there. A state is not held
against the schemas of event types: it is what the source says that is. Assumes that the caller was let in and the
tenant is known. Everything wrong is raised as a `Refused` that names the place (`records[3].data`), and then nothing of
the request is done. May be used from several threads at once. Hot: microseconds count.
"""

from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.ingest.accept import FIELD_ERRORS_MAX, JSON_SPACE, IntakeLimits, check_hops, too_large
from ringback.ingest.envelope import NO_MOMENT, TOO_DEEP, Moment, at, check_text, in_our_words, milliseconds
from ringback.ingest.json_checks import check_utf8, invalid, nests_deeper, refusal
from ringback.ingest.record_write import RecordOp, RecordWrite
from ringback.ingest.submission import Submission
from ringback.model.errors import FieldError, Invalid, TooLarge
from ringback.model.limits import NESTING_DEPTH_MAX, RECORD_TYPE_CHARS_MAX
from ringback.policy.match import valid_record_type

RECORD: Final = "record"
RECORDS: Final = "records"
NUMBER_MAX: Final = (1 << 63) - 1
NO_NUMBER: Final = "must be a whole number from 0 to 2^63 - 1"
BODY: Final = "body"
_NOT_OBJECT: Final = "must be a JSON object"
_NOT_TYPE: Final = (
    f"is not names of letters, digits, _ and - joined by full stops, {RECORD_TYPE_CHARS_MAX} characters at most"
)
_OPS: Final = {str(op): op for op in RecordOp}
_EXPECTED: Final = {
    "op": "must be one of: put, patch, delete",
    "version": NO_NUMBER,
    "if_revision": NO_NUMBER,
    "updated_at": NO_MOMENT,
}
_Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
_is_type: Final = lru_cache(maxsize=4_096)(valid_record_type)
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
# An explicit null says the same as leaving it out, where there is nothing to say.
_NO_DATA: Final = (b"", b"null")


class RecordName(NamedTuple):
    """Which record, within its tenant; not checked yet."""

    type: str
    id: str


class WriteTerms(NamedTuple):
    """What a request says of a change beside the state. `version` and `source_at` (wall ms) are the source's,
    `if_revision` as in a RecordWrite; `channel` is not checked yet. `hops`: how many senders of webhooks it has passed
    already."""

    version: int | None = None
    source_at: int | None = None
    if_revision: int | None = None
    channel: str | None = None
    hops: int = 0


class RecordNotObject(Invalid):
    """A state or a patch that is no JSON object, and nothing else is wrong."""

    code = "record_not_object"


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """One change of a batch."""

    type: str
    id: str
    op: Literal["put", "patch", "delete"] = "put"
    data: msgspec.Raw = msgspec.Raw()
    version: _Number | None = None
    updated_at: Moment | None = None
    if_revision: _Number | None = None
    channel: str | None = None


_LINE_DECODER: Final = msgspec.json.Decoder(_Line)


class RecordAcceptor:
    """Checks requests about records. `single` is one change, `ndjson` up to a thousand."""

    def __init__(self, clock: Clock, limits: IntakeLimits | None = None) -> None:
        self._clock = clock
        self.limits = limits or IntakeLimits()

    def limited(self, payload_bytes_max: int) -> "RecordAcceptor":
        """The same with another limit on one state, or one patch."""
        return RecordAcceptor(self._clock, self.limits._replace(payload_bytes_max=payload_bytes_max))

    def single(self, tenant_id: str, name: RecordName, op: RecordOp, body: bytes, terms: WriteTerms) -> Submission:
        """One change. `body` is the state or the patch; that of a deletion isn't looked at."""
        check_hops(terms.hops)
        wrong = _wrong_names(name.type, name.id, terms.channel)
        if wrong:
            raise invalid([FieldError(field, message) for field, message in wrong])
        data = b"" if op is RecordOp.DELETE else self._state(body)
        write = RecordWrite(
            tenant_id,
            name.type,
            name.id,
            op,
            data,
            terms.version,
            terms.source_at,
            terms.if_revision,
            terms.channel,
            self._clock.now_ms(),
            terms.hops,
            "",
            self.limits.payload_bytes_max,
        )
        return Submission([], [], None, form=RECORD, writes=[write])

    def ndjson(self, tenant_id: str, body: bytes, hops: int) -> Submission:
        """One change a line, applied in their order; blank lines don't count."""
        if len(body) > self.limits.batch_bytes_max:
            raise too_large(self.limits.batch_bytes_max)
        check_hops(hops)
        check_utf8(body)
        lines = [line for line in (line.strip(JSON_SPACE) for line in body.split(b"\n")) if line]
        if not lines:
            raise invalid([FieldError("records", "is empty")])
        if len(lines) > self.limits.batch_events_max:
            raise TooLarge(f"A batch has at most {self.limits.batch_events_max} changes of records.")
        return Submission([], [], None, form=RECORDS, writes=self._writes(tenant_id, lines, hops))

    def _state(self, body: bytes) -> bytes:
        if len(body) > self.limits.payload_bytes_max:
            raise too_large(self.limits.payload_bytes_max)
        check_utf8(body)
        try:
            _RAW.decode(body)
        except msgspec.DecodeError as error:
            raise refusal(error, body, "") from None
        except RecursionError:
            raise invalid([FieldError(BODY, TOO_DEEP)]) from None
        data = body.strip(JSON_SPACE)
        wrong = _wrong_state(data)
        if wrong is not None:
            errors = [FieldError(BODY, wrong)]
            raise _not_object(errors) if wrong is _NOT_OBJECT else invalid(errors)
        return data

    def _writes(self, tenant_id: str, lines: list[bytes], hops: int) -> list[RecordWrite]:
        now = self._clock.now_ms()
        writes: list[RecordWrite] = []
        errors: list[FieldError] = []
        others = False
        for i, line in enumerate(lines):
            try:
                writes.append(self._write(tenant_id, line, f"records[{i}]", now, hops))
            except Invalid as error:
                errors.extend(error.errors)
                others = others or not isinstance(error, RecordNotObject)
                if len(errors) >= FIELD_ERRORS_MAX:
                    break
        if errors:
            del errors[FIELD_ERRORS_MAX:]
            raise invalid(errors) if others else _not_object(errors)
        return writes

    def _write(self, tenant_id: str, raw: bytes, place: str, now: int, hops: int) -> RecordWrite:
        line = _decoded(raw, place)
        op = _OPS[line.op]
        data = bytes(line.data)
        if len(data) > self.limits.payload_bytes_max:
            raise TooLarge(f"{at(place, 'data')} is more than {self.limits.payload_bytes_max} bytes.")
        wrong = _wrong_names(line.type, line.id, line.channel)
        if op is RecordOp.DELETE:
            if data not in _NO_DATA:
                wrong.append(("data", "does not go together with op delete"))
            data = b""
        elif not data:
            wrong.append(("data", "is required"))
        elif (message := _wrong_state(data)) is not None:
            if message is _NOT_OBJECT and not wrong:
                raise _not_object([FieldError(at(place, "data"), message)])
            wrong.append(("data", message))
        if wrong:
            raise invalid([FieldError(at(place, field), message) for field, message in wrong])
        source_at = milliseconds(line.updated_at, at(place, "updated_at"))
        return RecordWrite(
            tenant_id,
            line.type,
            line.id,
            op,
            data,
            line.version,
            source_at,
            line.if_revision,
            line.channel,
            now,
            hops,
            place,
            self.limits.payload_bytes_max,
        )


def _decoded(raw: bytes, place: str) -> _Line:
    try:
        return _LINE_DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise in_our_words(refusal(error, raw, place), place, _EXPECTED) from None
    except RecursionError:
        raise invalid([FieldError(at(place, "data"), TOO_DEEP)]) from None


def _wrong_names(record_type: str, record_id: str, channel: str | None) -> list[tuple[str, str]]:
    """What is wrong with them: field and message."""
    wrong: list[tuple[str, str]] = []
    if not _is_type(record_type):
        wrong.append(("type", _NOT_TYPE))
    check_text(record_id, "id", wrong)
    if channel is not None:
        check_text(channel, "channel", wrong)
    return wrong


def _wrong_state(data: bytes) -> str | None:
    """What is wrong with JSON that is to be a state or a patch."""
    if data[:1] != b"{":
        return _NOT_OBJECT
    return TOO_DEEP if nests_deeper(data, NESTING_DEPTH_MAX) else None


def _not_object(errors: list[FieldError]) -> RecordNotObject:
    field = errors[0].field
    return RecordNotObject(f"A record is a JSON object, and so is a patch of one: {field} is not one.", errors)
