"""The inspector: bins keep what is sent to them, answer as they are told, and say whether signatures fit.

A bin belongs to a tenant, whose people alone see it, or to the operators (no tenant). Whoever knows its address can
send to it, so everything is limited (`model.limits`): how many there are, how many requests each keeps, how much of
each, and how many a second are kept in all by this process; nothing is kept while the disk is nearly full. A bin
expires 24 hours after it was made, changed, or sent to last. Signatures are checked with what a receiver checks them
with (`wire.verify`), against the time at which the request came. Never shows a secret.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.control.bin_fields import BinFields, checked_fields
from ringback.control.paging import Page, PageRequest, checked_limit, decode_number_cursor, page_of
from ringback.model.console import Bin, BinRequest
from ringback.model.errors import NoRoomLeft, NotFound, OverQuota
from ringback.model.ids import looks_made
from ringback.model.limits import (
    BIN_BODY_KEPT_BYTES_MAX,
    BIN_HEADERS_KEPT_BYTES_MAX,
    BIN_KEPT_HOURS,
    BIN_REQUESTS_KEPT_MAX,
    BIN_REQUESTS_PER_SECOND_MAX,
    BINS_MAX,
    BINS_PER_TENANT_MAX,
)
from ringback.policy.quota import full, refilled, taken, wait_s
from ringback.profiles import Registry
from ringback.store.port import Bins
from ringback.wire.contract import Contract
from ringback.wire.handshake_answer import HandshakeAnswer, answer_to
from ringback.wire.verify import VerificationFailed, verify

KEPT_MS: Final = BIN_KEPT_HOURS * 3_600_000
PREFIX: Final = "bin_"
_LIST: Final = "bin-requests"
_WITHOUT_BODY: Final = frozenset({204, 304})


class Arrived(NamedTuple):
    """A request as it came to a bin. `path` has the query with it; `headers` are in their order and case. `cut`: the
    body had more than this."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    remote_address: str
    cut: bool = False


class BinAnswer(NamedTuple):
    """What to answer, `delay_s` seconds from now."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    delay_s: float


class Verdict(NamedTuple):
    """Whether a request's signature fits the bin's secret; None: that can't be told. `why` says why not, or why it
    can't be told; "" where it fits. `code` is that of `wire.verify`, "" elsewhere."""

    verified: bool | None
    why: str
    code: str = ""


