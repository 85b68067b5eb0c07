"""The composition root: settings in, a running process out. The only importer of adapters.

Order of a start: the port, the data directory, the store (which may have to be waited for), the parts, the engine, the
server. Order of a stop: the server answers who waits, the writer ends, the engine lets its requests end and records
them, the store closes. What can't be started raises a StartError before anything was changed.
"""

import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from ringback import __version__
from ringback.api.app import AppParts, build_app
from ringback.api.auth import Authenticator
from ringback.api.door import Door
from ringback.api.events import EventsRoute
from ringback.api.records import RecordsRoute
from ringback.api.room import Room
from ringback.api.server import HttpServer, bind, own_url
from ringback.api.writer_queue import WriterQueue
from ringback.clock import Clock, SystemClock
from ringback.control.audit import AuditTrail
from ringback.control.backup import BackupUseCases
from ringback.control.master_key import MasterKeyUseCases
from ringback.control.readiness import Readiness
from ringback.descriptors import raise_descriptor_limit
from ringback.engine.engine import STOP_WITHIN_S, Engine
from ringback.files import make_data_directory
from ringback.ingest.accept import Acceptor, IntakeLimits
from ringback.ingest.catalogue import Catalogue
from ringback.ingest.index import MatchIndex
from ringback.ingest.quotas import TenantQuotas
from ringback.ingest.record_accept import RecordAcceptor
from ringback.ingest.rule_failures import RuleFailures
from ringback.ingest.submission import HandOver, NoEngine, Submission
from ringback.ingest.watermark import Watermark
from ringback.ingest.writer import Writer
from ringback.inspector import own_address
from ringback.memory import SpareMemory
from ringback.model.errors import Unavailable
from ringback.mounting import Here, mount_console
from ringback.observe.attempts import AttemptLog, write_to_stderr
from ringback.observe.errors import describe_error
from ringback.observe.logs import LibraryLogs, LogObserver, make_log
from ringback.observe.prometheus import Exposition, Sources
from ringback.observe.telemetry import AdminKeyMade, Observer, PartFailed, Started, Stopped, Stopping, StopWaits
from ringback.observe.watching import Watching
from ringback.operator_key import key_in_force
from ringback.policy.address import UrlRules
from ringback.profile_files import read_profiles
from ringback.profiles import Registry
from ringback.pulse import Gauges
from ringback.sender_part import make_sender
from ringback.settings import Settings
from ringback.standing import Accepting, Delivering, Standing
from ringback.stoppable import AskedToStop, stoppable
from ringback.store.port import Sealer
from ringback.stores import OpenStore, open_store
from ringback.telling import Telling
from ringback.use_cases import Ground, app_parts
from ringback.vault.passwords import Argon2Passwords
from ringback.vault.ring import open_ring, read_keys
from ringback.wire.handshake import DEFAULT_ORIGIN
from ringback.workers import ThreadMailbox, Worker, stop_all

