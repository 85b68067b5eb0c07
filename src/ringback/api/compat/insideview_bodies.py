"""What a subscription of InsideView's API can be asked to be: bodies, and what they say of an endpoint.

A body says what it has: on a change, what is absent stays as it is. `signingSecret` may stand in `webhook` or at the
top, and null removes it. Pure: types are checked here, meanings in `control`.
"""

import re
from typing import Final

from pydantic import Field

from ringback.api.compat.frame import CompatInput
from ringback.control.endpoint_fields import EndpointFields
from ringback.control.findings import Findings
from ringback.control.secrets import GivenSecret
from ringback.model.endpoint import NO_URL, Endpoint, EndpointStatus
from ringback.policy.match import ANY

PENDING: Final = "VERIFICATION_PENDING"
"""As `webhook.status` of a change it asks for another verification."""

STATUSES: Final = (PENDING, "ACTIVE", "DISABLED")

ANY_TYPE: Final = "any"
"""Shown for what was made elsewhere for events of several kinds."""

_TYPE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Webhook(CompatInput):
    """`status` is there since what was fetched may be sent back."""

    url: str | None = None
    status: str | None = None
    signing_secret: str | None = Field(default=None, alias="signingSecret")


class _Subscription(CompatInput):
    """`trackedSet` is ours: the document speaks of subscribed entities and shows no way to name them."""

    name: str | None = None
    tracked_set: str | None = Field(default=None, alias="trackedSet")
    webhook: _Webhook | None = None
    signing_secret: str | None = Field(default=None, alias="signingSecret")

    def given(self) -> GivenSecret | None:
        """The secret that the body names, null as a value (None: it names none)."""
        places = (self, self.webhook)
        named = [one.signing_secret for one in places if one is not None and "signing_secret" in one.model_fields_set]
        return GivenSecret(named[0]) if named else None

    def _check_secret(self, findings: Findings) -> None:
        inside = self.webhook
        if inside is None or not {"signing_secret"} <= inside.model_fields_set & self.model_fields_set:
            return
        if inside.signing_secret != self.signing_secret:
            findings.add("signingSecret", "must be the same in webhook and at the top, or stand in one of them")


class NewSubscription(_Subscription):
    """The body of a POST."""

    subscription_type: str = Field(alias="subscriptionType")

    def fields(self) -> EndpointFields:
        """What it says of an endpoint. Raises Invalid."""
        findings = Findings()
        if _TYPE.fullmatch(self.subscription_type) is None or self.subscription_type == ANY_TYPE:
            findings.add("subscriptionType", "must be the first word of event types, such as company")
        if self.webhook is not None and not self.webhook.url:
            findings.add("webhook.url", "is required; without a webhook leave webhook out")
        self._check_secret(findings)
        findings.raise_if_any()
        return {
            "label": self.name or "",
            "url": None if self.webhook is None else self.webhook.url,
            "event_types": [self.subscription_type, f"{self.subscription_type}.*"],
            "tracked_set": self.tracked_set,
        }

    def secret(self) -> str | None:
        """The secret to begin with."""
        given = self.given()
        return None if given is None else given.value


class SubscriptionChange(_Subscription):
    """The body of a PUT."""

    subscription_type: str | None = Field(default=None, alias="subscriptionType")

    def check(self) -> None:
        """Whether it says anything, and says it once. Raises Invalid."""
        findings = Findings()
        if not self.model_fields_set:
            findings.add(
                "webhook", "is missing, and so is all else that can be changed: name, trackedSet, signingSecret"
            )
        if self.webhook is not None and self.webhook.status not in (None, *STATUSES):
            findings.add("webhook.status", f"must be {PENDING}, to be verified again, or what was fetched")
        self._check_secret(findings)
        findings.raise_if_any()

    def fields(self, before: Endpoint) -> EndpointFields:
        """What it changes of an endpoint, as it is `before`. Raises Invalid."""
        findings = Findings()
        if self.subscription_type not in (None, type_of(before.event_types)):
            findings.add("subscriptionType", "can't be changed; make another subscription")
        if self.webhook is not None and not self._url(before):
            findings.add("webhook.url", "is required; to have no webhook send null for webhook")
        findings.raise_if_any()
        fields: EndpointFields = {}
        if self.name is not None:
            fields["label"] = self.name
        if "tracked_set" in self.model_fields_set:
            fields["tracked_set"] = self.tracked_set
        if self.webhook is not None:
            fields["url"] = self._url(before)
            if before.url == NO_URL:
                fields["active"] = True
        elif "webhook" in self.model_fields_set:
            fields["url"] = None
        return fields

    def asks_again(self, before: Endpoint) -> bool:
        """Whether a webhook that stays where it is has to prove itself again all the same."""
        if self.webhook is None or self._url(before) != before.url:
            return False
        pending = before.status is EndpointStatus.VERIFICATION_PENDING
        return pending or (before.status is EndpointStatus.ACTIVE and self.webhook.status == PENDING)

    def _url(self, before: Endpoint) -> str:
        """Where the webhook is to be: as the body says, else where it is."""
        url = None if self.webhook is None else self.webhook.url
        return before.url if url is None else url


def type_of(event_types: tuple[str, ...]) -> str:
    """`company` of `company` and `company.*`; `any` where they have no first word in common."""
    words = {pattern.removesuffix(".*").partition(".")[0] for pattern in event_types}
    return words.pop() if len(words) == 1 and ANY not in words else ANY_TYPE
