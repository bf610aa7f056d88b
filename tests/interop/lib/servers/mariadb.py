"""MariaDB on examples/mariadb: split files, FLUSH SSL, users by the subject of the certificate."""
import os
import re
import struct

from lib import process, tls
from lib.process import Process
from lib.servers.base import FRONTEND, Server, dns_name
from lib.wire import read_exactly

USERS = ("frontend", "partner")
PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH = 0x200, 0x800, 0x8000, 0x80000
CAPABILITIES = PROTOCOL_41 | SSL | SECURE_CONNECTION | PLUGIN_AUTH
ABOUT_US = struct.pack("<IIB23x", CAPABILITIES, 1 << 24, 45)  # the largest packet, utf8mb4
NO_PASSWORD = b"\0mysql_native_password\0"
QUERY = b"\x03SELECT CURRENT_USER()"
AUTHENTICATE_ANEW = END = 0xFE
ERROR = 0xFF
LOOKS = 150


class MariaDB(Server):
    name, uid, program_name = "mariadb", 65341, "mariadbd"
    address = "127.0.0.1:3306"
    clients_need_names = True

    @classmethod
    def version(cls, program):
        return re.search(r"\d+\.\d+\.\d+", process.run([program, "--version"])).group()

    @property
    def socket(self):
        return self.site.folder / "mariadbd.sock"

    @property
    def for_reloads(self):
        return self.site.folder / "signet-reload.cnf"

    def changes(self):
        return [('"owner": "mysql"', f'"owner": "{self.uid}"'), ("/run/mysqld/mysqld.sock", self.socket),
                ("/etc/mysql/signet-reload.cnf", self.for_reloads)]

    def client_subject(self, spiffe_id):
        """Whoever has no user takes the subject of somebody who has, since that is what MariaDB looks at."""
        return "/O=x/CN=partner" if spiffe_id == self.site.friends[1] else f"/C=US/O=SPIRE/CN={dns_name(FRONTEND)}"

    def deliver(self):
        self.copy("signet-reload.cnf", []).chmod(0o600)
        os.chown(self.for_reloads, self.uid, self.uid)
        super().deliver()

    def start(self):
        data = self.site.folder / "data"
        Process("mariadb-install-db", ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                                       "--auth-root-authentication-method=normal", f"--tmpdir={self.site.folder}"],
                self.site.folder, cwd=self.site.folder, **self.site.identity.popen_options()).finish(120)
        users = self.copy("users.sql", [])
        with users.open("a") as file:
            file.write("CREATE OR REPLACE USER 'partner'@'%' REQUIRE SUBJECT '/O=x/CN=partner';\n")
        config = self.sample("signet.cnf", [("3306", self.site.port)])
        self.run([self.program, f"--defaults-file={config}", f"--datadir={data}", f"--socket={self.socket}",
                  f"--init-file={users}", "--innodb-buffer-pool-size=8M", "--performance-schema=OFF"])

    def listening(self):
        return []

    def more(self):
        return {"whoever looks at its certificate and hangs up is not shut out": self.looked_at_often}

    def looked_at_often(self, judged):
        """It counts such clients and shuts their host out after 100, unless that is its own."""
        for _ in range(LOOKS):
            self.served_certificate()
        judged.must_serve(1)
        return f"served after {LOOKS} times"

    def before_tls(self, plain):
        try:
            receive(plain)
        except tls.Refused as why:
            raise ConnectionError(str(why)) from None
        send(plain, 1, ABOUT_US)

    def visit(self, context, session=None):
        """As whichever of the two users the certificate may be."""
        try:
            return self.visit_as(USERS[0], context, session)
        except tls.Refused as why:
            if "Access denied" not in str(why):
                raise
        return self.visit_as(USERS[1], context, session)

    def visit_as(self, user, context, session):
        return tls.Connection(self.site.port, context, session, lambda connection: ask(connection, user), self.before_tls)


def ask(connection, user):
    """Signs in and asks who that is."""
    send(connection, 2, ABOUT_US + user.encode() + b"\0" + NO_PASSWORD)
    if receive(connection)[0] == AUTHENTICATE_ANEW:
        send(connection, 4, b"")
        receive(connection)
    send(connection, 0, QUERY)
    packets, ends = [], 0
    while ends < 2:  # behind the columns and behind the rows
        packets.append(receive(connection))
        ends += packets[-1][0] == END and len(packets[-1]) < 9
    row = packets[-2]
    if user.encode() not in row:
        raise tls.Refused(f"answered {row}")
    return row


def send(connection, number, payload):
    connection.sendall(struct.pack("<I", len(payload) | number << 24) + payload)


def receive(connection):
    """A packet's payload; an error is a refusal."""
    payload = read_exactly(connection, struct.unpack("<I", read_exactly(connection, 4))[0] & 0xFFFFFF)
    if payload[:1] == bytes([ERROR]):
        raise tls.Refused(payload[9:].decode(errors="replace"))
    return payload
