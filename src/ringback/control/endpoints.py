"""Endpoints: register, show, change, switch on and off, delete.

Decides what becomes of an endpoint's row; the store moves its lane in the same transaction. Never opens a connection
to an endpoint. While the operator has a tenant's webhooks switched off, only the operator (`by_operator`) makes,
activates or verifies its endpoints. Changing the URL's origin drops the credentials unless they come again, so that
nobody can have them sent elsewhere (GitLab CVE-2022-4342). Every write is followed by `notify`, so that in this process
no request starts after the answer that should not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control import verification
from ringback.control.contracts import (
    check_choice,
    check_fit,
    check_has_url,
    contract_of,
    has_own_secret,
    needs_own_secret,
    offered_contract,
)
from ringback.control.endpoint_fields import (
    EndpointFields,
    check_address,
    check_fields,
    check_headers_together,
    origin_of,
)
from ringback.control.findings import Findings
from ringback.control.first_event import first_event
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.revision import change_stored
from ringback.control.rule_failures import failures_since
from ringback.control.secrets import (
    GivenSecret,
    Revealed,
    SecretUseCases,
    check_endpoint_secret,
    new_endpoint_secret,
    revealed,
)
from ringback.control.sending import Sending, sendings
from ringback.control.tenants import required_tenant, sending_tenant
from ringback.control.tracked_sets import tracked_members
from ringback.model.endpoint import NO_URL, Auth, Endpoint, EndpointStatus, Secret
from ringback.model.errors import Conflict, NoRoomLeft, NotFound, Refused
from ringback.model.limits import ENDPOINTS_PER_TENANT_HARD_MAX, ENDPOINTS_PER_TENANT_MAX
from ringback.model.tenant import Tenant
from ringback.numbers import Numbers
from ringback.policy.url import UrlRules
from ringback.profiles import Registry
from ringback.store.port import Endpoints, Log, RuleFailure, RuleFailures, Secrets, Tenants, TrackedSets
from ringback.wire.contract import Contract

_LIST = "endpoints"


class EndpointStore(Endpoints, Log, RuleFailures, Secrets, Tenants, TrackedSets, Protocol):
    """What these use cases need of a store."""


class Changed(NamedTuple):
    """An endpoint as it is now, and its secret if a new one was made (else None)."""

    endpoint: Endpoint
    secret: Revealed | None


class EndpointUseCases:
    """What can be done with endpoints. `rules` say which URLs are accepted."""

    def __init__(
        self,
        store: EndpointStore,
        clock: Clock,
        rules: UrlRules,
        profiles: Registry,
        notify: Callable[[], None],
        *,
        endpoints_max: int = ENDPOINTS_PER_TENANT_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules
        self._profiles = profiles
        self._notify = notify
        self._endpoints_max = endpoints_max
        self._numbers = Numbers(clock)

    def create(
        self,
        tenant_id: str,
        fields: EndpointFields,
        secret: str | None = None,
        *,
        created_by: str = "",
        by_operator: bool = False,
    ) -> Changed:
        """Register an endpoint with a secret of the caller's or one made here, and the event it begins with if its
        profile has one. Raises Invalid, NotFound, Conflict, OverQuota, WebhooksDisabled.

        `created_by` is the label of the key that is used.
        """
        tenant = self._tenant_of(tenant_id, by_operator=by_operator)
        endpoint, contract = self._new(tenant, fields, created_by)
        value = self._first_secret(contract, endpoint, secret)
        signing = None
        if value is not None:
            signing = Secret(self._clock.new_id("sec"), tenant_id, endpoint.id, value, endpoint.created_at, None)
        quota = self._endpoints_max if tenant.endpoints_max is None else tenant.endpoints_max
        number = self._numbers.next(endpoint.created_at) if self._profiles.needs_number(contract.name) else None
        first = first_event(tenant, endpoint, contract, self._clock, number)
        rule = contract.profile.rules.endpoints_per_tenant
        if not self._store.create_endpoint(endpoint, signing, quota, first, of_profile_max=rule):
            raise self._no_room(tenant, contract, quota)
        self._notify()
        return Changed(endpoint, None if value is None else revealed(value))

    def draft(self, tenant_id: str, fields: EndpointFields, endpoint_id: str | None = None) -> Endpoint:
        """What `create`, or `update` of that endpoint, would store, for a look at it beforehand; nothing is stored.

        Raises Invalid, NotFound, Conflict.
        """
        if endpoint_id is None:
            return self._new(required_tenant(self._store, tenant_id), fields, "")[0]
        return self._altered(self.get(tenant_id, endpoint_id), self._checked(fields), active=fields.get("active"))

    def _new(self, tenant: Tenant, fields: EndpointFields, created_by: str) -> tuple[Endpoint, Contract]:
        """A new endpoint, not stored, and its contract. Raises Invalid."""
        findings = Findings()
        if "url" not in fields:
            findings.add("url", "is required")
        checked = check_fields(fields, self._rules, findings)
        profile = tenant.profile if checked.get("profile") is None else checked["profile"]
        contract = offered_contract(findings, "profile", self._profiles, profile)
        findings.raise_if_any()
        assert contract is not None  # noqa: S101 - else there was a finding
        now = self._clock.now_ms()
        active = fields.get("active", True) and fields["url"] is not None
        endpoint = Endpoint(
            **{
                "label": "",
                "tracked_set": contract.profile.rules.tracked_set,
                **checked,
                "signature": checked.get("signature") or contract.default_signature,
                "id": self._clock.new_id("ep"),
                "tenant_id": tenant.id,
                "profile": profile,
                "status": EndpointStatus.ACTIVE if active else EndpointStatus.INACTIVE,
                "created_at": now,
                "updated_at": now,
                "created_by": created_by,
            }
        )
        if contract.has_handshake:
            endpoint = verification.begun(endpoint, now)
        check_address(endpoint, self._rules)
        check_headers_together(endpoint)
        check_fit(findings, endpoint, contract)
        check_choice(findings, checked.get("signature"), contract)
        findings.raise_if_any()
        return endpoint, contract

    def _checked(self, fields: EndpointFields) -> dict[str, Any]:
        findings = Findings()
        checked = check_fields(fields, self._rules, findings)
        findings.raise_if_any()
        return checked

    def _no_room(self, tenant: Tenant, contract: Contract, quota: int) -> Refused:
        """Why there can't be another endpoint: the profile's rule, or else the tenant's quota."""
        required_tenant(self._store, tenant.id)
        return self._one_too_many(tenant.id, contract) or NoRoomLeft(
            f"This tenant may have at most {_endpoints(quota)}. Delete one first.", code="endpoint_quota"
        )

    def _one_too_many(self, tenant_id: str, contract: Contract, but: str | None = None) -> Conflict | None:
        """What the profile's rule says against another endpoint of it, `but` the one of that id; None: nothing."""
        rule = contract.profile.rules.endpoints_per_tenant
        if rule is None:
            return None
        there = self._store.list_endpoints(tenant_id, None, ENDPOINTS_PER_TENANT_HARD_MAX)
        alike = [one.id for one in there if one.profile == contract.name and one.id != but]
        if len(alike) < rule:
            return None
        return Conflict(
            f"The profile {contract.name} allows a tenant {_endpoints(rule)}, and this one has {alike[0]} already. "
            "Change what is there, or delete it.",
            code="endpoint_exists",
        )

    def _first_secret(self, contract: Contract, endpoint: Endpoint, given: str | None) -> str | None:
        """The secret that a new endpoint begins with: the caller's, one made here, or none. Raises Invalid."""
        if given is None:
            wanted = needs_own_secret(contract)
            return new_endpoint_secret(contract, endpoint.signature, self._clock) if wanted else None
        findings = Findings()
        if has_own_secret(contract):
            check_endpoint_secret(findings, "secret", given, contract, endpoint.signature)
        else:
            findings.add("secret", f"can't be given: endpoints of the profile {contract.name} have none of their own")
        findings.raise_if_any()
        return given

    def get(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        """Raises NotFound."""
        endpoint = self._store.get_endpoint(tenant_id, endpoint_id)
        if endpoint is None:
            raise NotFound("There is no such endpoint.")
        return endpoint

    def sending(self, endpoints: Sequence[Endpoint]) -> Mapping[str, Sending]:
        """Whether each of them is being sent to now, by id."""
        return sendings(self._store, endpoints, self._clock.now_ms())

    def failures(self, tenant_id: str, endpoints: Sequence[Endpoint]) -> Mapping[str, RuleFailure]:
        """On what the filters of those of them failed last that have failed since they were changed, by id."""
        filtered = {one.id: one.updated_at for one in endpoints if one.filter is not None}
        return failures_since(self._store, tenant_id, filtered)

    def tracked_members(self, endpoint: Endpoint) -> int | None:
        """How many members its tracked set has; None: it names none, or one that isn't there."""
        return tracked_members(self._store, endpoint)

    def list(self, tenant_id: str, page: PageRequest) -> Page[Endpoint]:
        """Oldest first. Raises NotFound for an unknown tenant."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        rows = self._store.list_endpoints(tenant_id, after, limit + 1)
        return page_of(_LIST, rows, limit, lambda endpoint: endpoint.id)

    def oldest(self, tenant_id: str, most: int) -> Sequence[Endpoint]:
        """The oldest `most` of them in one read, oldest first. Raises NotFound for an unknown tenant."""
        required_tenant(self._store, tenant_id)
        return self._store.list_endpoints(tenant_id, None, most)

    def update(
        self,
        tenant_id: str,
        endpoint_id: str,
        fields: EndpointFields,
        secrets: SecretUseCases,
        actor: str,
        *,
        given: GivenSecret | None = None,
        by_operator: bool = False,
    ) -> Changed:
        """Change what `fields` holds. Raises Invalid, NotFound, Conflict, OverQuota, WebhooksDisabled.

        A signature of another kind needs a secret of another kind: `secrets` rotates to one for `actor`, and the old
        one signs beside it for a day. Or the caller has `given` one, which alone signs from now on.
        """
        checked, active = self._checked(fields), fields.get("active")
        if active:
            self._tenant_of(tenant_id, by_operator=by_operator)

        def altered(endpoint: Endpoint) -> Endpoint:
            return self._altered(endpoint, checked, active=active)

        # Tried out first: a change that is refused must not leave a new secret behind.
        before = self.get(tenant_id, endpoint_id)
        after = altered(before)
        # The secret comes before the change: two kinds sign side by side, but none would sign nothing.
        secret = None
        if given is not None:
            secrets.replace(after, contract_of(self._profiles, after), given, actor)
        elif (after.profile, after.signature) != (before.profile, before.signature):
            contract = contract_of(self._profiles, after)
            secret = secrets.change_kind(before, contract, after.signature, actor)
        return Changed(self._change(tenant_id, endpoint_id, altered), secret)

    def _altered(self, endpoint: Endpoint, checked: dict[str, Any], *, active: bool | None) -> Endpoint:
        after = replace(endpoint, **self._with_consequences(endpoint, checked))
        after = self._verified_or_asked(endpoint, after, active=active)
        if (after.url, after.query) != (endpoint.url, endpoint.query):
            check_address(after, self._rules)
        check_headers_together(after)
        return self._fitting(endpoint, after, checked)

    def activate(self, tenant_id: str, endpoint_id: str, *, by_operator: bool = False) -> Endpoint:
        """Send again, what is queued included; one that did not prove itself has to first. Raises NotFound, Conflict
        (while verification is pending), WebhooksDisabled."""
        self._tenant_of(tenant_id, by_operator=by_operator)
        return self._change(tenant_id, endpoint_id, lambda one: self._verified_or_asked(one, one, active=True))

    def deactivate(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        """Send nothing and match nothing until activated; what is queued stays. Raises NotFound, Conflict."""
        return self._change(tenant_id, endpoint_id, verification.switched_off)

    def verify(self, tenant_id: str, endpoint_id: str, *, by_operator: bool = False) -> Endpoint:
        """Have the endpoint prove itself again, where its profile has a handshake; else nothing is to be done.

        Raises NotFound, Conflict, WebhooksDisabled.
        """
        self._tenant_of(tenant_id, by_operator=by_operator)
        endpoint = self.get(tenant_id, endpoint_id)
        if not contract_of(self._profiles, endpoint).has_handshake:
            return endpoint

        def asked(one: Endpoint) -> Endpoint:
            check_has_url(one)
            return verification.asked(one, self._clock.now_ms())

        return self._change(tenant_id, endpoint_id, asked)

    def delete(self, tenant_id: str, endpoint_id: str) -> None:
        """Gone at once; what is queued ends as cancelled. Raises NotFound."""
        if not self._store.delete_endpoint(tenant_id, endpoint_id, self._clock.now_ms()):
            raise NotFound("There is no such endpoint.")
        self._notify()

    def _tenant_of(self, tenant_id: str, *, by_operator: bool) -> Tenant:
        """The tenant whose endpoints are to be sent to. Raises NotFound, and WebhooksDisabled unless the operator asks,
        who may prepare what comes later."""
        return (required_tenant if by_operator else sending_tenant)(self._store, tenant_id)

    def _change(self, tenant_id: str, endpoint_id: str, alter: Callable[[Endpoint], Endpoint]) -> Endpoint:
        def altered(endpoint: Endpoint) -> Endpoint:
            after = alter(endpoint)
            if after == endpoint:
                return endpoint
            return replace(after, updated_at=self._clock.now_ms(), revision=endpoint.revision + 1)

        endpoint = change_stored(
            lambda: self.get(tenant_id, endpoint_id),
            altered,
            lambda after: self._store.update_endpoint(after, self._clock.now_ms()),
        )
        self._notify()
        return endpoint

    def _fitting(self, before: Endpoint, after: Endpoint, checked: dict[str, Any]) -> Endpoint:
        """`after`, spoken to by its profile. One whose profile is not there can be changed all the same, but not to a
        profile that isn't there. Raises Invalid."""
        named = after.profile != before.profile or after.signature != before.signature
        contract = self._profiles.of(after.profile)
        if contract is None and not named:
            return after
        findings = Findings()
        contract = offered_contract(findings, "profile", self._profiles, after.profile)
        if contract is not None:
            if "signature" not in checked and not contract.offers(after.signature):
                after = replace(after, signature=contract.default_signature)
            if after.profile != before.profile and after.tracked_set is None and "tracked_set" not in checked:
                after = replace(after, tracked_set=contract.profile.rules.tracked_set)
            check_fit(findings, after, contract)
            check_choice(findings, checked.get("signature"), contract)
        findings.raise_if_any()
        if contract is not None and after.profile != before.profile:
            refused = self._one_too_many(after.tenant_id, contract, but=after.id)
            if refused is not None:
                raise refused
        return after

    def _verified_or_asked(self, before: Endpoint, after: Endpoint, *, active: bool | None) -> Endpoint:
        """`after` with the status that follows from the change and from the switch (None: it isn't touched)."""
        now, has_handshake = self._clock.now_ms(), self._has_handshake(after)
        settled = verification.changed(before, after, now, has_handshake=has_handshake)
        if active:
            check_has_url(after)
        if active is False or after.url == NO_URL:
            return verification.switched_off(settled)
        just_asked = settled is not after and settled.status is EndpointStatus.VERIFICATION_PENDING
        if active is None or just_asked:
            return settled
        return verification.switched_on(settled, now, has_handshake=has_handshake)

    def _has_handshake(self, endpoint: Endpoint) -> bool:
        contract = self._profiles.of(endpoint.profile)
        return contract is not None and contract.has_handshake

    def _with_consequences(self, endpoint: Endpoint, checked: dict[str, Any]) -> dict[str, Any]:
        """`checked`, and what follows from it for this endpoint."""
        changes = dict(checked)
        if "profile" in changes and changes["profile"] is None:
            changes["profile"] = required_tenant(self._store, endpoint.tenant_id).profile
        contract = self._profiles.of(changes.get("profile", endpoint.profile))
        if contract is not None and "signature" in changes and changes["signature"] is None:
            changes["signature"] = contract.default_signature
        moved_away = "url" in changes and origin_of(changes["url"], self._rules) != origin_of(endpoint.url, self._rules)
        if moved_away and "auth" not in changes:
            changes["auth"] = Auth()
        return changes


def _endpoints(count: int) -> str:
    return "1 endpoint" if count == 1 else f"{count} endpoints"
