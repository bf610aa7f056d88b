"""stunnel on examples/stunnel: one PEM file, SIGHUP, peers by the DNS name of their entries. Its port comes from outside."""
import socket
import subprocess

from lib.backend import Backend
from lib.servers.base import FRONTEND, Server, dns_name


class Stunnel(Server):
    name, uid, program_name = "stunnel", 65319, "stunnel4"
    clients_need_names = keep_alive = True
    backend = listener = None

    @property
    def pid_file(self):
        return self.site.folder / "stunnel.pid"

    @classmethod
    def version(cls, program):
        done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
        return done.stderr.partition("stunnel ")[2].split()[0]

    def changes(self):
        return [("/run/stunnel4/signet.pid", self.pid_file), ('"stunnel4"}', f'"{self.uid}"}}')]

    def client_subject(self, spiffe_id):
        """stunnel looks for a name in the subject if there is no DNS name; whoever has none takes the one that is let in."""
        return "/O=x/CN=partner" if spiffe_id == self.site.friends[1] else f"/O=x/CN={dns_name(FRONTEND)}"

    def start(self):
        self.backend = Backend()
        ours = f"checkHost = {dns_name(FRONTEND)}\n"
        config = self.sample("stunnel.conf", [
            ("/run/stunnel4/signet.pid", self.pid_file),
            ("127.0.0.1:8080", self.backend.address),
            (ours, f"{ours}checkHost = partner\n")])
        self.listener = socket.create_server(("127.0.0.1", self.site.port), backlog=128)
        as_systemd = f"exec 3<&{self.listener.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec {self.program} {config}"
        self.run(["sh", "-c", as_systemd], pass_fds=[self.listener.fileno()])

    def stop(self):
        super().stop()
        for opened in (self.backend, self.listener):
            if opened is not None:
                opened.close()