class BinUseCases:
    """What can be done with bins. `tenant_id` says whose people ask: None for operators, who see all. `admit` raises
    what speaks against keeping anything now."""

    def __init__(self, store: Bins, clock: Clock, profiles: Registry, admit: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._clock = clock
        self._profiles = profiles
        self._admit = admit
        self._lock = threading.Lock()
        self._bucket = full(BIN_REQUESTS_PER_SECOND_MAX, clock.boottime_s())

    # ── for whoever has signed in ────────────────────────────────────────────────────────────────────────────

    def create(self, tenant_id: str | None, fields: BinFields) -> Bin:
        """Make a bin. Raises Invalid, OverQuota (`bin_quota`)."""
        wanted = checked_fields(fields, None, self._profiles)
        now = self._clock.now_ms()
        made = wanted._replace(
            id=self._clock.new_id("bin"), tenant_id=tenant_id, created_at=now, expires_at=now + KEPT_MS
        )
        of_tenant_max = BINS_MAX if tenant_id is None else BINS_PER_TENANT_MAX
        if not self._store.create_bin(made, BINS_MAX, of_tenant_max):
            raise NoRoomLeft(
                f"There are {of_tenant_max} bins already, or {BINS_MAX} in all. Delete one you don't need, or wait "
                f"until one expires: {BIN_KEPT_HOURS} hours after it was used last.",
                code="bin_quota",
            )
        return made

    def list(self, tenant_id: str | None) -> Sequence[Bin]:
        """Those of a tenant, or everybody's for operators; newest first, at most BINS_MAX."""
        found = self._store.list_bins(self._clock.now_ms())
        return [one for one in found if tenant_id in (None, one.tenant_id)]

    def get(self, tenant_id: str | None, bin_id: str) -> Bin:
        """Raises NotFound, for what has expired and for what is somebody else's too."""
        found = self._store.get_bin(bin_id, self._clock.now_ms()) if _is_id(bin_id) else None
        if found is None or tenant_id not in (None, found.tenant_id):
            raise _unknown_bin()
        return found

    def change(self, tenant_id: str | None, bin_id: str, fields: BinFields) -> Bin:
        """Replace what it answers, its label and what signatures are checked with. Raises NotFound, Invalid."""
        changed = checked_fields(fields, self.get(tenant_id, bin_id), self._profiles)
        changed = changed._replace(expires_at=self._clock.now_ms() + KEPT_MS)
        if not self._store.change_bin(changed):
            raise _unknown_bin()
        return changed

    def delete(self, tenant_id: str | None, bin_id: str) -> None:
        """With what it has kept. Raises NotFound."""
        self.get(tenant_id, bin_id)
        if not self._store.delete_bin(bin_id):
            raise _unknown_bin()

    def profile_names(self) -> Sequence[str]:
        """By which contracts signatures can be checked."""
        return self._profiles.names()

    def requests(self, tenant_id: str | None, bin_id: str, page: PageRequest) -> Page[BinRequest]:
        """What a bin has kept, newest first. Raises NotFound, Invalid."""
        limit = checked_limit(page.limit)
        before = decode_number_cursor(_LIST, page.cursor)
        self.get(tenant_id, bin_id)
        rows = self._store.list_bin_requests(bin_id, before, limit + 1)
        return page_of(_LIST, rows, limit, lambda one: str(one.number))

    def request(self, tenant_id: str | None, bin_id: str, number: int) -> BinRequest:
        """One of them. Raises NotFound."""
        self.get(tenant_id, bin_id)
        found = self._store.list_bin_requests(bin_id, number + 1, 1) if 0 < number < 1 << 62 else ()
        if not found or found[0].number != number:
            raise NotFound("The bin has no such request, or does not keep it any more.")
        return found[0]

    def checked(self, one: Bin, request: BinRequest) -> Verdict:
        """Whether a request that the bin has kept is signed as the bin's profile says, with its secret."""
        contract = self._profiles.of(one.profile) if one.profile is not None else None
        if contract is None:
            missing = f"the profile {one.profile} is not there any more" if one.profile else "the bin has no profile"
            return Verdict(None, f"Not checked: {missing}.")
        headers = headers_of(request)
        if answer_to(contract, request.method, request.path, headers, request.body) is not None:
            return Verdict(None, "A handshake, which is never signed. The bin has answered it.")
        if why := _obstacle(one, request, contract):
            return Verdict(None, f"Not checked: {why}.")
        try:
            verify(headers, request.body, one.secret or "", request.at / 1_000, contract=contract)
        except VerificationFailed as error:
            return Verdict(False, error.detail, error.code)
        return Verdict(True, "")

    # ── for whoever sends ────────────────────────────────────────────────────────────────────────────────────

    def keep(self, bin_id: str, arrived: Arrived) -> BinAnswer:
        """Keep a request and say what to answer. Raises NotFound, OverQuota (`bin_rate`), and what `admit` does."""
        if not _is_id(bin_id):
            raise _unknown_bin()
        self._take_turn()
        self._admit()
        now = self._clock.now_ms()
        one = self._store.get_bin(bin_id, now)
        if one is None:
            raise _unknown_bin()
        number = self._store.keep_request(_kept(bin_id, now, arrived), BIN_REQUESTS_KEPT_MAX, now + KEPT_MS)
        if number is None:
            raise _unknown_bin()
        return self._answer(one, arrived)

    def _answer(self, one: Bin, arrived: Arrived) -> BinAnswer:
        """The answer to a handshake if it is one, as late and with the same headers as any other."""
        usual = list(msgspec.json.decode(one.headers, type=dict[str, str]).items())
        proof = self._proof(one, arrived)
        if proof is None:
            body = b"" if one.status in _WITHOUT_BODY else one.body
            return BinAnswer(one.status, usual, body, one.delay_ms / 1_000)
        names = {name.lower() for name, _ in proof.headers}
        headers = [*proof.headers, *(pair for pair in usual if pair[0].lower() not in names)]
        return BinAnswer(200, headers, proof.body, one.delay_ms / 1_000)

    def _proof(self, one: Bin, arrived: Arrived) -> HandshakeAnswer | None:
        contract = self._profiles.of(one.profile) if one.profile is not None else None
        if contract is None:
            return None
        return answer_to(contract, arrived.method, arrived.path, arrived.headers, arrived.body)

    def _take_turn(self) -> None:
        rate = BIN_REQUESTS_PER_SECOND_MAX
        with self._lock:
            bucket = refilled(self._bucket, rate, self._clock.boottime_s())
            wait = wait_s(bucket, 1, rate)
            self._bucket = bucket if wait else taken(bucket, 1)
        if wait:
            raise OverQuota(
                f"Bins keep {rate} requests a second at most, all of them together. This one was not kept.",
                code="bin_rate",
            )


def _obstacle(one: Bin, request: BinRequest, contract: Contract) -> str:
    """Why a signature can't be checked; "": it can."""
    if contract.signing is None:
        return f"requests of the profile {contract.name} are not signed"
    if one.unreadable:
        return "the bin's secret can't be read with the master key; set it again"
    if one.secret is None:
        return "the bin has no secret"
    return "the bin has kept only the beginning of the request" if request.truncated else ""


def headers_of(request: BinRequest) -> list[tuple[str, str]]:
    """The headers of a request that was kept, as they came."""
    return msgspec.json.decode(request.headers, type=list[tuple[str, str]])


def _kept(bin_id: str, now: int, arrived: Arrived) -> BinRequest:
    """The request as far as it is kept. A store takes no NUL in a text."""
    headers, size = [], 0
    for name, value in arrived.headers:
        size += len(name) + len(value)
        if size > BIN_HEADERS_KEPT_BYTES_MAX:
            break
        headers.append((name, value))
    path = arrived.path.replace("\0", "\ufffd")
    cut_path = path[:BIN_HEADERS_KEPT_BYTES_MAX]
    body = arrived.body[:BIN_BODY_KEPT_BYTES_MAX]
    whole = len(headers) == len(arrived.headers) and cut_path == path and body == arrived.body
    return BinRequest(
        bin_id=bin_id,
        number=0,
        at=now,
        method=arrived.method,
        path=cut_path,
        headers=msgspec.json.encode(headers).decode(),
        body=body,
        truncated=arrived.cut or not whole,
        remote_address=arrived.remote_address,
    )


def _is_id(text: str) -> bool:
    """Whether it can be a bin's: what can't is not looked for."""
    return text.startswith(PREFIX) and looks_made(text)


def _unknown_bin() -> NotFound:
    return NotFound("There is no such bin, or it has expired.", code="no_such_bin")
