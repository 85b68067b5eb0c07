"""The store in memory: the reference that others are compared with, and what the simulation runs on."""

from ringback.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
