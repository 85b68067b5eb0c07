"""Passwords that are hashed in no time, for whatever is not about hashing."""

from ringback.model.password import Fit


class PlainPasswords:
    """`control.passwords.Passwords`. `compared` are the hashes that passwords were held against; one that begins with
    `old ` is stale."""

    def __init__(self) -> None:
        self.compared: list[str | None] = []

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def fits(self, password: str, hashed: str | None) -> Fit:
        self.compared.append(hashed)
        fits = hashed is not None and hashed.removeprefix("old ") == self.hash(password)
        return Fit(fits, fits and hashed is not None and hashed.startswith("old "))
