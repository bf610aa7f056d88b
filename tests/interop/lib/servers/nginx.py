"""nginx on examples/nginx: split files, SIGHUP, and the agent's authorizer for the peer's ID."""
import json

from lib.sample import sample
from lib.servers.base import FRONTEND, Server


OWN_FOLDERS = "".join(f"  {kind}_temp_path temp;\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class Nginx(Server):
    name, uid, program_name = "nginx", 65310, "nginx"
    keep_alive = True

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
        config = self.sample("nginx.conf", [
            ("/run/nginx.pid", self.pid_file),
            ("/run/nginx-application.sock", self.site.folder / "application.sock"),
            ("/run/nginx-decisions", self.site.folder / "decisions"),
            ("/run/signet/agent/authz.sock", self.site.deployment.authorizer_socket),
            ("  access_log off;\n", "  access_log off;\n" + OWN_FOLDERS),
            ("/var/log/nginx/error.log", "stderr")])
        self.run([self.program, "-e", "stderr", "-p", self.site.folder, "-c", config, "-g", "daemon off;"])
