"""nginx on examples/nginx: split files, SIGHUP, and the agent's authorizer for the peer's ID."""
import json

from lib import process, tls
from lib.process import Process
from lib.sample import sample
from lib.servers.base import FRONTEND, Server


OWN_FOLDERS = "".join(f"  {kind}_temp_path temp;\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class Nginx(Server):
    name, uid, program_name = "nginx", 65310, "nginx"
    keep_alive = True
    rotation_bar_ms = 1000

    @property
    def pid_file(self):
        return self.site.folder / "nginx.pid"

    def changes(self):
        return [("/run/nginx.pid", self.pid_file), ('"www-data"', f'"{self.uid}"')]

    def policies(self):
        text = sample("nginx/agent.json", [('"www-data"', f'"{self.uid}"'),
                                           (f'"{FRONTEND.id}"', json.dumps(self.site.friends)[1:-1])])
        return json.loads(text)["agent"]["authorizer"]["policies"]

    def start(self):
        self.run(self.command("nginx.conf", self.pid_file, ("/run/nginx-decisions", self.site.folder / "decisions")))

    def command(self, file, pid_file, *changes):
        config = self.sample(file, [
            ("/run/nginx.pid", pid_file),
            ("/run/nginx-application.sock", f"{pid_file}.sock"),
            ("/run/signet/agent/authz.sock", self.site.deployment.authorizer_socket),
            ("  access_log off;\n", "  access_log off;\n" + OWN_FOLDERS),
            ("/var/log/nginx/error.log", "stderr"), *changes])
        return [self.program, "-e", "stderr", "-p", self.site.folder, "-c", config, "-g", "daemon off;"]

    def more(self):
        return {"files by variable need no signal": self.by_variable}

    def by_variable(self, judged):
        """A second nginx on the same files, which nobody signals."""
        port, context = process.free_port(), judged.frontend.context()
        command = self.command("nginx-variables.conf", self.site.folder / "variables.pid",
                               (f"127.0.0.1:{self.site.port}", f"127.0.0.1:{port}"))
        with Process("nginx-variables", command, self.site.folder, **self.site.identity.popen_options()) as second:
            process.wait_until(lambda: tls.served_certificate(port), 20, lambda: f"serves nobody: {second.tail()}", second)
            tls.Connection(port, context)
            before = tls.served_certificate(port)
            self.site.deployment.update(self.site.identity, dns=("variable.test",))
            seconds = tls.wait_for_other_certificate(lambda: tls.served_certificate(port), before, 20)
            tls.Connection(port, context)
        return f"a new certificate {seconds:.1f} s after the change at the authority"
