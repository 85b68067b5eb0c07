"""What those who only look at a tenant's webhooks don't see of a request: what its owner put into it of their own.

Values of headers that neither HTTP nor the profile has, and of the query, may be secrets of the receiver's. The names
stay.
"""

import json
from collections.abc import Collection, Iterable
from typing import Final

from ringback.console.page import Page
from ringback.console.run_shown import headers_of
from ringback.console.signing import HIDDEN, contract_named, header_name
from ringback.control.samples import Preview
from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint

_OF_HTTP: Final = frozenset(
    (
        "accept", "accept-encoding", "content-encoding", "content-length", "content-type", "host", "traceparent",
        "tracestate", "user-agent",
    )
)  # fmt: skip


def veiled_run(page: Page, run: Attempt) -> Attempt:
    """A run as whoever asks may see it."""
    if page.may_change:
        return run
    contract = contract_named(page, run.profile_name or "")
    headers = veiled_headers(headers_of(run.request_headers), contract.header_names if contract else ())
    return run._replace(url=veiled_url(run.url), request_headers=json.dumps(headers).encode())


def preview_shown(page: Page, endpoint: Endpoint, preview: Preview) -> Preview:
    """A preview for whoever asks: to viewers no signature either, which the secret made just now."""
    if page.may_change:
        return preview
    contract = contract_named(page, endpoint.profile)
    signature = header_name(contract) if contract and contract.signing else None
    headers = veiled_headers(preview.headers, contract.header_names if contract else ())
    return preview._replace(
        url=veiled_url(preview.url),
        headers=[(one, HIDDEN if one == signature else value) for one, value in headers],
    )


def veiled_headers(headers: Iterable[tuple[str, str]], of_profile: Collection[str]) -> list[tuple[str, str]]:
    """`of_profile` are names in lower case."""
    plain = _OF_HTTP.union(of_profile)
    return [(name, value if name.lower() in plain else HIDDEN) for name, value in headers]


def veiled_url(url: str) -> str:
    """Without its query, if it has one."""
    path, asked, _ = url.partition("?")
    return f"{path}?{HIDDEN}" if asked else path
