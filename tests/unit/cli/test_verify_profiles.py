"""`ringback verify` and `ringback profile show` for every profile and for a file: what they say, and that they agree.

What is verified was signed by other programs: node and openssl (tests/contracts/vectors), and GitHub's own example.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.wire.profile import check_profile, load_profile, profile_names

ROOT = Path(__file__).parents[3]
GITHUB = str(ROOT / "examples" / "github.toml")
VECTORS = ROOT / "tests" / "contracts" / "vectors"
UNSIGNED = ("sitefinity-insight", "vainu")
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Case(NamedTuple):
    """A genuine request of a profile, and who has its secret. `said` is what `verify` says of it."""

    profile: str
    headers: dict[str, str]
    body: str
    secret: str
    carrier: str
    owner: str
    said: str


def vector(name: str, number: int = 0) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"][number]


def cases() -> list[Case]:
    vessel, vinsight, insideview = (vector(name) for name in ("vessel", "vinsight", "insideview"))
    times = {"x-vessel-timestamp": vessel["timestamp"], "x-vessel-connection-id": "c"}
    alert = "X-InsideViewAPI-AlertDataSignature"
    github = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    return [
        Case(
            "vessel", {**times, "x-vessel-signature": vessel["signature"]}, vessel["stringified"],
            vessel["access_token"], "x-vessel-signature", "tenant",
            "Event evt_1, sent 2023-11-14 22:13:20 UTC, signature sha256.",
        ),
        Case(
            "vinsight", {"x-signature": vinsight["signature"]}, vinsight["body"], vinsight["secret"], "x-signature",
            "tenant", "Signature described.",
        ),
        Case(
            "insideview", {alert: insideview["hex"]}, insideview["body"], insideview["signing_secret"], alert,
            "endpoint", "Event 364559, signature hex.",
        ),
        Case(
            "insideview", {alert: insideview["base64"]}, insideview["body"], insideview["signing_secret"], alert,
            "endpoint", "Event 364559, signature base64.",
        ),
        Case(
            GITHUB, {"X-Hub-Signature-256": github}, "Hello, World!", "It's a Secret to Everybody",
            "X-Hub-Signature-256", "endpoint", "Signature sha256.",
        ),
    ]  # fmt: skip


CASES = cases()
Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verify:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("RINGBACK_SECRET", raising=False)

    def verify(case: Case, *flags: str, **changed: Any) -> tuple[int, str, str]:
        """(exit code, standard output, standard error) of the command."""
        case = case._replace(**changed)
        (tmp_path / "body").write_text(case.body)
        headers = [text for name, value in case.headers.items() for text in ("--header", f"{name}: {value}")]
        given = [] if case.secret == "" else ["--secret", case.secret]
        arguments = ["--body-file", str(tmp_path / "body"), *headers, *given, "--at", "2023-11-14T22:13:20Z", *flags]
        code = main(["verify", "--profile", case.profile, *arguments])
        printed = capsys.readouterr()
        return code, " ".join(printed.out.split()), printed.err

    return verify


def test_each_profile_that_signs_in_a_way_of_its_own_is_here() -> None:
    standards = {"standard", "standard-thin", "cloudevents", "cloudevents-binary"}
    assert {case.profile for case in CASES} | {*UNSIGNED, *standards} == {*profile_names(), GITHUB}


@pytest.mark.parametrize("case", CASES, ids=lambda case: Path(case.profile).stem)
def test_what_is_genuine_and_what_is_wrong_with_what_is_not(verify: Verify, case: Case) -> None:
    assert verify(case) == (ExitCode.OK, f"✓ valid {case.said}", "")
    signature = case.headers[case.carrier]
    whose = f"It is the secret of another {case.owner} or a former one, or the body"
    where = "tenants/ID/secret" if case.owner == "tenant" else "endpoints/ID/secret"
    for changed, words in (
        ({"secret": "another secret"}, [whose, f"`GET …/{where}` of the API"]),
        ({"body": case.body + "\n"}, ["A newline was added at the end of the body."]),
        ({"body": case.body[:-1] + "?"}, [whose]),
        ({"headers": {**case.headers, case.carrier: signature[:-4]}}, ["The signature is too short: it was cut."]),
    ):
        code, out, err = verify(case, **changed)
        assert (code, err) == (ExitCode.UNEXPECTED, "")
        assert out.startswith("✗ not valid [wrong_signature]")
        for word in words:
            assert word in out
    code, out, _ = verify(case, headers={**case.headers, case.carrier: ""})
    assert out.startswith(f"✗ not valid [missing_header] {case.carrier.capitalize()} is missing or empty.")
    no_secret = "has the endpoint no secret?" in out
    assert no_secret is (Path(case.profile).stem in ("insideview", "github"))


def test_a_time_that_was_changed_is_named_where_it_is_signed(verify: Verify) -> None:
    vessel = CASES[0]
    _, out, _ = verify(vessel, headers={**vessel.headers, "x-vessel-timestamp": "1700000001"})
    assert "or the body or x-vessel-timestamp was changed." in out
    code, out, _ = verify(vessel, "--at", "2023-11-14T22:20:20Z")
    assert (code, "[too_old]" in out) == (ExitCode.UNEXPECTED, True)
    assert verify(vessel, "--at", "2023-11-14T22:20:20Z", "--no-time-check")[0] == ExitCode.OK
    code, out, _ = verify(vessel, headers={**vessel.headers, "x-vessel-timestamp": "today"})
    assert "[bad_header] X-vessel-timestamp is no time of the form unix_seconds." in out


@pytest.mark.parametrize("profile", UNSIGNED)
@pytest.mark.parametrize("secret", ["", "a text"])
def test_where_nothing_is_signed_there_is_nothing_to_verify(verify: Verify, profile: str, secret: str) -> None:
    code, out, err = verify(CASES[0], profile=profile, secret=secret)
    assert (code, out) == (ExitCode.BAD_SETTING, "")
    assert f"requests of {profile} are not signed, so there is nothing to verify" in err


@pytest.mark.parametrize(
    ("profile", "secret", "said"),
    [
        ("standard", "a text", "a secret begins with whsec_"),
        ("cloudevents", "whsec_short", "must be base64"),
        ("vessel", "a\ttab", "a secret has 1 to 256 printable characters"),
        (GITHUB, "x" * 257, "a secret has 1 to 256 printable characters"),
        ("vinsight", "", "secret: give one with --secret-file"),
    ],
)
def test_a_secret_of_another_form_is_told_and_not_shown(verify: Verify, profile: str, secret: str, said: str) -> None:
    code, out, err = verify(CASES[0], profile=profile, secret=secret)
    assert (code, out) == (ExitCode.BAD_SETTING, "")
    assert said in err
    assert not secret or secret not in err


@pytest.mark.parametrize("profile", [*profile_names(), GITHUB])
def test_what_show_prints_is_what_verify_takes(
    verify: Verify, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = load_profile(profile) if profile != GITHUB else check_profile(Path(GITHUB).read_text("utf-8"), "github")
    for signature in contract.signatures or ("",):
        chosen = ["--signature", signature] if signature else []
        assert main(["profile", "show", profile, *chosen, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["body"]
        if not signature:
            assert shown["secret"] is None
            continue
        case = Case(profile, dict(shown["headers"]), shown["body"], shown["secret"], "", "", "")
        code, out, _ = verify(case, "--no-time-check")
        assert (code, f"signature {signature}" in out.lower()) == (ExitCode.OK, True)


@pytest.mark.parametrize("profile", UNSIGNED)
def test_a_file_of_a_profile_that_does_not_sign_is_said_to_be_one(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{profile}.toml"
    file.write_text(load_profile(profile).text, "utf-8")
    assert main(["profile", "check", str(file)]) == 0
    assert capsys.readouterr().out.endswith(", not signed.\n")
