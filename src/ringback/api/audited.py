"""What a request changed, for the audit log: every write of a management API that succeeded, whichever API it is.

It is written down once the answer is made; what was done is named by the call, and what it was done to by the address
and, for what was made, by the id that was answered. Of a change the names of the fields are kept, never their values.
Posting events and writing records are no such writes: they stand in the log of events. That a secret was revealed is
told by `control.secrets`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from fastapi import Request, Response

from ringback.control.audit import AuditTrail

READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))
NOT_KEPT: Final = frozenset(
    (
        # They change nothing: POSTs for the sake of their bodies.
        "infer_schema",
        "try_rules",
        # Which objects are followed is data, as records are, and may change as often.
        "add_tracked_members",
        "remove_tracked_members",
    )
)

_CREATED: Final = 201


class _Made(msgspec.Struct):
    id: str | int | None = None


_DECODER: Final = msgspec.json.Decoder(_Made)


def is_kept(name: str, request: Request, response: Response) -> bool:
    """Whether this call is to be written down."""
    return request.method not in READING and response.status_code < 400 and name not in NOT_KEPT


def write_down(name: str, request: Request, response: Response, actor: str, own_tenant: str | None) -> None:
    """Have the audit log say it. `own_tenant` is the key's, for addresses that name none."""
    trail: AuditTrail = request.app.state.trail
    ids = {part: str(value) for part, value in request.path_params.items()}
    thing = name.partition("_")[2].replace("_", " ")
    # What concerns a tenant goes with it: that it is gone stands where it stays.
    tenant_id = own_tenant if name == "delete_tenant" else ids.pop("tenant_id", own_tenant)
    if request.method == "POST" and response.status_code == _CREATED and (made := _made(response)) is not None:
        ids[thing] = made
    trail.record(actor, name, tenant_id, _about(ids, thing), **_fields(request))


def _about(ids: Mapping[str, str], thing: str) -> str:
    return " ".join(f"{thing if part == 'name' else part.removesuffix('_id')} {value}" for part, value in ids.items())


def _made(response: Response) -> str | None:
    try:
        made = _DECODER.decode(bytes(response.body)).id
    except (msgspec.DecodeError, RecursionError, AttributeError):
        return None
    return None if made is None else str(made)


def _fields(request: Request) -> dict[str, str]:
    fields: list[str] = getattr(request.state, "fields", [])
    return {"fields": ", ".join(fields)} if request.method == "PATCH" and fields else {}