EXIT_PART_FAILED: Final = 70
WRITER_STOP_S: Final = 10.0
FOLLOW_KEYS_EVERY_S: Final = 0.4
# Threads of one process share the interpreter. Long turns keep a thread that just came back from the kernel waiting,
# short ones spend the time on changing over: measured with `make bench`, see docs/performance.md.
SWITCH_INTERVAL_S: Final = 0.002
# Nearly everything that is made for an event is gone soon and has no cycles: looking for some seldom is enough.
COLLECT_AFTER: Final = (50_000, 20, 50)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known once the server is up. `admin_key_created` is set when this start made the key."""

    base_url: str
    admin_key_created: str | None


def serve(settings: Settings, on_ready: Callable[[ServerFacts], None], *, at_home: bool = False) -> None:
    """Run a server until SIGTERM or SIGINT, which also end the waiting for a database. Raises StartError when it can't.

    `on_ready` is called once it answers, on the server's thread: it must not ask the server and wait. `at_home`: people
    reach it where it listens, whatever public_url is; endpoints may be there, for its bins, although that is private.
    """
    raise_descriptor_limit()
    listener = bind(settings.host, settings.port)
    if at_home:
        allow = (*settings.allow, own_address(listener)) if settings.bins else settings.allow
        settings = replace(settings, public_url=own_url(listener), allow=allow)
    try:
        process = Process(settings, listener)
    except AskedToStop:
        listener.close()
        return
    except BaseException:
        listener.close()
        raise
    process.run(on_ready)


class Process:
    """Everything of one process, wired. `run` blocks; `stop` ends it from another thread."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        if settings.key_directory is not None:
            make_data_directory(settings.key_directory)
        files = read_profiles(settings.data)
        self._settings = settings
        self._clock: Clock = SystemClock()
        self._log = make_log(settings.log_level, settings.log_format, sys.stderr, self._clock)
        self._watching = Watching(self._clock, LogObserver(self._log, self._clock))
        self._observer: Observer = self._watching.observer
        logging.getLogger().addHandler(LibraryLogs(self._log))
        self._pause = threading.Event()
        self._opened = self._open_store()
        self._store = self._opened.store
        self._profiles = Registry(self._store, files)
        try:
            self._wire(listener)
        except BaseException:
            self._store.close()
            raise

    def _open_store(self) -> OpenStore:
        settings = self._settings
        if settings.key_directory is None:
            read_keys(settings.master_key, None, ())  # before anything is waited for
        try:
            with stoppable():
                return open_store(settings, self._master_keys, self._clock, self._observer, self._wait)
        except AskedToStop:
            self._observer(Stopping("asked to stop"))
            self._observer(Stopped(0))
            raise

    def _wire(self, listener: socket.socket) -> None:
        settings = self._settings
        self._base_url = settings.public_url or own_url(listener)
        shared = self._store if settings.key_directory is None else None
        self._operator_key = key_in_force(settings.admin_key, settings.admin_key_path, shared, self._clock)
        if self._operator_key.key_id is not None:
            self._observer(AdminKeyMade(self._operator_key.key_id))
        self._trail = AuditTrail(self._store, self._clock, lambda event, values: self._log.info(event, **values))
        rules = UrlRules(allow_http=settings.allow_http, allow_private=settings.allow_private, allowed=settings.allow)
        self._master_key = MasterKeyUseCases(self._store, self._ring, self._sweep_soon, self._trail.told)
        if settings.otlp_url is not None:
            self._watching.trace(settings.otlp_url, settings.trace_share, __version__, self._part_failed)
        self._telling = self._make_telling()
        self._engine = self._make_engine(rules) if settings.role in ("all", "engine") else None
        self._watermark = Watermark(self._store, settings.disk_free_bytes_min, self._wait)
        self._inbox: ThreadMailbox[Submission] = ThreadMailbox()
        engine: HandOver = self._engine.gate if self._engine is not None else NoEngine()
        catalogue, quotas = Catalogue(self._store), TenantQuotas(self._store, self._clock)
        caches = (self._profiles, catalogue, quotas, self._telling.listeners)
        self._authenticator = Authenticator(self._store, self._store, self._clock, self._operator_key.holds, caches)
        app = build_app(parts := self._app_parts(rules))
        self._pulse_worker = mount_console(app, parts, self._here())
        limits = IntakeLimits(payload_bytes_max=settings.payload_bytes_max)
        self._queue = WriterQueue(self._submit, self._admit, parts.arrivals)
        trace = self._watching.trace_accept(propagate=settings.propagate_trace)
        door = Door(self._queue, self._authenticator, self._watching.requests, trace, quotas.of)
        records_route = RecordsRoute(RecordAcceptor(self._clock, limits), door, app)
        acceptor = Acceptor(self._clock, limits, catalogue.schema_of)
        self._events_route = EventsRoute(acceptor, door, records_route)
        rule_failures = RuleFailures(self._store, self._clock, self._observer)
        self._writer = Writer(
            store=self._store,
            index=MatchIndex(self._profiles.needs_number, rule_failures.failed),
            clock=self._clock,
            inbox=self._inbox,
            engine=engine,
            on_done=self._telling.hearing(self._queue.resolve),
            pause=self._wait,
            meter=self._watching.ingest,
            waiting_events_max=settings.waiting_events_max,
            rule_failures=rule_failures,
        )
        self._room = Room(self._clock.boottime_s, lambda: self._writer.bytes_waiting)
        self._writer_worker = Worker("writer", self._writer.step, self._clock, self._part_failed, self._inbox.wake)
        self._keys_worker = Worker("keys", self._follow_keys, self._clock, self._part_failed)
        self._watermark_worker = Worker("watermark", self._watermark.step, self._clock, self._part_failed)
        self._memory_worker = Worker("memory", SpareMemory(self._wait).step, self._clock, self._part_failed)
        self._standing = self._make_standing()
        self._http = HttpServer(self._events_route, self._room, listener, self._started, dict(settings.compat_hosts))

    def _make_engine(self, rules: UrlRules) -> Engine:
        settings = self._settings
        self._sender = make_sender(settings, rules, self._clock, self._base_url)
        wide = settings.log_attempts and settings.log_format == "json" and settings.log_level in ("debug", "info")
        if wide:
            self._watching.tell(AttemptLog(write_to_stderr))
        return Engine(
            store=self._store,
            profiles=self._profiles,
            clock=self._clock,
            transport=self._sender,
            slots=settings.in_flight_max,
            observer=self._observer,
            on_crash=self._part_failed,
            watch_attempts=self._watching.watch_attempts,
            commits=self._watching.attempts.commits,
            resealed=self._master_key.drop_unused,
            origin=urlsplit(settings.public_url or "").hostname or DEFAULT_ORIGIN,
            wants=self._telling.wants,
            noticed=self._telling.noticed,
        )

    def _make_telling(self) -> Telling:
        return Telling(
            self._store,
            self._clock,
            self._settings.operator_tenant,
            submit=self._submit_inside,
            refresh=lambda: self._authenticator.refresh(),  # noqa: PLW0108 - made later
            observer=self._observer,
            on_crash=self._part_failed,
            stopping=self._pause.is_set,
        )

    def _make_standing(self) -> Standing:
        accepts = self._settings.role != "engine"
        delivering = Delivering(self._engine, self._sender, self._settings.in_flight_max) if self._engine else None
        accepting = Accepting(self._writer, self._writer_worker, self._watermark, accepts, self._room)
        return Standing(self._store, self._clock, accepting, delivering)

    def _exposition(self) -> Exposition:
        sender_pid = (lambda: self._sender.pid) if self._engine is not None else None
        return Exposition(Sources(__version__, self._settings.role, self._watching, self._gauges, sender_pid))

    def _gauges(self) -> Gauges:
        return self._standing.gauges()

    def _here(self) -> Here:
        return Here(
            store=self._store,
            clock=self._clock,
            settings=self._settings,
            profiles=self._profiles,
            watermark=self._watermark,
            meters=self._watching,
            gauges=self._gauges,
            wait=self._wait,
            failed=self._part_failed,
            observer=self._observer,
            base_url=self._base_url,
        )

    def _app_parts(self, rules: UrlRules) -> AppParts:
        ground = Ground(
            store=self._store,
            clock=self._clock,
            profiles=self._profiles,
            rules=rules,
            endpoints_max=self._settings.endpoints_per_tenant_max,
            notify=self._notify,
            kick=self._kick,
            trail=self._trail,
            wants=self._telling.wants,
            noticed=self._telling.noticed,
            base_url=self._base_url,
            public_url=self._settings.public_url,
            admin_key=self._operator_key.holds,
            passwords=Argon2Passwords(),
        )
        readiness = Readiness(
            self._store,
            lambda: self._standing.obstacles(),  # noqa: PLW0108 - made later
            self._opened.answers_within_s,
            self._telling.cautions,
        )
        return app_parts(
            ground,
            master_key=self._master_key,
            backups=BackupUseCases(self._opened.copies, self._settings.data, self._wait, self._trail.told),
            readiness=readiness,
            metrics=self._exposition(),
            authenticator=self._authenticator,
        )

    def _master_keys(self, needed: Sequence[str]) -> Sealer:
        """What seals, with the keys that the store needs. Raises a StartError."""
        self._ring = open_ring(self._settings.master_key, self._settings.key_directory, needed, self._clock.token_bytes)
        return self._ring.vault

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, on_ready: Callable[[ServerFacts], None]) -> None:
        """Start, serve, stop."""
        self._on_ready = on_ready
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            if self._settings.role != "engine":
                self._writer.warm_up()
            self._authenticator.refresh()
            self._keys_worker.start()
            self._writer_worker.start()
            if self._settings.role != "engine":
                self._telling.start()
            self._watermark.look()
            self._watermark_worker.start()
            self._memory_worker.start()
            self._pulse_worker.start()
            self._watching.start()
            if self._engine is not None:
                self._sender.wait_until_up()
                self._engine.start()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECT_AFTER)
            self._http.run()
            self._observer(Stopping("asked to stop"))
        finally:
            self._stop()

    def stop(self) -> None:
        """From any thread: as SIGTERM."""
        self._http.stop()

    def _started(self) -> None:
        self._observer(Started(__version__, self._settings.role, self._base_url))
        self._on_ready(ServerFacts(self._base_url, self._operator_key.made))

    def _stop(self) -> None:
        self._pause.set()
        self._telling.stop(WRITER_STOP_S)
        quick = [
            self._writer_worker,
            self._watermark_worker,
            self._keys_worker,
            self._memory_worker,
            self._pulse_worker,
        ]
        stop_all(quick, WRITER_STOP_S)
        broken_off = 0
        if self._engine is not None:
            if in_flight := self._engine.dispatcher.in_flight:
                self._observer(StopWaits(in_flight, STOP_WITHIN_S))
            broken_off = self._engine.stop(lambda: self._http.hurried)
        self._watching.close()
        self._store.close()
        self._observer(Stopped(broken_off))

    def _part_failed(self, part: str) -> None:
        """A thread died of a defect: end at once and be started anew; whatever was accepted stands in the store."""
        error = sys.exc_info()[1]
        what, place = describe_error(error) if error is not None else ("unknown", "unknown")
        self._observer(PartFailed(part, what, place))
        os._exit(EXIT_PART_FAILED)

    # ── between the parts ────────────────────────────────────────────────────────────────────────────────────

    def _admit(self) -> None:
        if self._settings.role == "engine":
            raise Unavailable("This process only sends. Post events to one that accepts them.", code="not_accepting")
        self._watermark.check()
        self._writer.check()
        self._room.check()

    def _submit(self, submission: Submission) -> None:
        self._writer.submit(submission)

    def _submit_inside(self, submission: Submission) -> None:
        self._watermark.check()
        self._writer.submit_inside(submission)

    def _notify(self) -> None:
        """Configuration was changed here: when this returns, this process acts on it."""
        self._authenticator.refresh()
        if self._engine is not None:
            self._engine.reconfigure()
            self._engine.sweep_soon()

    def _follow_keys(self) -> None:
        self._wait(FOLLOW_KEYS_EVERY_S)
        self._authenticator.keep_fresh()

    def _sweep_soon(self) -> None:
        if self._engine is not None:
            self._engine.sweep_soon()

    def _kick(self) -> None:
        if self._engine is not None:
            self._engine.gate.rang()

    def _wait(self, seconds: float) -> bool:
        return self._pause.wait(seconds)
