"""PostgreSQL on examples/postgresql: a reload by HUP to the postmaster, roles by the subject of the certificate."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

from lib import process, tls
from lib.peers import Missing
from lib.servers.base import FRONTEND, Server, dns_name

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SSL_REQUEST = struct.pack(">II", 8, 80877103)
START_UP = 196608  # version 3.0
QUERY = "SELECT current_user"
ROLE = "frontend"
OUR_SUBJECT = f"/C=US/O=SPIRE/CN={dns_name(FRONTEND)}"
INITDB_USER = 65534  # initdb wants one that has a name: nobody


class PostgreSQL(Server):
    name, uid, program_name = "postgresql", 65313, "postgres"
    clients_need_names = True

    @classmethod
    def find(cls):
        if not (PROGRAMS / cls.program_name).exists():
            raise Missing(f"no {PROGRAMS / cls.program_name} here (scripts/setup.sh, group servers)")
        return PROGRAMS / cls.program_name

    @classmethod
    def version(cls, program):
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split()[2]

    @property
    def data(self):
        return self.site.folder / "data"

    def changes(self):
        return [("/var/lib/postgresql/15/main", self.data), ('"postgres"}', f'"{self.uid}"}}')]

    def client_subject(self, spiffe_id):
        """Whoever has no role takes the subject of somebody who has, since that is what PostgreSQL looks at."""
        return "/O=x/CN=partner" if spiffe_id == self.site.friends[1] else OUR_SUBJECT

    def deliver(self):
        self.make_cluster()
        super().deliver()

    def make_cluster(self):
        self.data.mkdir(mode=0o700)
        os.chown(self.data, INITDB_USER, INITDB_USER)
        nobody = {"user": INITDB_USER, "group": INITDB_USER, "extra_groups": []}
        process.run([PROGRAMS / "initdb", "-D", self.data, "-U", "postgres", "-A", "reject", "-N", "-E", "UTF8",
                     "--no-locale"], timeout=120, cwd="/", **nobody)
        made = subprocess.run([PROGRAMS / "postgres", "--single", "-D", self.data, "postgres"], cwd="/", check=False,
                              input=f"CREATE ROLE {ROLE} LOGIN", capture_output=True, text=True, **nobody)
        if made.returncode != 0:
            raise process.Failed(f"no role {ROLE}: {made.stderr}")
        for path in (self.data, *self.data.rglob("*")):
            shutil.chown(path, self.uid, self.uid)

    def start(self):
        ours = f'"CN={dns_name(FRONTEND)},O=SPIRE,C=US"    {ROLE}\n'
        config = self.copy("signet.conf", [
            ("8443", self.site.port),
            ("/run/signet/postgresql", self.site.files),
            ("/etc/postgresql/15/main/pg_hba.conf", self.copy("pg_hba.conf", [])),
            ("/etc/postgresql/15/main/pg_ident.conf",
             self.copy("pg_ident.conf", [(ours, f'{ours}spiffe  "CN=partner,O=x"    {ROLE}\n')]))])
        self.run([self.program, "-D", self.data, "-c", f"config_file={config}",
                  "-c", f"unix_socket_directories={self.site.folder}", "-c", "fsync=off"])

    def wait_ready(self):
        super().wait_ready()
        self.process.wait_for("ready to accept connections", 30)

    def before_tls(self, plain):
        plain.sendall(SSL_REQUEST)
        if plain.recv(1) != b"S":
            raise ConnectionError("it has no TLS")

    def talk(self, connection):
        """Signs in as the role and asks who that is."""
        words = f"user\0{ROLE}\0database\0postgres\0\0".encode()
        connection.sendall(struct.pack(">II", 8 + len(words), START_UP) + words)
        until_ready(connection)
        text = QUERY.encode() + b"\0"
        connection.sendall(b"Q" + struct.pack(">I", 4 + len(text)) + text)
        answer = until_ready(connection)
        connection.sendall(b"X" + struct.pack(">I", 4))
        if ROLE.encode() not in answer.get(b"D", b""):
            raise tls.Refused(f"answered {answer}")
        return answer[b"D"]


def until_ready(connection):
    """The bodies of messages up to ReadyForQuery, by type."""
    messages = {}
    while b"Z" not in messages:
        kind = exactly(connection, 1)
        messages[kind] = exactly(connection, struct.unpack(">I", exactly(connection, 4))[0] - 4)
        if kind == b"E":
            raise tls.Refused(" ".join(field[1:].decode() for field in messages[kind].split(b"\0") if field[:1] == b"M"))
        if kind == b"R" and messages[kind] != bytes(4):
            raise tls.Refused("it asks for a password")
    return messages


def exactly(connection, count):
    read = b""
    while len(read) < count:
        more = connection.recv(count - len(read))
        if not more:
            raise tls.Refused("it hung up")
        read += more
    return read
