"""Apache on examples/apache: split files, a graceful restart by SIGUSR1, peers by an expression on the certificate."""
from lib import tls
from lib.servers.base import FRONTEND, Server, dns_name


class Apache(Server):
    name, uid, program_name = "apache", 65314, "apache2"
    keep_alive = True

    @property
    def pid_file(self):
        return self.site.folder / "apache2.pid"

    def changes(self):
        return [("/run/apache2/apache2.pid", self.pid_file), ('"www-data"}', f'"{self.uid}"}}')]

    def start(self):
        pages = self.site.folder / "pages"
        pages.mkdir()
        (pages / "index.html").write_text(tls.BODY)
        # Here it is that user from the start. The frontend has a DNS name if another server of the same run needs one.
        rule = "Require expr \"'{}' in PeerExtList('2.5.29.17')\"".format
        ours = f"URI:{FRONTEND.id}"
        config = self.sample("apache2.conf", [
            ("User www-data\nGroup www-data\n", ""), ("/etc/apache2", self.site.folder), ("/srv/www", pages),
            ("/run/apache2/apache2.pid", self.pid_file), ("/var/log/apache2/error.log", self.site.folder / "error.log"),
            (rule(ours), "\n".join(rule(form) for form in (
                ours, f"{ours}, DNS:{dns_name(FRONTEND)}", f"DNS:{dns_name(FRONTEND)}, {ours}",
                f"URI:{self.site.friends[1]}")))])
        self.run([self.program, "-D", "FOREGROUND", "-f", config])
