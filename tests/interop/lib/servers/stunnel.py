"""stunnel on examples/stunnel: one PEM file, SIGHUP, peers by the DNS name of their entries."""
import subprocess
import time

from lib.backend import Backend
from lib.load import Rotations
from lib.process import Failed
from lib.servers.base import FRONTEND, Server, dns_name


ROTATIONS = 10


class Stunnel(Server):
    name, uid, program_name = "stunnel", 65319, "stunnel4"
    clients_need_names = keep_alive = True
    backend = None

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

    def instead(self):
        return {6: self.rotates_with_gaps}

    def rotates_with_gaps(self, _):
        """Its port is closed for a moment at each SIGHUP, so that a load has failures. The certificates must follow."""
        rotations, end = Rotations(self), time.monotonic() + 200
        while rotations.leaf_rotations < ROTATIONS or rotations.ca_rotations < ROTATIONS:
            if time.monotonic() > end:
                raise Failed(f"too slow: {rotations.leaf_rotations} leaf and {rotations.ca_rotations} CA rotations")
            rotations.turn(1.7)
        return (f"{rotations.leaf_rotations} leaf and {rotations.ca_rotations} CA rotations served, "
                "but it refuses connections for a moment at each")

    def start(self):
        self.backend = Backend()
        ours = f"checkHost = {dns_name(FRONTEND)}\n"
        config = self.sample("stunnel.conf", [
            ("setuid = stunnel4\nsetgid = stunnel4\n", ""),  # here it is that user from the start
            ("/run/stunnel4/signet.pid", self.pid_file),
            ("127.0.0.1:8080", self.backend.address),
            (ours, f"{ours}checkHost = partner\n")])
        self.run([self.program, config])

    def stop(self):
        super().stop()
        if self.backend is not None:
            self.backend.stop()
