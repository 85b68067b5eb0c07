"""What all published management APIs share: a place under `/compat/NAME`, a gate, bodies, and a manner to tell errors.

A contract is a module with a function that makes a `CompatContract`; `api.app` lists them. A program that was written
against the contract's document must not notice a difference, so what it sends beyond what is known is passed over, and
every error comes in the contract's own manner, those of unknown addresses and defects included. Key, body and JSON are
checked as in /v1 (`api.gate`). Decides nothing about webhooks: `control` does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from ringback.api.auth import BEARER_FORM, Authenticator, Principal
from ringback.api.gate import Headers, KeyedRoute, principal_of
from ringback.api.problem import Fault, Problem, problem_of
from ringback.api.query import check_given_once
from ringback.model.errors import FieldError, Forbidden, Invalid
from ringback.model.tenant import Scope

PREFIX: Final = "/compat"

Manner = Callable[[Fault], Problem]
"""From what is wrong to the whole answer, in a contract's own form."""


@dataclass(frozen=True, slots=True)
class CompatContract:
    """One published API. `name` is its place below `/compat` and the profile of its webhooks."""

    name: str
    manner: Manner
    routers: Sequence[APIRouter]


class Gate(NamedTuple):
    """Where a contract's key stands, as the value of an Authorization header, and whom it lets in (else Forbidden).
    `form` says in words how it is sent."""

    key_in: Callable[[Headers], bytes | None]
    let_in: Callable[[Principal], None]
    form: str = BEARER_FORM


def bearer(headers: Headers) -> bytes | None:
    """The key as in /v1: `Authorization: Bearer KEY`."""
    return headers.get(b"authorization")


def tenants_only(principal: Principal) -> None:
    """Let pass who names a tenant by the key, and may do everything under it. Raises Forbidden."""
    if principal.scope is Scope.INGEST:
        raise Forbidden("An ingest key may only post events. Use a key of scope tenant.")
    if principal.tenant_id is None:
        raise Forbidden("An admin key belongs to no tenant, and here the key names the tenant. Use a tenant's key.")


TENANTS_KEY: Final = Gate(bearer, tenants_only)
"""The gate of most contracts."""


class CompatRoute(KeyedRoute):
    """A route of a contract. `router_of` makes the classes that routers use."""

    gate: ClassVar[Gate]

    def key_in(self, headers: Headers) -> bytes | None:
        return self.gate.key_in(headers)

    def let_in(self, principal: Principal, request: Request) -> None:
        self.gate.let_in(principal)

    def check_query(self, query: bytes, known: Collection[str]) -> None:
        check_given_once(query, known)


def router_of(name: str, keys: Authenticator, through: Gate = TENANTS_KEY) -> APIRouter:
    """A router for the contract `name`, whose addresses are written without `/compat/NAME`."""

    class Gated(CompatRoute):
        authenticator = keys
        gate = through
        key_form = through.form

    return APIRouter(prefix=f"{PREFIX}/{name}", route_class=Gated, include_in_schema=False)


def tenant_of(request: Request) -> str:
    """The tenant that the key names. For routes behind `TENANTS_KEY`."""
    tenant_id = principal_of(request).tenant_id
    assert tenant_id is not None  # noqa: S101 - the gate lets in nobody without
    return tenant_id


class CompatInput(BaseModel):
    """What bodies of all contracts have in common: exact types; what isn't known is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


def told(fault: Fault, document: object, status: int | None = None) -> Problem:
    """A fault as a JSON document of the contract's own; with another status where the contract has not ours."""
    headers = {"Content-Type": "application/json", **fault.headers}
    return Problem(fault.status if status is None else status, headers, msgspec.json.encode(document))


@contextmanager
def in_words_of(names: Mapping[str, str]) -> Iterator[None]:
    """Within it an Invalid names its fields as the contract does: `names` has theirs by ours (`url`: `webhook_url`)."""
    try:
        yield
    except Invalid as error:
        fields = [FieldError(_renamed(field, names), message) for field, message in error.errors]
        detail = f"{fields[0].field} {fields[0].message}." if fields else error.detail
        raise Invalid(detail, fields, code=error.code) from None


def _renamed(field: str, names: Mapping[str, str]) -> str:
    """`event_types[0]` is called as `event_types` is."""
    return names.get(field) or names.get(field.partition("[")[0].partition(".")[0]) or field


def manners_of(contracts: Sequence[CompatContract]) -> Callable[[str], Manner]:
    """The manner in which an error at a path is told: its contract's, or that of /v1."""
    by_name = {contract.name: contract.manner for contract in contracts}

    def manner_at(path: str) -> Manner:
        match path.split("/", 3):
            case ["", "compat", name, *_]:
                return by_name.get(name, problem_of)
        return problem_of

    return manner_at
