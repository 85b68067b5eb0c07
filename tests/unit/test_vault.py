"""Sealing: what opens where, and what never opens. The form is checked by AES-GCM called here by hand as well."""

import base64
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.master_key import master_key
from ringback.testing.clock import ManualClock
from ringback.vault.sealing import Vault

OLD, NEW = master_key(b"o" * 32), master_key(b"n" * 32)
PLACE = ("secret", "sec_1", "ten_a", "ep_1")


def vault() -> Vault:
    return Vault([OLD], ManualClock().token_bytes)


@given(st.text(alphabet=st.characters(), max_size=200))
def test_what_is_sealed_opens_at_its_place(plain: str) -> None:
    box = vault()
    assert box.open(box.seal(plain, PLACE).text, PLACE) == plain


def test_the_form_is_the_one_that_is_written_down() -> None:
    sealed = vault().seal("whsec_abc", PLACE)
    version, key_id, encoded = sealed.text.split(".")
    box = base64.b64decode(encoded)
    bound = f"r1\0{OLD.id}\0secret\0sec_1\0ten_a\0ep_1".encode()
    assert (version, key_id, sealed.key_id) == ("r1", OLD.id, OLD.id)
    assert AESGCM(b"o" * 32).decrypt(box[:12], box[12:], bound) == b"whsec_abc"
    assert len(box) == 12 + len("whsec_abc") + 16


def test_the_same_value_is_never_sealed_alike() -> None:
    box = vault()
    assert len({box.seal("x", PLACE).text for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "place",
    [("endpoint", "sec_1", "ten_a", "ep_1"), ("secret", "sec_2", "ten_a", "ep_1"), ("secret", "sec_1", "ten_b", "ep_1"),
     ("secret", "sec_1", "ten_a", "ep_2"), ("secret", "sec_1", "ten_a"), ("secret", "sec_1", "ten_aep_1", "")],
)  # fmt: skip
def test_it_opens_nowhere_else(place: tuple[str, ...]) -> None:
    box = vault()
    assert box.open(box.seal("x", PLACE).text, place) is None


def test_no_changed_character_opens() -> None:
    box = vault()
    text = box.seal("whsec_abcd1", PLACE).text  # of a length that leaves base64 nothing to pad
    for at, was in enumerate(text):
        for other in set("A0.-") - {was}:
            assert box.open(text[:at] + other + text[at + 1 :], PLACE) is None


@pytest.mark.parametrize("text", ["", "r1", "r1.", f"r1.{OLD.id}.", f"r1.{OLD.id}.AAAA", f"r1.{OLD.id}.é", "whsec_abc"])
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    assert vault().open(text, PLACE) is None


def test_a_change_of_key_seals_with_the_new_one_and_opens_both() -> None:
    box = vault()
    before = box.seal("x", PLACE)
    box.seal_with([NEW, OLD])
    after = box.seal("x", PLACE)
    assert (before.key_id, after.key_id, box.key_id) == (OLD.id, NEW.id, NEW.id)
    assert box.open(before.text, PLACE) == box.open(after.text, PLACE) == "x"
    assert Vault([NEW], ManualClock().token_bytes).open(before.text, PLACE) is None


def test_a_fingerprint_is_an_hmac_under_a_key_of_its_own() -> None:
    """Worked out by hand: RFC 5869 with one block, and no salt."""
    box = vault()
    extracted = hmac.digest(b"\0" * 32, OLD.key, "sha256")
    derived = hmac.digest(extracted, b"ringback fingerprints\x01", "sha256")
    assert box.fingerprint("tok-é", OLD.id) == hmac.digest(derived, "tok-é".encode(), "sha256")
    assert box.fingerprint("tok-é", OLD.id) != box.fingerprint("tok-e", OLD.id)
    box.seal_with([NEW, OLD])
    assert set(box.key_ids) == {NEW.id, OLD.id}
    assert box.fingerprint("tok-é", OLD.id) != box.fingerprint("tok-é", NEW.id)
