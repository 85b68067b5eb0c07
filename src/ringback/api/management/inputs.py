"""Bodies that callers send, as strict models: exact types, no unknown fields.

Only types and names are checked here, so that OpenAPI can show them; what values mean is checked by `control`, which
the console and the command line use as well.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, FailFast, Field, Tag, WithJsonSchema

from ringback.api.management.parameters import moment_of
from ringback.control.endpoint_fields import EndpointFields
from ringback.control.replays import ReplayRequest
from ringback.control.secrets import SECRET_GRACE_S_DEFAULT
from ringback.control.tenants import RETENTION_DAYS_DEFAULT, TenantFields
from ringback.model.job import Which
from ringback.model.limits import (
    INDEXED_TEXT_BYTES_MAX,
    SAMPLES_MAX,
    TOTAL_DEADLINE_S_MAX,
    TRACKED_IDS_AT_ONCE_MAX,
)
from ringback.model.record import DELETED_KEPT_DAYS

_FILTER_EXAMPLE = 'data.amount > 100 && event.type != "order.draft"'


class Input(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Nothing(Input):
    """The body of a call that says everything by its address."""


class TenantChange(Input):
    """What can be set of a tenant; in a change, fields that are absent stay as they are."""

    name: str = Field(default="", description="How it is called, 1 to 256 bytes.", examples=["Acme"])
    profile: str | None = Field(
        default=None, description="The wire contract its endpoints have by default; null: `standard`."
    )
    webhooks_enabled: bool = Field(default=True, description="Whether anything is sent. Changed by admin keys only.")
    retention_days: int = Field(
        default=RETENTION_DAYS_DEFAULT, description="How long events and attempts are kept. Changed by admin keys only."
    )
    events_per_second: float | None = Field(
        default=None, description="At most so many events a second; null: no limit. Changed by admin keys only."
    )
    endpoints_max: int | None = Field(
        default=None, description="At most so many endpoints; null: as the settings say. Changed by admin keys only."
    )
    payload_bytes_max: int | None = Field(
        default=None, description="The largest event; null: as the settings say. Changed by admin keys only."
    )
    viewers_see_bodies: bool = Field(
        default=True, description="Whether those who may only look, in the console, see what was sent and answered."
    )

    def fields(self) -> TenantFields:
        """The fields that were sent."""
        sent = self.model_dump(exclude_unset=True, exclude={"id", "secret"})
        if "profile" in sent:
            sent["profile"] = self.profile or "standard"
        return cast(TenantFields, sent)


class NewTenant(TenantChange):
    """A tenant to be made."""

    id: str | None = Field(default=None, description="An id of your own: 1 to 64 letters, digits, `_` or `-`.")
    name: str = Field(description="How it is called, 1 to 256 bytes.", examples=["Acme"])
    secret: str | None = Field(default=None, description="What some profiles sign with; made here when it is absent.")


class NewAdminKey(Input):
    """An admin key to be made."""

    scope: Literal["admin"] = "admin"
    label: str = Field(default="", description="What you know it by, up to 256 bytes.")


class NewTenantKey(Input):
    """A tenant's key to be made."""

    scope: Literal["tenant", "ingest"] = Field(
        description="`tenant`: everything under the tenant; `ingest`: posting events alone."
    )
    label: str = Field(default="", description="What you know it by, up to 256 bytes.")


class Rotation(Input):
    """How to rotate a secret."""

    secret: str | None = Field(default=None, description="A secret of your own; made here when it is absent.")
    grace_seconds: int = Field(
        default=SECRET_GRACE_S_DEFAULT, description="How long the old secret signs beside the new one, up to 30 days."
    )


class SampleBody(Input):
    """Which sample to send."""

    event_type: str | None = Field(
        default=None,
        description="Absent: the first type that the endpoint names, else the profile's, else `ringback.test`.",
    )


class TrackedIds(Input):
    """Which ids to put into a tracked set, or to take out."""

    # A body has room for a hundred thousand, and all of them may be wrong: the first one is told.
    ids: Annotated[
        list[str],
        FailFast(),
        Field(
            description=f"The ids of events' subjects, each 1 to {INDEXED_TEXT_BYTES_MAX} bytes; up to "
            f"{TRACKED_IDS_AT_ONCE_MAX:,} different ones.",
            examples=[["25578642", "c_1"]],
        ),
    ]


class Resend(Input):
    """Where to send an event again."""

    endpoint_id: str | None = Field(default=None, description="One endpoint; absent: all that the event was meant for.")


# What is one is for `control` to say, which reads its bytes.
JsonSchema = Annotated[
    Any,
    WithJsonSchema(
        {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "boolean"}, {"type": "null"}]}
    ),
]


class EventTypeBody(Input):
    """An event type, whole: what is absent is emptied."""

    name: str | None = Field(default=None, description="The name in the address, or absent.")
    description: str = Field(default="", description="What has happened when there is such an event.")
    json_schema: JsonSchema = Field(
        default=None,
        alias="schema",
        description="JSON Schema for `data`; draft 2020-12 unless `$schema` names another. Nothing is fetched.",
        examples=[{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}],
    )
    sample: Any = Field(
        default=None,
        description="Such `data`, for previews and tests; must match the schema.",
        examples=[{"id": "c_1"}],
    )
    deprecated: bool = Field(default=False, description="Shown to whoever chooses event types; events go on.")


class SamplesBody(Input):
    """What to make a schema of."""

    samples: list[Any] = Field(
        description=f"`data` of events, {SAMPLES_MAX:,} at most.",
        examples=[[{"id": "c_1", "name": "Ada"}, {"id": "c_2"}]],
    )
    enums: bool = Field(default=False, description="List texts that are one of a few, and come again, as `enum`.")


