"""The examples of docs/cli.md, run for real: the very commands, against a server with something in it."""

import http.client
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from support.inbox import Inbox
from support.process import ADMIN_KEY, Server, free_port, wait_until
from support.tenant import TestTenant

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHIM = f'ringback() {{ {sys.executable} -m ringback.cli.main "$@"; }}\n'


def examples() -> list[str]:
    return re.findall(r"^```sh\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def run(commands: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-ec", SHIM + commands], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_why_did_it_not_arrive(tmp_path: Path) -> None:
    exports, commands = examples()[:2]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin.key").write_text(ADMIN_KEY)
    with Inbox() as inbox, Server(tmp_path / "server", "--allow-private") as server:
        tenant = TestTenant(server, "demo")
        endpoint = tenant.endpoint(inbox.url(), label="CRM")["id"]
        event = tenant.send("contact.created", {"name": "Ada"})
        tenant.wait_state(event, "delivered")
        exports = exports.replace("http://127.0.0.1:8080", server.url)
        printed = run(f"{exports}\n{commands}".replace("EVENT", event), tmp_path)
    assert printed.count(event) == 2, "in the list and on its page"
    assert re.search(rf"It was meant for 1 endpoint:\n  {endpoint}  CRM\n    delivered at .* after 1 try\.", printed)


def test_why_does_the_signature_not_fit(tmp_path: Path) -> None:
    listen, verify = examples()[2].splitlines()
    port = free_port()
    listening = subprocess.Popen(
        ["bash", "-ec", SHIM + listen.replace("--json", f"--json --port {port}")], cwd=tmp_path, stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: _post(port), 30, "the receiver listens")
        assert listening.wait(30) == 0
    finally:
        listening.kill()
        listening.communicate()
    assert run(verify.replace("whsec_…", SECRET), tmp_path).startswith("✓ valid\n  Event evt_1, sent ")


def _post(port: int) -> bool:
    """Send what the receiver waits for, signed by the reference implementation."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        now = datetime.now(UTC)
        signature = Webhook(SECRET).sign("evt_1", now, "{}")
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        connection.request("POST", "/", b"{}", headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
