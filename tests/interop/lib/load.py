"""Clients that never pause, and the clock on a certificate's way from the authority to the handshake."""
import http.client
import ssl
import subprocess
import threading
import time

from lib import process, tls
from lib.process import Failed

SECONDS_LEFT = 0.5
SECONDS_TO_RENEW = 30  # what a busy machine may take for the next SVID; the agent has it within one
SECONDS_TO_END = 60  # a visit's steps have bounds of their own, of ten seconds each


class Client:
    """A workload's newest SVID, fetched whenever its stream tells of a change, as long as this is open."""

    def __init__(self, deployment, workload):
        self.deployment, self.workload = deployment, workload
        self.material = tls.fetch(deployment, workload, f"client-{workload.name}")
        self.current = self._read()
        self.thread = threading.Thread(target=self._renew, daemon=True)
        self.watch = None

    def _renew(self):
        for line in self.watch.stdout:
            if line.startswith("Received") and tls.try_fetch(self.deployment, self.workload,
                                                             self.material.certificate.parent):
                self.current = self._read()

    def _read(self):
        return self.material.context(), tls.end_of(self.material.certificate)

    @property
    def context(self):
        """Of an SVID that has not ended. On a machine that is too busy to fetch the next in time, it is waited for."""
        agent = self.deployment.agent
        process.wait_until(lambda: time.time() <= self.current[1] - SECONDS_LEFT, SECONDS_TO_RENEW,
                           lambda: f"no new SVID of {self.workload.id} for {SECONDS_TO_RENEW} s: {agent.tail()}", agent)
        return self.current[0]

    def __enter__(self):
        self.watch = subprocess.Popen(
            [str(self.deployment.program(self.deployment.agent_binary)), "api", "watch", "-socketPath",
             str(self.deployment.agent_socket)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            **self.workload.popen_options())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.watch.kill()  # it has nothing to put in order
        self.watch.wait()
        self.thread.join(SECONDS_TO_END)


class Load:
    """Threads that ask one server again and again, each for a connection of its own, and count.

    What is no failure of the server's ends the thread that met it and is kept in `broken`: there is nothing to count any more.
    """

    def __init__(self, server, client, threads=2, pause=0.04):
        self.server, self.client, self.pause = server, client, pause
        self.requests = self.failed = self.reopened = 0
        self.reasons = []
        self.broken = None
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.threads = [self._thread(self._fresh) for _ in range(threads)]
        if server.keep_alive:
            self.kept = None
            self.threads.append(self._thread(self._kept_alive))

    def _thread(self, ask):
        return threading.Thread(target=self._run, args=(ask,), daemon=True)

    def _run(self, ask):
        while not self.ending.is_set():
            why = None
            try:
                ask()
            except (tls.Refused, OSError, http.client.HTTPException) as error:
                why = f"{ask.__name__.strip('_')}: {error!r}"
            except Failed as error:
                self.broken = error
                return
            with self.lock:
                self.requests += 1
                if why:
                    self.failed += 1
                    self.reasons = [*self.reasons, why][-3:]
            time.sleep(self.pause)

    def _fresh(self):
        self.server.visit(self.client.context)

    def _kept_alive(self):
        """One connection for many requests. A server may close it while it idles; then every HTTP client asks once more."""
        try:
            used = self.kept is not None and self.kept.sock is not None
            self._ask_kept()
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine):
            self.kept = None
            if not used:
                raise
            self.reopened += 1
            self._ask_kept()
        except Exception:
            self.kept = None
            raise

    def _ask_kept(self):
        if self.kept is None or self.kept.sock is None:  # closed in good order with the last answer
            self.kept = http.client.HTTPSConnection("127.0.0.1", self.server.site.port, context=self.client.context,
                                                    timeout=10)
        self.kept.request("GET", "/")
        answer = self.kept.getresponse()
        if answer.status != 200 or answer.read().decode(errors="replace") not in self.server.bodies:
            raise tls.Refused(f"status {answer.status}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        end = time.monotonic() + SECONDS_TO_END
        for thread in self.threads:
            thread.join(max(0, end - time.monotonic()))
        if kind is None and any(thread.is_alive() for thread in self.threads):
            raise Failed(f"a request is not done {SECONDS_TO_END} s after the load's end")
        if self.server.keep_alive and self.kept is not None:
            self.kept.close()


class Rotations:
    """Changes at the authority, each followed until the server shows the certificate that came of it.

    A rotation is asked for by another DNS name in the server's entry: the name in the certificate tells which change it came of.
    The clock starts before the command that changes the entry, so the time is an upper bound of what the way takes: command,
    commit, push to the agent, signing request, signature, files, reload, handshake.
    """

    def __init__(self, server):
        self.server, self.times, self.certificates, self.issuers = server, [], set(), set()

    def turn(self, pause):
        """One change, and whatever else is served until `pause` seconds after it."""
        marker = f"r{len(self.times)}.{self.server.site.name}.test"
        start = time.monotonic()
        self.server.site.deployment.update(self.server.site.identity, dns=(marker,))
        process.wait_until(lambda: marker.encode() in (self.see() or b""), 20,
                           f"a certificate is not served 20 s after the change at the authority (the {len(self.times)}th)",
                           self.server.site.deployment.agent, interval=0.01)
        self.times.append(time.monotonic() - start)
        while time.monotonic() < start + pause:
            self.see()
            time.sleep(0.1)

    def see(self):
        certificate = self.server.served_certificate()
        if certificate is not None and certificate not in self.certificates:
            self.certificates.add(certificate)
            self.issuers.add(tls.issuer_of(certificate))
        return certificate

    @property
    def leaf_rotations(self):
        return len(self.certificates) - 1

    @property
    def ca_rotations(self):
        return len(self.issuers) - 1

    def milliseconds(self, quantile):
        """The smallest time that this part of all rotations kept to."""
        ordered = sorted(self.times)
        rank = max(0, -(-len(ordered) * int(quantile * 100) // 100) - 1)
        return round(1000 * ordered[rank])
