"""Several Ringback processes that share one PostgreSQL database: started, killed with their senders, stopped.

A member that sends is known by the row of its node, learnt as it starts: members are started one after the other.
Assumes that nobody else starts processes on the database.
"""

import base64
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from support.children import children_of, end, wait_gone, wait_stopped
from support.postgres import Cluster
from support.process import Server, wait_until
from support.tcp_proxy import TcpProxy

READY_WITHIN_S: Final = 90.0
DATABASE: Final = "ringback"
_MASTER_KEY: Final = base64.b64encode(b"one key for all processes here!!").decode()
FLAGS: Final = ("--allow-private", "--log-format", "json")


class Member(Server):
    """One of the processes. `node_id` is what it registered with (None: it doesn't send, or has not started)."""

    def __init__(self, name: str, role: str, folder: Path, store_url: str) -> None:
        environment = {"RINGBACK_MASTER_KEY": _MASTER_KEY}
        super().__init__(folder / name, *FLAGS, "--role", role, "--store", store_url, environment=environment)
        self.name = name
        self.role = role
        self.node_id: str | None = None

    @property
    def sends(self) -> bool:
        return self.role != "api"

    @property
    def accepts(self) -> bool:
        return self.role != "engine"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self) -> None:
        """Wait until it is up. Several may start at once, on few cores."""
        try:
            wait_until(self._ready, READY_WITHIN_S, f"{self.name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.said[-2000:]}") from None

    def _ready(self) -> bool:
        """One that only sends is never ready for events: then it is enough that it answers."""
        if self.accepts:
            return super()._ready()
        assert self.running, f"{self.name} has ended:\n{self.said[-2000:]}"
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False

    @property
    def said(self) -> str:
        """Its log, over all of its lives."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL to it and to its sender, which doesn't get to see that it is gone; waits until both are."""
        children = children_of(self.pid)
        for child in children:
            end(child)
        super().kill()
        for child in children:
            wait_gone(child, f"the sender of {self.name}")

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Neither it nor its sender does anything within the block."""
        pids = [self.pid, *children_of(self.pid)]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            for pid in pids:
                wait_stopped(pid)
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    def figure(self, name: str) -> float:
        """The sum of the lines of one of its metrics."""
        text = self.ask("GET", "/metrics").body.decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


class Fleet:
    """The members on one database of `cluster`, which is made empty."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.members: list[Member] = []
        self._url = cluster.create_database(DATABASE)
        self._connection = cluster.connect(DATABASE)

    def add(self, name: str, role: str, proxy: TcpProxy | None = None) -> Member:
        """A member that is not started yet. With `proxy` it reaches the database through that."""
        url = self._url if proxy is None else self._url.replace(f":{self.cluster.port}/", f":{proxy.port}/")
        member = Member(name, role, self.folder, url)
        self.members.append(member)
        return member

    def start(self, *members: Member) -> None:
        """Start them and wait until they are up; at most one of them may be one that sends."""
        sending = [member for member in members if member.sends]
        assert len(sending) <= 1, "whose node is whose?"
        before = self.nodes() if sending else []
        for member in members:
            member.start(wait=False)
        for member in members:
            member.wait_ready()
        for member in sending:
            new = [node_id for node_id in self.nodes() if node_id not in before]
            assert len(new) == 1, new
            member.node_id = new[0]

    def sql(self, text: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the database itself."""
        cursor = self._connection.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []

    def nodes(self) -> list[str]:
        """The nodes that are registered. None while nobody has set the database up."""
        try:
            return [str(node_id) for (node_id,) in self.sql("SELECT id FROM node ORDER BY id")]
        except psycopg.errors.UndefinedTable:
            return []

    def lanes_of(self, node_id: str | None) -> list[str]:
        """The endpoints whose lanes it owns."""
        found = self.sql("SELECT endpoint_id FROM lane WHERE owner = %s ORDER BY endpoint_id", node_id)
        return [str(endpoint_id) for (endpoint_id,) in found]

    def pending(self) -> int:
        """How many deliveries are not finished."""
        ((count,),) = self.sql("SELECT count(*) FROM delivery")
        assert isinstance(count, int)
        return count

    @property
    def senders(self) -> Sequence[Member]:
        return [member for member in self.members if member.sends]

    @property
    def accepters(self) -> Sequence[Member]:
        return [member for member in self.members if member.accepts]

    def close(self) -> None:
        """End all that run, at once."""
        for member in self.members:
            if member.running:
                member.kill()
        self._connection.close()

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
