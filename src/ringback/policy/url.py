"""Which URLs an endpoint may have, and their one normal form. Used on save and again before every connection.

One parser, stricter than RFC 3986: what it takes is stored in a normal form, and the normal form must parse to itself,
so that libcurl can't read anything else out of it. Hosts are names (international ones as A-labels, IDNA 2008) or
IP addresses in their only canonical spelling: `127.1`, `0x7f.1`, `0177.0.0.1`, `2130706433` and digits of other
scripts, which the system's resolver takes for addresses, are refused.

Never resolves names: what a name leads to is `policy.address`'s decision, at the moment of dialling. A refusal says
what to change; its codes are in `UrlRefused`.
"""

import re
import unicodedata
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

import idna

from ringback.model.limits import URL_CHARS_MAX
from ringback.policy.address import Allowed, UrlRules, is_allowed, range_refusal, special_range
from ringback.policy.port import port_refusal

__all__ = [
    "AcceptedUrl",
    "Allowed",
    "UrlRefused",
    "UrlRules",
    "accept_url",
    "append_query",
    "is_local_name",
    "is_private_host",
]

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([^:]*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_CANONICAL_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
# A last label that the system's resolver would read as a number (WHATWG: "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TARGET = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%[0-9A-Fa-f]{2})*")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_HOST_CHARS_MAX: Final = 253

# What to do about a refusal that only the operator's rules make, for whoever saves the URL.
_PUBLIC: Final = "Use https on a public address"
_OPENED: Final = (
    f"{_PUBLIC}. For a receiver in your own network the operator starts the server with --allow CIDR:PORT (that one "
    "alone) or --allow-private (all of them, for development)."
)
_HTTP_OPENED: Final = (
    "Use https. For a receiver in your own network the operator starts the server with --allow CIDR:PORT (that one "
    "alone) or --allow-private (all of them, for development); --allow-http is for http on public addresses."
)
_PORT_OPENED: Final = "For a receiver that has no other port the operator starts the server with --allow CIDR:PORT."
_ALL_PRIVATE: Final = UrlRules(allow_private=True)


class UrlRefused(ValueError):
    """A URL that is not accepted. `message` is a sentence for whoever typed it, `remedy` says what to do; may be "".

    Codes: `url_malformed`, `url_too_long`, `scheme_not_allowed`, `host_not_allowed`, `port_not_allowed`,
    `address_not_allowed`.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class AcceptedUrl(NamedTuple):
    """A URL in normal form. `host` has no brackets; `address` is the host when that is an IP address, else None.

    `origin` is `scheme://host[:port]` without the scheme's own port: when it changes, credentials are cleared.
    """

    url: str
    scheme: str
    host: str
    port: int
    origin: str
    address: str | None


def accept_url(text: str, rules: UrlRules, chars_max: int = URL_CHARS_MAX) -> AcceptedUrl:
    """The normal form of `text`. Raises UrlRefused when it is no URL, or none that `rules` let us send to."""
    if len(text) > chars_max:
        raise UrlRefused("url_too_long", f"The URL is longer than {chars_max} characters.")
    accepted = _parse(text)
    if accepted.url != text and _parse(accepted.url) != accepted:
        raise UrlRefused("url_malformed", "The URL can be read in more than one way.")
    _check_rules(accepted, rules)
    return accepted


def append_query(url: str, query: str) -> str:
    """`url` with the endpoint's own `query` after what query it has. The result still has to be accepted."""
    query = query.lstrip("?&")
    if not query:
        return url
    if "?" not in url:
        return f"{url}?{query}"
    return f"{url}{query}" if url.endswith(("?", "&")) else f"{url}&{query}"


def _parse(text: str) -> AcceptedUrl:
    _check_characters(text)
    scheme_match = _SCHEME.match(text)
    if scheme_match is None:
        raise UrlRefused("url_malformed", "The URL must begin with https://.")
    scheme = scheme_match[1].lower()
    if scheme not in DEFAULT_PORTS:
        raise UrlRefused("scheme_not_allowed", f"The URL must begin with https://, not {scheme}://.")
    rest = text[scheme_match.end() :]
    authority_end = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
    host, address, port = _authority(rest[:authority_end], DEFAULT_PORTS[scheme])
    target = _target(rest[authority_end:])
    shown_host = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{shown_host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{shown_host}:{port}"
    return AcceptedUrl(origin + target, scheme, host, port, origin, address)


def _check_characters(text: str) -> None:
    for character in text:
        if character.isspace() or not character.isprintable():
            raise UrlRefused("url_malformed", "The URL contains white space or a control character.")
    if "\\" in text:
        raise UrlRefused("url_malformed", "The URL contains a backslash.")
    if "#" in text:
        raise UrlRefused("url_malformed", "The URL has a fragment (#…), which is never sent; leave it out.")


def _authority(authority: str, default_port: int) -> tuple[str, str | None, int]:
    if "@" in authority:
        raise UrlRefused("url_malformed", "The URL carries a user name or password; use the endpoint's auth instead.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlRefused("url_malformed", "The URL's host and port can't be read.")
    host_text, port_text = match[1], match[2]
    host, address = _ipv6(host_text[1:-1]) if host_text.startswith("[") else _name_or_ipv4(host_text)
    if port_text is None:
        return host, address, default_port
    if not _PORT.fullmatch(port_text) or int(port_text) > 65_535:
        raise UrlRefused("port_not_allowed", "The URL's port must be a number from 1 to 65535.")
    return host, address, int(port_text)


def _ipv6(text: str) -> tuple[str, str]:
    try:
        if "%" in text:
            raise UrlRefused("host_not_allowed", "The URL's IPv6 address has a zone id.")
        canonical = str(IPv6Address(text))
    except ValueError as error:
        if isinstance(error, UrlRefused):
            raise
        raise UrlRefused("host_not_allowed", "The URL's host is in brackets but is no IPv6 address.") from None
    if text != canonical:
        raise UrlRefused("host_not_allowed", f"Write the IPv6 address as [{canonical}].")
    return canonical, canonical


def _name_or_ipv4(text: str) -> tuple[str, str | None]:
    if not text:
        raise UrlRefused("host_not_allowed", "The URL has no host.")
    if _CANONICAL_IPV4.fullmatch(text):
        return text, text
    name = _a_labels(text.lower())
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise UrlRefused("host_not_allowed", "Write the IPv4 address as four decimal numbers, such as 192.0.2.7.")
    if len(name) > _HOST_CHARS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("host_not_allowed", "The URL's host is not a valid name.")
    return name, None


def _a_labels(name: str) -> str:
    if name.isascii() and "xn--" not in name:
        return name
    try:
        if unicodedata.normalize("NFKC", name) != name:
            raise UrlRefused("host_not_allowed", "The URL's host has characters that only look like letters or digits.")
        # Encoded even when it is ASCII: an A-label must be the one that its own U-label gives.
        return idna.encode(idna.decode(name) if name.isascii() else name).decode("ascii")
    except idna.IDNAError:
        raise UrlRefused("host_not_allowed", "The URL's host is not a valid international name.") from None


def _target(text: str) -> str:
    """Path and query as they go into the request line: outside ASCII percent-encoded, with hex digits in capitals."""
    encoded = "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)
    if not _TARGET.fullmatch(encoded):
        raise UrlRefused(
            "url_malformed", "The URL has characters that must be percent-encoded, or a % without two digits."
        )
    normal = _PERCENT.sub(lambda match: match[0].upper(), encoded)
    return normal if normal.startswith("/") else f"/{normal}"


def _check_rules(accepted: AcceptedUrl, rules: UrlRules) -> None:
    scheme, host, port = accepted.scheme, accepted.host, accepted.port
    if rules.allow_private and accepted.address is None:
        return
    if accepted.address is not None:
        _check_address(accepted.address, scheme, port, rules)
        return
    # What the operator opened by CIDR:PORT is known by address only, so a name passes here and is decided on dialling.
    if any(entry.port in (None, port) for entry in rules.allowed):
        return
    if is_local_name(host) or "." not in host:
        raise UrlRefused("host_not_allowed", f"{host} is not a public host name.", _OPENED)
    _check_scheme_and_port(scheme, port, rules)


def _check_address(address: str, scheme: str, port: int, rules: UrlRules) -> None:
    if is_allowed(ip_address(address), port, rules):
        return
    reason = range_refusal(ip_address(address), rules)
    if reason is not None:
        private = range_refusal(ip_address(address), _ALL_PRIVATE) is None
        raise UrlRefused("address_not_allowed", reason, _OPENED if private else f"{_PUBLIC}.")
    if rules.allow_private:
        return
    _check_scheme_and_port(scheme, port, rules)


def _check_scheme_and_port(scheme: str, port: int, rules: UrlRules) -> None:
    if scheme == "http" and not rules.allow_http:
        raise UrlRefused("scheme_not_allowed", "The URL must begin with https://.", _HTTP_OPENED)
    reason = port_refusal(port, scheme)
    if reason is not None:
        raise UrlRefused("port_not_allowed", reason, _PORT_OPENED)


def is_private_host(url: str) -> bool:
    """Whether an accepted URL is on this machine or in a private network by its looks: nobody but the operator can have
    let it in."""
    accepted = _parse(url)
    if accepted.address is not None:
        return special_range(ip_address(accepted.address)) is not None
    return is_local_name(accepted.host) or "." not in accepted.host


def is_local_name(host: str) -> bool:
    """Whether a name always means this machine (RFC 6761 section 6.3)."""
    return host in ("localhost", "localhost.localdomain") or host.endswith(".localhost")
