"""A tenant's events a second: a bucket of tokens that may be overdrawn.

Pure: the state is a level and the moment at which it held. A bucket fills at its rate up to one second's worth (one
token at least). A request takes as many tokens as it has events; it is let in when the bucket has that many or is full,
so that a batch larger than the bucket passes, and is paid for afterwards by waiting.
"""

from typing import NamedTuple

# What floats lose in additions must not make a wait too short that was computed to be long enough.
_TOLERANCE = 1e-6


class Bucket(NamedTuple):
    """`level` tokens at `at_s`; negative while a large batch is being paid for."""

    level: float
    at_s: float


def burst(rate_per_second: float) -> float:
    """How many tokens a full bucket has."""
    return max(rate_per_second, 1.0)


def full(rate_per_second: float, now_s: float) -> Bucket:
    """A bucket at its beginning."""
    return Bucket(burst(rate_per_second), now_s)


def refilled(bucket: Bucket, rate_per_second: float, now_s: float) -> Bucket:
    """The same bucket at `now_s`, which is not before `at_s`."""
    level = bucket.level + max(0.0, now_s - bucket.at_s) * rate_per_second
    return Bucket(min(level, burst(rate_per_second)), now_s)


def wait_s(bucket: Bucket, count: int, rate_per_second: float) -> float:
    """How long to wait, from `at_s` on, until `count` events are let in if nobody comes before; 0: now."""
    missing = min(float(count), burst(rate_per_second)) - bucket.level
    return missing / rate_per_second if missing > _TOLERANCE else 0.0


def taken(bucket: Bucket, count: int) -> Bucket:
    """The bucket after `count` events were let in; with a negative count after they were refused elsewhere."""
    return Bucket(bucket.level - count, bucket.at_s)
