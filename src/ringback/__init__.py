"""Ringback sends webhooks: signed, retried, in order if wanted, logged, and shown to the people on both sides.

The public names are few: `Client` talks to the API, `verify` checks a request that came in and raises
`VerificationFailed`, `read_profile` reads a contract of one's own for it. They are loaded when they are first used, so
that a receiver doesn't load the sender.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.client.client import Client
    from ringback.client.errors import ApiError, ClientError, Unreachable
    from ringback.client.receiver import VerificationFailed, Verified, read_profile, verify

__version__ = "0.1.0"
__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "Unreachable",
    "VerificationFailed",
    "Verified",
    "__version__",
    "read_profile",
    "verify",
]

_HOMES = {
    "ApiError": "errors",
    "Client": "client",
    "ClientError": "errors",
    "Unreachable": "errors",
    "VerificationFailed": "receiver",
    "Verified": "receiver",
    "read_profile": "receiver",
    "verify": "receiver",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value: object = getattr(import_module(f"ringback.client.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
