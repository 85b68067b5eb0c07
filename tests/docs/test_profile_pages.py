"""The page of each profile: its code, run against requests that the profile makes now, says what is genuine."""

import base64
import hmac
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ringback.wire.contract import Contract
from ringback.wire.message import Message, Rendered
from ringback.wire.profile import check_profile, load_profile, profile_names

PAGES = Path(__file__).parents[2] / "docs" / "profiles"
EXAMPLE = re.compile(r"Signed with the secret `(?P<secret>[^`]+)`")
SIGNED = [name for name in profile_names() if load_profile(name).signing is not None]


def block(profile: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", (PAGES / f"{profile}.md").read_text("utf-8"), re.DOTALL)
    return str(found)


def secret_on(profile: str) -> str:
    found = EXAMPLE.search((PAGES / f"{profile}.md").read_text("utf-8"))
    assert found is not None
    return found["secret"]


def made_now(contract: Contract, secret: str) -> Rendered:
    now_ms = int(time.time() * 1000)
    message = Message(
        "evt_1", "contact.created", '{"name": "Núñez"}'.encode(), now_ms, now_ms, tenant_id="acme", number=7
    )
    return contract.render(message, [secret], contract.default_signature)


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_has_a_page_and_every_page_a_profile(profile: str) -> None:
    assert sorted(page.stem for page in PAGES.iterdir()) == list(profile_names())
    text = (PAGES / f"{profile}.md").read_text("utf-8")
    assert load_profile(profile).profile.title in text
    body = block(profile, "http").partition("\n\n")[2]
    assert json.loads(body)


@pytest.mark.parametrize("profile", SIGNED)
def test_the_python_of_the_page(profile: str) -> None:
    contract, secret = load_profile(profile), secret_on(profile)
    rendered = made_now(contract, secret)
    namespace: dict[str, Any] = {}
    exec(block(profile, "python"), namespace)
    assert namespace["genuine"](dict(rendered.headers), rendered.body, secret)
    assert not namespace["genuine"](dict(rendered.headers), rendered.body + b" ", secret)


@pytest.mark.parametrize("profile", SIGNED)
def test_the_javascript_of_the_page(profile: str, tmp_path: Path) -> None:
    contract, secret = load_profile(profile), secret_on(profile)
    rendered = made_now(contract, secret)
    (tmp_path / "page.mjs").write_text(block(profile, "js"))
    (tmp_path / "run.mjs").write_text(
        'import { genuine } from "./page.mjs";\n'
        "const [headers, body, secret] = JSON.parse(process.argv[2]);\n"
        "const bytes = Buffer.from(body);\n"
        'const changed = Buffer.concat([bytes, Buffer.from(" ")]);\n'
        'const garbled = Object.fromEntries(Object.keys(headers).map((name) => [name, "é".repeat(64)]));\n'
        "console.log(genuine(headers, bytes, secret), genuine(headers, changed, secret));\n"
        "console.log(genuine({}, bytes, secret), genuine(garbled, bytes, secret));\n"
    )
    given = [{name.lower(): value for name, value in rendered.headers}, rendered.body.decode(), secret]
    run = subprocess.run(
        ["node", str(tmp_path / "run.mjs"), json.dumps(given)], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["true", *["false"] * 3]


@pytest.mark.parametrize("profile", SIGNED)
def test_the_shell_of_the_page(profile: str, tmp_path: Path) -> None:
    contract, secret = load_profile(profile), secret_on(profile)
    rendered = made_now(contract, secret)
    (tmp_path / "body.json").write_bytes(rendered.body)
    headers = {name.lower(): value for name, value in rendered.headers}
    values = {"SECRET": secret, "ID": headers.get("webhook-id", "")}
    values["TIMESTAMP"] = next((value for name, value in headers.items() if name.endswith("-timestamp")), "")
    run = subprocess.run(
        ["sh", "-eu", "-c", block(profile, "sh")], env={"PATH": "/usr/bin:/bin", **values}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    carrier = contract.header_of("signature")
    assert carrier is not None
    assert contract.signing is not None
    prefix = contract.signing.variants[contract.default_signature].prefix
    assert prefix + run.stdout.strip() == headers[carrier]


def test_the_guides_profile_is_what_its_customers_were_promised() -> None:
    text = (PAGES.parent / "contracts.md").read_text("utf-8")
    toml, _ = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    contract = check_profile(toml, "bakehouse")
    data = contract.samples["order.paid"].data
    message = Message("evt_1", "order.paid", data, 0, 1_795_346_400_000)
    rendered = contract.render(message, ["their secret"], "sha512")
    assert rendered.body == (b'{"topic":"order.paid","try":"1","sent":1795346400,"order":{"id": 7, "total": 12.50}}')
    made = base64.b64encode(hmac.digest(b"their secret", rendered.body, "sha512")).decode()
    assert dict(rendered.headers)["X-Bakehouse-Hmac"] == made


def test_the_guides_customer_verifies_with_the_guides_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PAGES.parent / "contracts.md").read_text("utf-8")
    (toml, _), (python,) = (re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in ("toml", "python"))
    (tmp_path / "bakehouse.toml").write_text(toml, "utf-8")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(python, namespace)
    for age_s, genuine in ((0, True), (290, True), (310, False)):
        body = json.dumps({"topic": "order.paid", "try": "1", "sent": int(time.time()) - age_s, "order": {"id": 7}})
        mac = base64.b64encode(hmac.digest(b"their secret", body.encode(), "sha512")).decode()
        headers = {"X-Bakehouse-Topic": "order.paid", "X-Bakehouse-Hmac": mac}
        assert namespace["genuine"](headers, body.encode(), "their secret") is genuine
        assert not namespace["genuine"](headers, body.encode() + b" ", "their secret")
