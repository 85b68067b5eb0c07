"""Samples: the request that one would make (preview), and one sent for real (test).

A sample's data are the `sample` of the event type in the catalogue; else what the endpoint's profile has for the type,
in its `[[samples]]`; else Ringback's own, where the type is one that it tells of its work with
(`policy.operations`); else `{"sample": true, "event_type": TYPE}`. What the event is about, and how it changed, is the
profile's in either case; its channel is the endpoint's first. Around the data the profile puts what it puts around
every event's. A preview is made of the same parts as a real request (`ringback.outgoing`, the profile's contract) and
sends nothing. A test is an event like any other, stored with one delivery in one transaction: for this endpoint alone,
whatever it wants, and without a look at schemas and quotas.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

import msgspec

from ringback.clock import Clock
from ringback.control.contracts import check_has_url, contract_of, needs_own_secret
from ringback.control.findings import Findings
from ringback.control.numbering import Numbering
from ringback.control.secrets import new_endpoint_secret
from ringback.control.tenants import sending_tenant
from ringback.model.endpoint import Endpoint, EndpointStatus, Secret, delivery_key
from ringback.model.errors import Conflict, NotFound, SecretUnreadable
from ringback.model.event import MADE_FOR_ONE, Event, NewDelivery
from ringback.outgoing import HOPS_HEADER, prepare
from ringback.policy.match import pattern_matches, valid_event_type
from ringback.policy.operations import KINDS, SUBJECT
from ringback.profiles import Registry
from ringback.store.port import (
    Bells,
    Endpoints,
    EventTypes,
    Intake,
    NumberGiving,
    Ring,
    Secrets,
    StoreUnavailable,
    Tenants,
)
from ringback.wire.contract import Contract
from ringback.wire.message import Message
from ringback.wire.sample import Sample
from ringback.wire.signature import BadSecret

TEST_TYPE: Final = "ringback.test"
_WHAT_TO_DO: Final = {
    EndpointStatus.INACTIVE: "It was switched off: activate it first.",
    EndpointStatus.DISABLED: "Ringback gave it up, see disable_reason: activate it first.",
    EndpointStatus.VERIFICATION_PENDING: "It has not been verified yet: repeat the handshake first.",
}


class SampleStore(Endpoints, Secrets, EventTypes, Tenants, Intake, Bells, NumberGiving, Protocol):
    """What these use cases need of a store."""


class Preview(NamedTuple):
    """A request as it would leave now. `headers` are (name, value), credentials replaced; `body` is JSON."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str


