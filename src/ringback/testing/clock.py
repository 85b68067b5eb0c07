"""A clock that a test moves by hand, and chance that it seeds. Never reads the machine's."""

import random

from ringback.model.ids import RANDOM_BYTES, random_part, time_part


class ManualClock:
    """Both clocks stand still until `pass_s` moves them together or `jump_ms` moves the wall clock alone."""

    def __init__(self, now_ms: int = 1_700_000_000_000, seed: int = 0) -> None:
        self.wall_ms = now_ms
        self.boot_s = 1_000.0
        self._random = random.Random(seed)  # noqa: S311 - chance that a test can repeat

    def now_ms(self) -> int:
        return self.wall_ms

    def boottime_s(self) -> float:
        return self.boot_s

    def chance(self) -> float:
        return self._random.random()

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{time_part(self.wall_ms)}{random_part(self._random.randbytes(RANDOM_BYTES))}"

    def pass_s(self, seconds: float) -> None:
        """Time passes."""
        self.boot_s += seconds
        self.wall_ms += round(seconds * 1000)

    def jump_ms(self, milliseconds: int) -> None:
        """Somebody sets the wall clock."""
        self.wall_ms += milliseconds
