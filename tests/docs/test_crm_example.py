"""The example CRM: the commands of its page, run for real; and what is saved while Ringback is away is told later."""

import json
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ringback import Client
from support.command import environment_without_ours
from support.listening import Listening
from support.pages import ROOT, Page
from support.process import ADMIN_KEY, Server, free_port, wait_until

WITHIN_S = 30.0


class Crm:
    """The CRM by its page's command, on ports of the test's own."""

    def __init__(self, command: str, directory: Path, ringback: Server, ports: tuple[int, int, int]) -> None:
        own, partner, sales = ports
        command = command.replace(".venv/bin/python examples", f"exec {sys.executable} {ROOT}/examples")
        flags = f"--url {ringback.url} --port {own} --partner-port {partner} --sales-port {sales}"
        self._process = subprocess.Popen(
            ["bash", "-ec", f"{command} {flags}"],
            cwd=directory,
            env=environment_without_ours({"PYTHONPATH": str(ROOT / "src")}),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = [self._process.stdout.readline() for _ in range(3)]
        self.receivers = [re.sub(r"^ +\.venv/bin/ringback listen ", "", line).split() for line in said[1:]]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        assert self._process.stdout is not None
        self._process.communicate(timeout=WITHIN_S)


@contextmanager
def running(command: str, directory: Path, ringback: Server, ports: tuple[int, int, int]) -> Iterator[Crm]:
    started = Crm(command, directory, ringback, ports)
    try:
        yield started
    finally:
        started.stop()


def asked(port: int, method: str, path: str, body: Any = None) -> Any:
    """One request to the CRM, which must succeed, once it is up."""
    crm = Server(Path("crm"), port=port)

    def answer() -> Any:
        try:
            return crm.ask(method, path, body, key=None)
        except ConnectionRefusedError:
            return None

    found = wait_until(answer, WITHIN_S, "the CRM is up")
    assert found.status == 200, found.body
    return found.json


def test_the_crm(tmp_path: Path) -> None:
    ports = own, partner_port, sales_port = free_port(), free_port(), free_port()
    said = {":8083": f":{partner_port}", ":8084": f":{sales_port}", "127.0.0.1:8090": f"127.0.0.1:{own}"}
    page = Page("examples/crm/README.md", tmp_path, said)
    up, *flags = page.take().split("--no-listen")
    assert up == ".venv/bin/ringback up "
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "admin.key").write_text(ADMIN_KEY)
    (tmp_path / "data" / "admin.key").chmod(0o600)
    start = page.take()
    with ExitStack() as stack:
        ringback = stack.enter_context(Server(tmp_path / "data", *flags[0].split()))
        with running(start, tmp_path, ringback, ports) as crm:
            partner, sales = (Listening(*command) for command in crm.receivers)
            stack.callback(sales.stop)
            stack.callback(partner.stop)
            assert (partner.url, sales.url) == tuple(f"http://127.0.0.1:{port}/hook" for port in ports[1:])
            asked(own, "GET", "/openapi.json")
            assert '"told":true' in page.run()
            contacts = [json.loads(one["body"]) for one in partner.wait_for(3)]
            assert sorted(one["score"] for one in contacts) == [70, 85, 90]
            assert all(one["name"] == "Ada Núñez" and one["company"] == "co_1" for one in contacts)
            (hot,) = sales.wait_for(1)
            body = json.loads(hot["body"])
            assert body.pop("timestamp")
            example = re.search(r"```json\n(.*?)\n```", (ROOT / "examples/crm/README.md").read_text("utf-8"))
            assert example is not None
            assert body == {k: v for k, v in json.loads(example[1]).items() if k != "timestamp"}
            page.run()
            page.end()
            changed = json.loads(sales.wait_for(2)[1]["body"])
            assert (changed["type"], changed["data"]["employees"]) == ("company.updated", 44)

            ringback.stop()
            assert asked(own, "DELETE", "/contact/ct_1") == {"told": False}
            assert asked(own, "PUT", "/company/co_1", {"name": "Bodega Núñez", "employees": 45}) == {"told": False}
            assert asked(own, "GET", "/company/co_1")["employees"] == 45
            ringback.start()
            with Client(ringback.url, ADMIN_KEY, "crm") as client:
                runpy.run_path(f"{ROOT}/examples/crm/app.py")["set_up"](client, partner_port, sales_port)
                assert len(client.list_endpoints().items) == 2, "a second start makes nothing twice"
            assert asked(own, "PUT", "/contact/ct_2", {"name": "Grace", "score": 99}) == {"told": True}
            assert json.loads(sales.wait_for(3)[2]["body"])["data"]["employees"] == 45
            assert json.loads(partner.wait_for(4)[3]["body"])["name"] == "Grace"
            assert ringback.ask("GET", "/v1/tenants/crm/records/contact/ct_1").status == 404
        for received in (*partner.lines, *sales.lines):
            assert received["verified"] is True
        assert (len(partner.lines), len(sales.lines)) == (4, 3)