class RecordTypeBody(Input):
    """A record type, whole: what is absent has its default."""

    name: str | None = Field(default=None, description="The name in the address, or absent.")
    fields: list[str] | None = Field(
        default=None,
        description="JSON pointers (RFC 6901) of what events carry of a record, up to 256; null: all of it.",
        examples=[["/name", "/address/city"]],
    )
    ignored: list[str] = Field(
        default=[],
        description="JSON pointers of what never counts as a change, with all that is below; stored all the same.",
        examples=[["/seen_at"]],
    )
    deleted_kept_days: int = Field(
        default=DELETED_KEPT_DAYS,
        description="How long it is kept that a record was deleted, so that what comes late doesn't bring it back; up "
        "to 365.",
    )


class ProfileBody(Input):
    """A profile, whole."""

    toml: str = Field(description="The profile's text. Its `name` is the one in the address.")


def _moment(value: object) -> object:
    """Milliseconds since 1970, or None; a body has no other form of a moment than text."""
    return None if value is None else moment_of(value if isinstance(value, str) else "")


Moment = Annotated[int | None, BeforeValidator(_moment, json_schema_input_type=str | None)]


class Replay(Input):
    """Which events to send again to an endpoint."""

    since: Annotated[int, BeforeValidator(_moment, json_schema_input_type=str)] = Field(
        description="Accepted from this moment on, RFC 3339.", examples=["2026-11-21T00:00:00Z"]
    )
    until: Moment = Field(default=None, description="Accepted before this moment; absent: now.")
    which: Literal["failed", "all"] = Field(
        description="`failed`: what ended without success there; `all`: what the endpoint wants as it is now."
    )

    def request(self) -> ReplayRequest:
        return ReplayRequest(self.since, self.until, Which(self.which))


class NoAuth(Input):
    type: Literal["none"]


class BasicAuth(Input):
    type: Literal["basic"]
    username: str
    password: str


class RawAuth(Input):
    type: Literal["raw"]
    value: str = Field(description="The value of the Authorization header as it is.")


class HeaderAuth(Input):
    type: Literal["header"]
    headers: dict[str, str] = Field(description="Headers that carry credentials.", examples=[{"X-Api-Key": "…"}])


class DelayList(Input):
    """The waits before each retry: n delays are n + 1 attempts."""

    delays_s: list[float]


class ExponentialRetry(Input):
    """`base_s · factor^k`, up to `max_delay_s`; `max_attempts` counts the first."""

    base_s: float
    factor: float
    max_delay_s: float
    max_attempts: int


def _retry_form(value: object) -> str:
    """Which form a schedule has: as it comes in, or (when it is written out again) as a model."""
    listed = "delays_s" in value if isinstance(value, dict) else isinstance(value, DelayList)
    return "delays" if listed else "exponential"


Auth = Annotated[NoAuth | BasicAuth | RawAuth | HeaderAuth, Field(discriminator="type")]
Retry = Annotated[
    Annotated[DelayList, Tag("delays")] | Annotated[ExponentialRetry, Tag("exponential")], Discriminator(_retry_form)
]


class EndpointChange(Input):
    """What can be set of an endpoint. In a change, fields that are absent stay as they are; null resets a field."""

    label: str = Field(default="", description="What you know it by, up to 256 bytes.")
    url: str = Field(default="", description="Where requests go.", examples=["https://example.com/hooks"])
    query: str | None = Field(default="", description="Appended to the URL, with or without a leading `?`.")
    event_types: list[str] = Field(
        default=["*"],
        description="Exact types, `prefix.*` at any depth, or `*`.",
        examples=[["contact.*", "order.created"]],
    )
    channels: list[str] | None = Field(
        default=None, description="null: all. With a list, events without a channel don't match."
    )
    filter: str | None = Field(
        default=None, description="CEL over `event`, `data` and `previous`; null: all.", examples=[_FILTER_EXAMPLE]
    )
    tracked_set: str | None = Field(
        default=None,
        description="Only events whose subject's id is a member of this tracked set of the tenant; null: all. Absent "
        "from a new endpoint: what its profile says.",
        examples=["customer-data"],
    )
    profile: str | None = Field(default=None, description="The wire contract; null: the tenant's.")
    signature: str | None = Field(
        default=None,
        description="One of the profile's, null: its default. `standard` has `v1` (HMAC-SHA256) and `v1a` (ed25519). "
        "A change rotates to a new secret where it needs one of another kind, shown in the answer.",
    )
    active: bool = Field(default=True, description="false: new events don't match and nothing is sent.")
    auth: Auth | None = Field(default=None, description="Credentials, write-only. Another origin in `url` clears them.")
    headers: dict[str, str] | None = Field(default=None, description="Extra headers, sent with their case; up to 32.")
    rate_per_second: float | None = Field(
        default=None, description="At most so many requests a second; null: no limit."
    )
    max_in_flight: int | None = Field(default=None, description="At most so many requests at once; null: up to 50.")
    ordering: Literal["none", "strict", "subject"] = Field(
        default="none", description="`strict`: one at a time; `subject`: one at a time for each ordering key."
    )
    retry: Retry | None = Field(
        default=None, description="When a failed request is tried again; null: ten attempts over three days."
    )
    timeout_s: float | None = Field(
        default=TOTAL_DEADLINE_S_MAX, description="Total deadline of a request, at most 20."
    )

    def fields(self) -> EndpointFields:
        """The fields that were sent, `secret` apart."""
        return cast(EndpointFields, self.model_dump(exclude_unset=True, exclude={"secret"}))


class NewEndpoint(EndpointChange):
    """An endpoint to be registered."""

    url: str = Field(description="Where requests go.", examples=["https://example.com/hooks"])
    secret: str | None = Field(default=None, description="A signing secret of your own; made here when it is absent.")
