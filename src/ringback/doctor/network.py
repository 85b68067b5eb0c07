"""The network as the sender uses it: names, certificates, a TLS handshake.

Uses the engine's own resolver and libcurl. What can't be reached is not judged: offline, all of this ends within a few
seconds with warnings.
"""

import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pycurl

from ringback.clock import Clock
from ringback.doctor.finding import Finding, ok, problem, warning
from ringback.doctor.port import ANSWER_S_MAX, HEALTH
from ringback.engine.curl_errors import TLS_FAILED, Stage, failure_of
from ringback.engine.resolver import Resolver
from ringback.model.errors import BadSetting

RESOLVE_S_MAX: Final = 2.0
CONNECT_S_MAX: Final = 3.0
HTTPS_PORT: Final = 443
_NOT_CHECKED: Final = "could not be reached, so it was not checked"


class Looked(NamedTuple):
    """What a name led to and how long that took; `error` is None when there are addresses."""

    addresses: Sequence[str]
    error: str | None
    took_s: float


class Network:
    """Asks and answers. `servers`: the name servers, None for the system's; `ca_file`: whom to trust."""

    def __init__(self, clock: Clock, servers: Sequence[str] | None, ca_file: str) -> None:
        self._clock = clock
        self._servers = servers
        self._ca_file = ca_file
        self._looked: dict[str, Looked] = {}

    def examine_names(self, name: str) -> Iterator[Finding]:
        """Whether names can be looked up."""
        looked = self._look_up(name)
        took = f"{looked.took_s * 1000:.0f} ms"
        servers = ", ".join(self._servers) if self._servers else "the system's name servers"
        if looked.error is None:
            yield ok("names", f"{name} is {', '.join(looked.addresses[:2])} ({took}, {servers})")
        elif "no such" in looked.error or "no address" in looked.error:
            yield warning(
                "names", f"{name}: {looked.error} ({took}, {servers})", "Try a name that you send to: --dns-name NAME."
            )
        else:
            yield problem(
                "names",
                f"{name}: {looked.error} ({took}, {servers})",
                "Check /etc/resolv.conf and the network: nothing can be sent to a name like this.",
            )

    def examine_certificates(self) -> Iterator[Finding]:
        """Whether the file of trusted authorities can be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(self._ca_file)
        except (OSError, ssl.SSLError) as error:
            yield problem(
                "certificates",
                f"{self._ca_file} can't be used ({error.strerror or error})",
                "Install the system's ca-certificates anew.",
            )
            return
        yield ok("certificates", f"{context.cert_store_stats()['x509_ca']} authorities in {self._ca_file}")

    def examine_tls(self, target: str) -> Iterator[Finding]:
        """Whether a receiver's certificate is believed, as when something is sent to it. `target`: HOST[:PORT]."""
        host, port = host_and_port(target)
        if self._look_up(host).error is not None:
            yield warning("TLS", f"{host} {_NOT_CHECKED}", "Try a host that can be: --tls-host HOST:PORT.")
            return
        curl = self._prepared(f"https://{target}/", host, port)
        curl.setopt(pycurl.CONNECT_ONLY, 1)
        try:
            curl.perform()
            took_ms = curl.getinfo(pycurl.APPCONNECT_TIME) * 1000
            yield ok("TLS", f"{target} has a certificate that is believed ({took_ms:.0f} ms)")
        except pycurl.error as error:
            failure = failure_of(error.args[0], str(error.args[1]), Stage.CONNECTING)
            if failure.code == TLS_FAILED:
                yield problem(
                    "TLS",
                    f"{target}: {failure.message.rstrip('.')}",
                    "Update the trusted certificates. If something on the way opens TLS, trust its authority too.",
                )
            else:
                yield warning("TLS", f"{target} {_NOT_CHECKED}", "Try a host that can be: --tls-host HOST:PORT.")
        finally:
            curl.close()

    def examine_public_url(self, url: str) -> Iterator[Finding]:
        """Whether a Ringback answers where others are told to reach it."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)
        said = "no address" if self._look_up(host).error is not None else self._health(url, host, port)
        if said is None:
            yield ok("public URL", f"a Ringback answers at {url}")
        else:
            yield warning(
                "public URL", f"no Ringback answers at {url} ({said})", "Start it, or check the proxy and public_url."
            )

    def _health(self, url: str, host: str, port: int) -> str | None:
        """None when it is healthy, else what happened."""
        curl, body = self._prepared(f"{url}/healthz", host, port), bytearray()
        curl.setopt(pycurl.WRITEFUNCTION, body.extend)
        try:
            curl.perform()
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            return None if status == 200 and HEALTH in bytes(body).replace(b" ", b"") else f"status {status}"
        except pycurl.error as error:
            return failure_of(error.args[0], str(error.args[1]), Stage.CONNECTING).message.rstrip(".")
        finally:
            curl.close()

    def _prepared(self, url: str, host: str, port: int) -> "pycurl.Curl":
        """A handle that goes to the address we looked up, with nobody between."""
        curl = pycurl.Curl()
        shown = [f"[{one}]" if ":" in one else one for one in self._look_up(host).addresses]
        for option, value in (
            (pycurl.URL, url),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.CAINFO, self._ca_file),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.CONNECTTIMEOUT_MS, int(CONNECT_S_MAX * 1000)),
            (pycurl.TIMEOUT_MS, int((CONNECT_S_MAX + ANSWER_S_MAX) * 1000)),
            (pycurl.RESOLVE, [f"{host}:{port}:{','.join(shown)}"] if shown else []),
        ):
            curl.setopt(option, value)
        return curl

    def _look_up(self, name: str) -> Looked:
        if name not in self._looked:
            self._looked[name] = Looked((name,), None, 0.0) if _is_address(name) else self._ask(name)
        return self._looked[name]

    def _ask(self, name: str) -> Looked:
        began_s = self._clock.boottime_s()
        resolver = Resolver(self._clock, servers=self._servers, resolve_s_max=RESOLVE_S_MAX)
        try:
            answer = resolver.resolve(1, "doctor", name.lower().rstrip("."), RESOLVE_S_MAX)
            while answer is None:
                wait_s = max(0.0, min(resolver.due_s() - self._clock.boottime_s(), RESOLVE_S_MAX))
                select.select([resolver.fileno()], [], [], wait_s)
                answer = next((found for _, found in resolver.process()), None)
        finally:
            resolver.close()
        error = None if answer.error is None else answer.error.rstrip(".")
        return Looked(answer.addresses, error, self._clock.boottime_s() - began_s)


def host_and_port(target: str) -> tuple[str, int]:
    """The host of HOST or HOST:PORT, and its port. Raises BadSetting."""
    try:
        parts = urlsplit(f"https://{target}/")
        host, port = parts.hostname, parts.port or HTTPS_PORT
    except ValueError:
        host = None
    if not host or parts.path != "/" or parts.username is not None:
        raise BadSetting(f"tls-host: {target!r} is not of the form HOST or HOST:PORT.")
    return host, port


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return True
    return False
