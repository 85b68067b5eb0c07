"""Where requests go: URLs taken apart once, and what is known of each origin (scheme, host and port).

A name's addresses are given to libcurl as a pin. Pins live in the multi handle and stay until they are removed, so each
carries the order to remove its forerunner, and a handle that has not loaded an origin's present pin loads it before
its request. Nothing here does I/O.
"""

from typing import Final, NamedTuple

from ringback.engine.resolver import Answer
from ringback.model.limits import URL_CHARS_MAX
from ringback.policy.address import UrlRules, refusal
from ringback.policy.url import accept_url

_URLS_KEPT_MAX: Final = 100_000
_ORIGINS_KEPT_MAX: Final = 20_000
# All of an answer's addresses are checked; this many are tried.
_ADDRESSES_PINNED_MAX: Final = 8


class Pin:
    """Lines for libcurl's RESOLVE. Compared by identity: a changed answer is a new pin."""

    __slots__ = ("addresses", "lines")

    def __init__(self, addresses: tuple[str, ...], lines: list[str]) -> None:
        self.addresses = addresses
        self.lines = lines


class Origin:
    """One scheme, host and port. `address` is the host when that is an IP address; then there is never a pin."""

    __slots__ = ("address", "fresh_until_s", "host", "pin", "pin_until_s", "port", "scheme")

    def __init__(self, scheme: str, host: str, port: int, address: str | None) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.address = address
        self.pin: Pin | None = None
        self.pin_until_s = float("inf") if address is not None else float("-inf")
        # Until when each request gets a connection of its own, since this receiver closes kept ones without answering.
        self.fresh_until_s = float("-inf")


class Destination(NamedTuple):
    """An accepted URL in normal form, and its origin."""

    url: str
    origin: Origin


class Origins:
    """Accepts URLs and pins names; remembers both, within limits."""

    def __init__(self, rules: UrlRules) -> None:
        self._rules = rules
        self._by_url: dict[str, Destination] = {}
        self._origins: dict[str, Origin] = {}
        self._unpin: set[str] = set()

    def destination(self, url: str) -> Destination:
        """Where `url` leads. Raises UrlRefused when the rules of today don't allow it."""
        known = self._by_url.get(url)
        if known is not None:
            return known
        # The endpoint's own query has been appended, so it may be longer than a URL that is saved.
        accepted = accept_url(url, self._rules, chars_max=4 * URL_CHARS_MAX)
        origin = self._origins.get(accepted.origin)
        if origin is None:
            if len(self._origins) >= _ORIGINS_KEPT_MAX:
                self._drop_oldest()
            origin = Origin(accepted.scheme, accepted.host, accepted.port, accepted.address)
            self._origins[accepted.origin] = origin
        if len(self._by_url) >= _URLS_KEPT_MAX:
            self._by_url.clear()
        destination = Destination(url if accepted.url == url else accepted.url, origin)
        self._by_url[url] = destination
        return destination

    def pin(self, origin: Origin, answer: Answer) -> str | None:
        """Pin the name's addresses; or why not, in a sentence: one address that is refused refuses the name."""
        for address in answer.addresses:
            reason = refusal(address, origin.port, self._rules, origin.scheme)
            if reason is not None:
                return reason
        origin.pin_until_s = answer.expires_s
        if origin.pin is None or origin.pin.addresses != answer.addresses:
            where = f"{origin.host}:{origin.port}"
            shown = (f"[{a}]" if ":" in a else a for a in answer.addresses[:_ADDRESSES_PINNED_MAX])
            origin.pin = Pin(answer.addresses, [f"-{where}", f"{where}:{','.join(shown)}"])
            self._unpin.discard(f"-{where}")
        return None

    def lines(self, pin: Pin) -> list[str]:
        """What a handle loads: the pin, and what to take out of libcurl's cache besides, once."""
        lines = [*self._unpin, *pin.lines]
        self._unpin.clear()
        return lines

    def _drop_oldest(self) -> None:
        origin = self._origins.pop(next(iter(self._origins)))
        self._by_url.clear()
        if origin.pin is not None:
            self._unpin.add(f"-{origin.host}:{origin.port}")
