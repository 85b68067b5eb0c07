"""What all routes have in common that bring something to the ingest writer: whom they ask, and what they count by."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from ringback.api.auth import Authenticator, Principal
from ringback.api.writer_queue import WriterQueue
from ringback.ingest.quotas import Quota, no_quota
from ringback.observe.meters import RequestMeter
from ringback.observe.traces import TraceAccept


class Door(NamedTuple):
    """`trace` is asked for a request's span (None: nobody traces), `quota_of` for a tenant's quota."""

    queue: WriterQueue
    authenticator: Authenticator
    meter: RequestMeter
    trace: TraceAccept | None = None
    quota_of: Callable[[str], Quota | None] = no_quota

    async def principal(self, header: bytes | None) -> Principal:
        """Who calls, by the value of an Authorization header, where the store may have to be asked. Raises NoKey."""
        known = self.authenticator.cached(header)
        return known if known is not None else await asyncio.to_thread(self.authenticator.authenticate, header)
