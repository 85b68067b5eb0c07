"""Spacing requests to a rate: the generic cell rate algorithm with a small tolerance (ITU-T I.371).

Pure: the state is one float, the moment from which the next request conforms. The tolerance lets a late thread catch
up with 50 ms of requests, never more, so that any second sees at most rate + rate/20 + 1 of them.
"""

from typing import Final

TOLERANCE_S: Final = 0.05


def wait_s(conforms_at_s: float, now_s: float) -> float:
    """How long to wait until a request conforms; 0 or less: now."""
    return conforms_at_s - TOLERANCE_S - now_s


def after_request(conforms_at_s: float, now_s: float, rate_per_second: float) -> float:
    """The state after a request at `now_s`. `rate_per_second` > 0."""
    interval = 1.0 / rate_per_second
    if interval > TOLERANCE_S:
        # Slower than the tolerance: evenly spaced, nothing to catch up with.
        return max(conforms_at_s - TOLERANCE_S, now_s) + interval + TOLERANCE_S
    return max(conforms_at_s, now_s) + interval
