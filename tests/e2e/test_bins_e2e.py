"""`ringback up` and a webhook to one of its own bins: it is delivered, kept, and its signature judged.

The bins are made beside the server, before it starts, and looked at when it has stopped.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ringback.cli.exits import ExitCode
from ringback.clock import SystemClock
from ringback.control.bin_fields import BinFields
from ringback.control.bins import BinUseCases, Verdict
from ringback.control.paging import PageRequest
from ringback.files import make_data_directory
from ringback.profiles import Registry
from ringback.store.sqlite import SqliteStore
from ringback.vault.ring import open_ring
from support.process import ADMIN_KEY, Server, free_port
from support.tenant import TestTenant

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Up(Server):
    """`ringback up` without its receiver."""

    def start(self, wait: bool = True) -> Server:
        command = [sys.executable, "-m", "ringback.cli.main", "up", "--no-listen", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self.data)],
                env={**os.environ, "RINGBACK_ADMIN_KEY": ADMIN_KEY},
                stdout=log,
                stderr=log,
            )
        self.wait_ready()
        return self


@contextmanager
def bins_in(data: Path) -> Iterator[BinUseCases]:
    """The bins of a server that doesn't run."""
    make_data_directory(data)
    clock = SystemClock()
    store = SqliteStore.open(
        data / "ringback.db", sealer_for=lambda needed: open_ring(None, data, needed, clock.token_bytes).vault
    )
    try:
        yield BinUseCases(store, clock, Registry(store))
    finally:
        store.close()


def test_a_webhook_to_a_bin_is_kept_and_its_signature_judged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with bins_in(data) as bins:
        good = bins.create(None, BinFields(profile="standard", secret=SECRET, status=202))
        wrong = bins.create(None, BinFields(profile="standard", secret=OTHER_SECRET))
    with Up(data) as server:
        tenant = TestTenant(server, "acme")
        for one in (good, wrong):
            tenant.endpoint(f"{server.url}/bins/{one.id}/hook", secret=SECRET, event_types=[f"to.{one.id}"])
            event = tenant.send(f"to.{one.id}", {"for": one.id})
            tenant.wait_state(event, "delivered")
        elsewhere = f"http://127.0.0.1:{free_port()}/bins/{good.id}"
        refused = server.ask("POST", f"{tenant.path}/endpoints", {"url": elsewhere})
        assert refused.status == 422, "of the private addresses its own alone is allowed"
        assert server.ask("PUT", f"/bins/{good.id}", b"unsigned", key=None).status == 202
        assert server.stop() == ExitCode.OK
    with bins_in(data) as bins:
        unsigned, signed = bins.requests(None, good.id, PageRequest(10)).items
        assert bins.checked(good, signed) == Verdict(True, "")
        assert (signed.method, signed.path) == ("POST", f"/bins/{good.id}/hook")
        assert f'"for":"{good.id}"'.encode() in signed.body.replace(b" ", b"")
        assert bins.checked(good, unsigned) == Verdict(False, "webhook-id is missing or empty", "missing_header")
        (other,) = bins.requests(None, wrong.id, PageRequest(10)).items
        assert bins.checked(wrong, other) == Verdict(
            False, "no signature fits: another secret, or the request was changed", "wrong_signature"
        )
