"""What is stored of a password: argon2id, of the letters however they were typed."""

import re

import pytest
from argon2 import PasswordHasher

from ringback.model.password import Fit
from ringback.vault import passwords as module
from ringback.vault.passwords import Argon2Passwords

FITS, WRONG = Fit(fits=True, stale=False), Fit(fits=False, stale=False)


@pytest.fixture(scope="module")
def passwords() -> Argon2Passwords:
    return Argon2Passwords()


def test_a_password_fits_its_hash_alone(passwords: Argon2Passwords) -> None:
    hashed = passwords.hash("caf\u00e9 au lait")
    assert re.fullmatch(r"\$argon2id\$v=19\$m=65536,t=3,p=1\$[^$]{22}\$[^$]{43}", hashed)
    assert passwords.fits("cafe\u0301 au lait", hashed) == FITS
    assert passwords.fits("cafe au lait", hashed) == WRONG


def test_nobodys_hash_is_made_as_others_are_and_fits_nothing(passwords: Argon2Passwords) -> None:
    assert passwords.fits("anything", None) == WRONG
    assert not module._HASHER.check_needs_rehash(module._NOBODYS)


def test_a_hash_of_other_costs_fits_and_is_stale(passwords: Argon2Passwords) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("secret words")
    assert passwords.fits("secret words", cheap) == Fit(fits=True, stale=True)
    assert passwords.fits("other words", cheap) == WRONG


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$broken", "$2b$12$abcdefghijklmnopqrstuv"])
def test_what_is_no_hash_fits_nothing(passwords: Argon2Passwords, hashed: str) -> None:
    assert passwords.fits("plain", hashed) == WRONG