class SampleUseCases:
    """What can be done with samples. `kick` wakes the engine of this process, if there is one; `base_url` is where the
    API is, for contracts that say it."""

    def __init__(
        self, store: SampleStore, clock: Clock, profiles: Registry, kick: Callable[[], None], base_url: str = ""
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._profiles = profiles
        self._numbering = Numbering(store, clock, profiles)
        self._clock = clock
        self._kick = kick

    def preview(self, tenant_id: str, endpoint_id: str, event_type: str | None = None) -> Preview:
        """The request of a sample under a fresh event id, signed. Raises Invalid, NotFound, Conflict, and
        SecretUnreadable."""
        endpoint = self._endpoint(tenant_id, endpoint_id)
        check_has_url(endpoint)
        contract = contract_of(self._profiles, endpoint)
        return self._preview(endpoint, contract, self._secrets(endpoint, contract), event_type)

    def preview_of(self, endpoint: Endpoint, event_type: str | None = None) -> Preview:
        """The same of an endpoint as it might be stored; where it has no secret yet that signs, a made up one does.
        Raises as `preview`."""
        check_has_url(endpoint)
        contract = contract_of(self._profiles, endpoint)
        secrets = self._secrets(endpoint, contract)
        if not secrets and needs_own_secret(contract):
            value = new_endpoint_secret(contract, endpoint.signature, self._clock)
            secrets = [Secret("", endpoint.tenant_id, endpoint.id, value, self._clock.now_ms(), None)]
        return self._preview(endpoint, contract, secrets, event_type)

    def _secrets(self, endpoint: Endpoint, contract: Contract) -> Sequence[Secret]:
        owner = None if contract.profile.tenant_signs else endpoint.id
        return self._store.list_secrets(endpoint.tenant_id, owner)

    def _preview(
        self, endpoint: Endpoint, contract: Contract, secrets: Sequence[Secret], event_type: str | None
    ) -> Preview:
        tenant_id, endpoint_id = endpoint.tenant_id, endpoint.id
        event = self._sample(endpoint, event_type)
        target = prepare(endpoint, secrets, contract)
        if target.unreadable:
            raise SecretUnreadable("The stored secret or credentials can't be read. Set them anew.")
        now = event.accepted_at
        message = Message(
            event.id, event.type, event.data, now, now, tenant_id=tenant_id, endpoint_id=endpoint_id,
            number=event.number, channel=event.channel, subject_type=event.subject_type, subject_id=event.subject_id,
            change=event.change, previous=event.previous, accepted_ms=now, base_url=self._base_url,
        )  # fmt: skip
        try:
            rendered = contract.render(message, target.signing_secrets(now), endpoint.signature)
        except BadSecret:
            raise Conflict("The endpoint has no secret that can sign. Rotate it.", code="wrong_state") from None
        hop = (HOPS_HEADER, str(event.hops + 1))
        headers = target.shown(rendered.headers, [hop], len(rendered.body))
        return Preview(contract.method, target.url, headers, rendered.body.decode())

    def send(self, tenant_id: str, endpoint_id: str, event_type: str | None = None) -> str:
        """Send a sample; the event's id. Raises Invalid, NotFound, Conflict when the endpoint is sent nothing now, and
        WebhooksDisabled."""
        endpoint = self._endpoint(tenant_id, endpoint_id)
        check_has_url(endpoint)
        event = self._sample(endpoint, event_type)
        self._check_sendable(endpoint)
        key = delivery_key(endpoint.ordering, event.ordering_key)
        now = event.accepted_at
        with self._store.intake() as transaction:
            if self._numbering.needed_by([endpoint]):
                event = self._numbering.numbered(event, transaction)
            only = NewDelivery(tenant_id, endpoint_id, event.id, key, now)
            transaction.insert([event], [only], {0: MADE_FOR_ONE})
            transaction.commit()
        # It is stored: a bell that can't be rung now is the sweep's.
        with suppress(StoreUnavailable):
            self._store.ring([Ring(tenant_id, endpoint_id, now)])
        self._kick()
        return event.id

    def _endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        endpoint = self._store.get_endpoint(tenant_id, endpoint_id)
        if endpoint is None:
            raise NotFound("There is no such endpoint.")
        return endpoint

    def _check_sendable(self, endpoint: Endpoint) -> None:
        sending_tenant(self._store, endpoint.tenant_id)
        if endpoint.status is not EndpointStatus.ACTIVE:
            raise Conflict(
                f"Nothing is sent to an endpoint that is {endpoint.status}. {_WHAT_TO_DO[endpoint.status]}",
                code="endpoint_not_active",
            )

    def _sample(self, endpoint: Endpoint, wanted: str | None) -> Event:
        """The event that a sample is, not stored."""
        contract = self._profiles.of(endpoint.profile)
        samples = {} if contract is None else contract.samples
        event_type = wanted if wanted is not None else _type_for(endpoint, samples)
        findings = Findings()
        if not valid_event_type(event_type):
            findings.add("event_type", "must be an event type, such as contact.created")
        findings.raise_if_any()
        known = self._store.get_event_type(event_type)
        sample = samples.get(event_type)
        if sample is None and event_type in KINDS:
            sample = Sample(event_type, KINDS[event_type].sample, SUBJECT, endpoint.id)
        elif sample is None:
            sample = Sample(event_type, msgspec.json.encode({"sample": True, "event_type": event_type}))
        if known is not None and known.sample is not None:
            sample = sample._replace(data=known.sample, previous=None)
        now = self._clock.now_ms()
        return Event(
            tenant_id=endpoint.tenant_id,
            id=self._clock.new_id("evt"),
            type=event_type,
            data=sample.data,
            channel=endpoint.channels[0] if endpoint.channels else None,
            subject_type=sample.subject_type,
            subject_id=sample.subject_id,
            change=sample.change,
            previous=sample.previous,
            ordering_key=None,
            occurred_at=None,
            deliver_at=None,
            accepted_at=now,
            hops=0,
            deliveries=1,
            number=self._numbering.draw(now) if self._numbering.needed_by([endpoint]) else None,
        )


def _type_for(endpoint: Endpoint, samples: Mapping[str, Sample]) -> str:
    """The first type that the endpoint names; else the first of its profile's samples that it wants; else ours."""
    named = [pattern for pattern in endpoint.event_types if valid_event_type(pattern)]
    wanted = [one for one in samples if any(pattern_matches(pattern, one) for pattern in endpoint.event_types)]
    return next(iter((*named, *wanted)), TEST_TYPE)
