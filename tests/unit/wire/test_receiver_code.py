"""Code for receivers, in every language: run against requests of every variant of every profile's signature."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ringback.wire.profile import load_profile, profile_names
from ringback.wire.receiving import codes
from support.receiver_cases import SIGNED, Case
from support.receiver_programs import Answers, Coded, by_go, by_node, by_php, by_python, by_shell

LANGUAGES: dict[str, Callable[[Path, Coded], Answers]] = {
    "Python": by_python,
    "Python, without the package": by_python,
    "JavaScript": by_node,
    "Go": by_go,
    "PHP": by_php,
    "Shell": by_shell,
}


@pytest.mark.timeout(300)  # Go compiles its own library when it does so for the first time
@pytest.mark.parametrize("title", LANGUAGES)
def test_what_is_genuine_is_taken_and_nothing_else(title: str, tmp_path: Path) -> None:
    cases = [Case(contract, variant) for contract, variant in SIGNED]
    coded = [(case, text) for case in cases if (text := case.code(title)) is not None]
    for (case, _), answers in zip(coded, LANGUAGES[title](tmp_path, coded), strict=True):
        said = [(one.what, answer) for one, answer in zip(case.questions, answers, strict=True)]
        assert said == [(one.what, one.genuine) for one in case.questions], (title, case)


def test_every_way_of_signing_has_every_language() -> None:
    """A profile of somebody's own is not in the package, which others have."""
    for contract, variant in SIGNED:
        titles = {code.title for code in codes(contract, variant)}
        assert titles == set(LANGUAGES) - ({"Python"} if contract.name not in profile_names() else set())


def test_what_is_not_signed_has_no_code() -> None:
    with pytest.raises(ValueError, match="signs nothing"):
        codes(load_profile("vainu"))
