"""Profiles that were put while the server runs, and those in its data directory: what arrives is as they say."""

import base64
import hashlib
import hmac
import shutil
from pathlib import Path

import pytest

from ringback.cli.main import main
from support.inbox import Inbox, Received
from support.process import ADMIN_KEY, Server, wait_until
from support.profiles import profile_text
from support.tenant import TestTenant

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def put(server: Server, name: str, **replaced: str) -> str:
    """Put a profile; its version."""
    answer = server.ask("PUT", f"/v1/profiles/{name}", {"toml": profile_text(name, **replaced)})
    assert answer.status in (200, 201), answer.body
    return str(answer.json["version"])


def is_as(received: Received, name: str, prefix: str) -> bool:
    """Whether a request is as the profile says, its signature computed here."""
    event_id, sent_at = (received.header(f"x-{name}-{part}") or "" for part in ("id", "timestamp"))
    content = b".".join((event_id.encode(), sent_at.encode(), received.body))
    made = base64.b64encode(hmac.digest(b"k" * 32, content, hashlib.sha256)).decode()
    assert received.header("webhook-signature") is None
    return received.header(f"x-{name}-signature") == prefix + made


def test_a_profile_that_was_just_put_is_what_requests_are_made_by(
    server: Server, tenant: TestTenant, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    version = put(server, "fresh", variant="main", prefix="sig=")
    made = tenant.endpoint(inbox.url(), profile="fresh", secret=SECRET)
    assert (made["profile"], made["signature"]) == ("fresh", "main")
    shown = server.get(f"{tenant.path}/endpoints/{made['id']}/preview")
    event_id = tenant.send(data={"n": 1})
    (received,) = inbox.wait_for(1)
    assert is_as(received, "fresh", "sig=")
    assert received.header("x-fresh-id") == event_id
    assert [name for name, _ in shown["headers"]] == [name for name, _ in received.headers]
    tenant.wait_state(event_id, "delivered")
    (attempt,) = tenant.attempts(made["id"])
    assert (attempt["profile"], attempt["profile_version"]) == ("fresh", version)
    at = ["--url", server.url, "--key", ADMIN_KEY, "--tenant", tenant.id]
    assert main(["attempts", "show", attempt["id"], *at]) == 0
    assert f"fresh, version {version}\n" in capsys.readouterr().out


def test_one_is_replaced_while_deliveries_flow(server: Server, tenant: TestTenant, inbox: Inbox) -> None:
    versions = {put(server, "moving", prefix="one,"): "one,"}
    made = tenant.endpoint(inbox.url(), profile="moving", secret=SECRET)
    prefixes: dict[str, str] = {}
    for prefix in ("one,", "two,", "three,"):
        versions[put(server, "moving", prefix=prefix)] = prefix
        prefixes |= {tenant.send(data={"n": number}): prefix for number in range(20)}
    received = {one.header("x-moving-id"): one for one in inbox.wait_for(60, "/hook")}
    for event_id, prefix in prefixes.items():
        # What was waiting when the profile changed goes out by the new one; nothing goes out by an older one.
        allowed = list(versions.values())[list(versions.values()).index(prefix) :]
        assert any(is_as(received[event_id], "moving", one) for one in allowed)
        tenant.wait_state(event_id, "delivered")
    for attempt in tenant.attempts(made["id"]):
        assert is_as(received[attempt["event_id"]], "moving", versions[attempt["profile_version"]])
    assert is_as(received[list(prefixes)[-1]], "moving", "three,")
    refused = server.ask("PUT", "/v1/profiles/moving", {"toml": profile_text("moving", variant="v7")})
    assert (refused.status, refused.json["code"]) == (409, "profile_in_use")
    assert is_as_before(server, tenant, inbox)


def is_as_before(server: Server, tenant: TestTenant, inbox: Inbox) -> bool:
    """What was refused changed nothing."""
    event_id = tenant.send()
    tenant.wait_state(event_id, "delivered")
    (last,) = [one for one in inbox.at("/hook") if one.header("x-moving-id") == event_id]
    return is_as(last, "moving", "three,")


def test_an_endpoint_whose_profile_is_gone_waits_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "profiles"
    folder.mkdir(parents=True)
    (folder / "filed.toml").write_text(profile_text("filed", prefix="f,"))
    with Server(tmp_path / "data", "--allow-private") as server, Inbox() as inbox:
        put(server, "kept", prefix="k,")
        tenant = TestTenant(server, "acme")
        filed = tenant.endpoint(inbox.url("/filed"), profile="filed", secret=SECRET)
        tenant.endpoint(inbox.url("/kept"), profile="kept", secret=SECRET)
        tenant.send()
        assert is_as(inbox.wait_for(1, "/filed")[0], "filed", "f,")
        assert server.stop() == 0
        shutil.move(folder / "filed.toml", tmp_path / "filed.toml")
        server.start()

        waiting = tenant.send()
        path = f"{tenant.path}/endpoints/{filed['id']}"
        wait_until(lambda: server.get(path)["status"] == "disabled", 15, "the endpoint is given up")
        assert server.get(path)["disable_reason"]["code"] == "profile_missing"
        assert is_as(inbox.wait_for(2, "/kept")[1], "kept", "k,")  # the restart kept it
        assert len(inbox.at("/filed")) == 1
        last = tenant.attempts(filed["id"])[-1]
        assert (last["error"]["code"], last["final"], last["profile_version"]) == ("profile_missing", False, None)
        for what in ("preview", "secret"):
            refused = server.ask("GET", f"{path}/{what}")
            assert (refused.status, refused.json["code"]) == (409, "profile_missing")
        assert {one["endpoint_id"]: one["state"] for one in tenant.deliveries(waiting)}[filed["id"]] == "pending"

        assert server.stop() == 0
        shutil.move(tmp_path / "filed.toml", folder / "filed.toml")
        server.start()
        server.make(f"{path}/activate", {})
        received = inbox.wait_for(2, "/filed")[1]
        assert (received.header("x-filed-id"), is_as(received, "filed", "f,")) == (waiting, True)


def test_the_command_line_puts_lists_gets_and_deletes(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--url", server.url, "--key", ADMIN_KEY]
    file = tmp_path / "shop.toml"
    file.write_text(profile_text("shop"))
    for said in ("shop is new, version ", "shop is replaced, version "):
        assert main(["profile", "put", str(file), *at]) == 0
        assert capsys.readouterr().out.startswith(said)
    assert main(["profile", "list", *at]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["shop", "api"] in rows
    assert ["standard", "built_in"] in rows
    assert main(["profile", "get", "shop", *at]) == 0
    assert capsys.readouterr().out == profile_text("shop")
    file.write_text("name = 1")
    assert main(["profile", "put", str(file), *at]) == 9
    assert "[invalid, HTTP 422]" in capsys.readouterr().err
    assert main(["profile", "delete", "shop", "--yes", *at]) == 0
    assert main(["profile", "get", "shop", *at]) == 9
    assert "There is no such profile. [not_found, HTTP 404]" in capsys.readouterr().err
