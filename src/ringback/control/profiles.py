"""Profiles: list and show all that there are; put and delete those of the API.

A profile is checked before it is stored, by the same check that loads it, and one that is in use is replaced only by
one that the endpoints using it can live with: with their signatures, of the same kind of secret, and without their own
headers. Every write is followed by `notify`: in this process the next request is made by what was written, in others
within a second. The names of built-in profiles and of the operator's files are not to be had.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.contracts import check_fit, takes_the_same_secrets
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.model.endpoint import Endpoint
from ringback.model.errors import Conflict, FieldError, Invalid, NoRoomLeft, NotFound
from ringback.model.limits import PROFILE_NAME_CHARS_MAX, PROFILES_MAX
from ringback.model.profile import StoredProfile
from ringback.profile_files import line_of, what_is_too_long
from ringback.profiles import Known, Origin, Registry
from ringback.store.port import Profiles
from ringback.wire.contract import Contract
from ringback.wire.profile import ProfileError, check_profile

READ_AT_ONCE: Final = 200
USERS_SHOWN_MAX: Final = 50
_LIST: Final = "profiles"
_RESERVED: Final = {
    Origin.BUILT_IN: "comes with Ringback",
    Origin.FILE: "is a file in the server's data directory",
}


class ProfileStore(Profiles, Protocol):
    """What these use cases need of a store."""


class Written(NamedTuple):
    """A profile as it is now, and whether it is new."""

    profile: Known
    created: bool


class Users(NamedTuple):
    """Who has a profile: endpoints, and tenants whose endpoints have it by default; by id."""

    endpoints: Sequence[Endpoint]
    tenants: Sequence[str]


class ProfileUseCases:
    """What can be done with profiles."""

    def __init__(
        self,
        store: ProfileStore,
        clock: Clock,
        profiles: Registry,
        notify: Callable[[], None],
        profiles_max: int = PROFILES_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._profiles = profiles
        self._notify = notify
        self._profiles_max = profiles_max

    def put(self, name: str, text: str) -> Written:
        """Add a profile, or replace it whole. Raises Invalid, Conflict, OverQuota."""
        contract = _checked(name, text)
        self._check_not_reserved(name)
        self._check_users(name, contract)
        now = self._clock.now_ms()
        wanted = StoredProfile(name, text, contract.version, now, now)
        stored = self._store.put_profile(wanted, self._profiles_max)
        if stored is None:
            raise NoRoomLeft(
                f"There are {self._profiles_max} profiles already. Delete one first.", code="profile_quota"
            )
        self._notify()
        return Written(Known(name, Origin.API, contract, stored), stored.revision == 1)

    def get(self, name: str) -> Known:
        """Raises NotFound."""
        known = self._profiles.find(name) if _may_be_name(name) else None
        if known is None:
            raise _unknown_profile()
        return known

    def users(self, name: str) -> Users:
        """The first that have it; of `standard`, which most have, none. Raises NotFound."""
        self.get(name)
        endpoints = self._store.endpoints_of_profile(name, None, USERS_SHOWN_MAX)
        return Users(endpoints, self._store.tenants_of_profile(name, USERS_SHOWN_MAX))

    def list(self, page: PageRequest) -> Page[Known]:
        """All that there are, by name. Raises Invalid."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        later = [known for known in self._profiles.all() if after is None or known.name > after]
        return page_of(_LIST, later, limit, lambda known: known.name)

    def delete(self, name: str) -> None:
        """Raises NotFound, and Conflict while an endpoint or a tenant has it."""
        self.get(name)
        self._check_not_reserved(name)
        for endpoint in self._store.endpoints_of_profile(name, None, 1):
            raise _in_use(f"The endpoint {endpoint.id} of the tenant {endpoint.tenant_id} has the profile {name}.")
        for tenant_id in self._store.tenants_of_profile(name, 1):
            raise _in_use(f"The endpoints of the tenant {tenant_id} have the profile {name} by default.")
        if not self._store.delete_profile(name):
            raise _unknown_profile()
        self._notify()

    def _check_not_reserved(self, name: str) -> None:
        known = self._profiles.find(name)
        if known is not None and known.origin is not Origin.API:
            raise Conflict(
                f"The profile {name} {_RESERVED[known.origin]}: it can't be changed here. Give yours another name.",
                code="profile_reserved",
            )

    def _check_users(self, name: str, contract: Contract) -> None:
        """Whether every endpoint that has the profile can live with what it is to become. Raises Conflict."""
        before = self._profiles.of(name)
        for endpoint in self._users(name):
            if trouble := _trouble(endpoint, before, contract):
                raise _in_use(
                    f"The endpoint {endpoint.id} of the tenant {endpoint.tenant_id} has the profile {name} and could "
                    f"not live with this one: {trouble}."
                )

    def _users(self, name: str) -> Iterator[Endpoint]:
        after = None
        while True:
            page = self._store.endpoints_of_profile(name, after, READ_AT_ONCE)
            yield from page
            if len(page) < READ_AT_ONCE:
                return
            after = page[-1].id


def _trouble(endpoint: Endpoint, before: Contract | None, after: Contract) -> str | None:
    """Why an endpoint could not be spoken to any more; None: it could."""
    findings = Findings()
    check_fit(findings, endpoint, after)
    for field, message in findings.found:
        return f"its {field} {message}"
    signature = endpoint.signature
    if before is None or not before.offers(signature) or takes_the_same_secrets(before, after, signature):
        return None
    return f"its signature {endpoint.signature} needs another kind of secret"


def _checked(name: str, text: str) -> Contract:
    """The contract of a text. Raises Invalid, which names the key."""
    if not _may_be_name(name):
        message = f"must be a-z, 0-9 and single hyphens, at most {PROFILE_NAME_CHARS_MAX} long"
        raise Invalid(f"name {message}.", [FieldError("name", message)])
    if too_long := what_is_too_long(text):
        raise Invalid(f"toml {too_long}.", [FieldError("toml", too_long)])
    try:
        return check_profile(text, name)
    except ProfileError as error:
        line = line_of(error)
        message = error.message if line is None else f"{error.message} (line {line})"
        raise Invalid(f"{error.key} {message}.", [FieldError(error.key, message)]) from None


def _may_be_name(name: str) -> bool:
    return len(name) <= PROFILE_NAME_CHARS_MAX and name.isascii() and name.isprintable()


def _in_use(detail: str) -> Conflict:
    return Conflict(f"{detail} Nothing was changed.", code="profile_in_use")


def _unknown_profile() -> NotFound:
    return NotFound("There is no such profile.")
