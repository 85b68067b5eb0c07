"""Endpoints prepared for sending, as the directory does it, for tests that have no registry of profiles."""

from collections.abc import Iterable

from ringback import outgoing
from ringback.model.endpoint import Endpoint, Secret
from ringback.wire.profile import load_profile


def prepare(endpoint: Endpoint, secrets: Iterable[Secret]) -> outgoing.Target:
    """A target with the contract that comes with Ringback."""
    return outgoing.prepare(endpoint, secrets, load_profile(endpoint.profile))
