"""Code that verifies requests of a profile, for those who receive them, in the languages they have.

Made of what the profile says is signed, so that a changed profile changes its code; the pages in docs/profiles and the
console show the same texts. Every `genuine` says whether one of the signatures fits, compared in constant time, and
refuses what is old where a header says that, in seconds and signed. Pure; assumes a contract that signs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ringback.wire.contract import Contract
from ringback.wire.profile import profile_names
from ringback.wire.receiving.compiled import go_code
from ringback.wire.receiving.scripts import (
    javascript_code,
    php_code,
    plain_python_code,
    python_code,
    shell_code,
    shell_prints,
)
from ringback.wire.receiving.signed import signed_by

__all__ = ["Code", "codes"]


class Code(NamedTuple):
    """`language` names it for highlighting and files: `python`, `js`, `go`, `php`, `sh`; `given` says what it takes."""

    language: str
    title: str
    given: str
    text: str


def codes(contract: Contract, variant: str | None = None) -> Sequence[Code]:
    """How to verify what the variant (None: the profile's default) signs."""
    signed = signed_by(contract, variant or contract.default_signature)
    plain = Code(
        "python",
        "Python, without the package",
        "headers: names in lower case; body: the bytes",
        plain_python_code(signed),
    )
    found = [
        plain,
        Code("js", "JavaScript", "headers: names in lower case; body: a Buffer", javascript_code(signed)),
        Code("go", "Go", "header: http.Header; body: the bytes", go_code(signed)),
        Code("php", "PHP", "$headers: names in lower case; $body: of php://input", php_code(signed)),
        Code("sh", "Shell", f"the body in body.json; {shell_prints(signed)}", shell_code(signed)),
    ]
    if contract.name in profile_names():
        with_library = python_code(contract.name)
        return [Code("python", "Python", "pip install ringback; body: the bytes as they came", with_library), *found]
    return found
