"""`ringback verify`: is a captured request genuine, and if not, why?"""

import json as json_format
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from ringback.cli.captured import Captured, read_request
from ringback.cli.diagnosis import Diagnosis, diagnose
from ringback.cli.exits import ExitCode
from ringback.cli.given import header_pairs, instant_ms, read_file, read_secret
from ringback.cli.profile_named import profile_named
from ringback.cli.shown import harmless_json, print_prose, terminal
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting
from ringback.times import rfc3339
from ringback.wire.contract import Contract
from ringback.wire.signature import BadSecret
from ringback.wire.verify import Verified


def verify(
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="The request: headers, an empty line, the body; or one line of `ringback listen --json`. - reads "
            "standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            envvar="RINGBACK_SECRET",
            help="Secret to check with, as the profile has it (of standard whsec_…, or the public key whpk_…); may be "
            "given again. On the command line it stays in the shell's history.",
        ),
    ] = None,
    secret_file: Annotated[str | None, typer.Option(help="File with the secret, - for standard input.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="Instead of FILE: a header, 'Name: value'; may be given again.")
    ] = None,
    body_file: Annotated[str | None, typer.Option(help="Instead of FILE: the body, - for standard input.")] = None,
    profile: Annotated[
        str, typer.Option(help="Profile the request follows: one that comes with Ringback, or FILE.toml.")
    ] = "standard",
    at: Annotated[
        str | None, typer.Option(help="Check as if it were this time (RFC 3339, or how long ago); default: now.")
    ] = None,
    no_time_check: Annotated[
        bool, typer.Option("--no-time-check", help="Don't look at how old the request is.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Say whether a captured request is genuine, or why not.

    Ends with 0 when it is valid, 1 when it isn't, 2 when there is nothing to check.
    """
    contract = profile_named(profile)
    secrets = _secrets([*(secret or []), *([read_secret(secret_file)] if secret_file else [])], contract)
    captured = _captured(request, header or [], body_file)
    now_ms = SystemClock().now_ms()
    at_ms = now_ms if at is None else instant_ms(at, now_ms, "at")
    diagnosis = diagnose(captured, secrets, contract, at_ms / 1000, check_time=not no_time_check)
    if json:
        typer.echo(harmless_json(json_format.dumps(_fields(diagnosis))))
    else:
        _show(diagnosis)
    return ExitCode.OK if diagnosis.valid else ExitCode.UNEXPECTED


def _secrets(given: Sequence[str], contract: Contract) -> Sequence[str]:
    """The secrets, each one that can be checked with. Raises BadSetting, which doesn't show them."""
    if contract.signing is None:
        raise BadSetting(
            f"profile: requests of {contract.name} are not signed, so there is nothing to verify. Give the endpoint "
            "credentials (`auth`), and check those."
        )
    if not given:
        raise BadSetting("secret: give one with --secret-file, RINGBACK_SECRET or --secret.")
    for secret in given:
        try:
            contract.check_verifying_secret(secret)
        except BadSecret as error:
            hint = " There is white space around it." if secret != secret.strip() else ""
            hint = " It stands in quotes." if secret[:1] in ("'", '"') else hint
            raise BadSetting(f"secret: {error}.{hint}") from None
        except ImportError:
            raise BadSetting("secret: ed25519 needs the package cryptography.") from None
    return given


def _captured(request: str | None, headers: Sequence[str], body_file: str | None) -> Captured:
    if body_file is not None and request is None:
        return Captured(list(header_pairs(headers)), read_file(body_file, "body-file"))
    if request is None or headers or body_file is not None:
        raise BadSetting("request: give FILE (or -), or else --body-file with a --header for each header.")
    return read_request(read_file(request, "request"))


def _fields(diagnosis: Diagnosis) -> dict[str, Any]:
    verified = diagnosis.verified
    return {
        "valid": diagnosis.valid,
        "code": diagnosis.code,
        "detail": diagnosis.detail,
        "cause": diagnosis.cause or None,
        "advice": diagnosis.advice or None,
        "id": verified.id if verified else None,
        "sent_at": _sent_at(verified),
        "age_s": round(diagnosis.age_s, 3) if diagnosis.age_s is not None else None,
        "signature": verified.signature if verified else None,
    }


def _sent_at(verified: Verified | None) -> str | None:
    sent_at_s = verified.sent_at_s if verified else None
    return None if sent_at_s is None else rfc3339(sent_at_s * 1000)


def _show(diagnosis: Diagnosis) -> None:
    console = terminal()
    if diagnosis.valid:
        console.print(Text("✓ valid", "green"))
    else:
        console.print(Text(f"✗ not valid [{diagnosis.code}]", "red"))
    print_prose(console, f"{diagnosis.detail[:1].upper()}{diagnosis.detail[1:]}.", indent=2)
    for text in (diagnosis.cause, diagnosis.advice):
        if text:
            print_prose(console, text, indent=2)
