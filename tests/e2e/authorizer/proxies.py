"""Real proxies that ask the agent's authorizer. Each listens with TLS on a Unix socket in its own folder."""
import http.client
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  upstream authorizer {{ server unix:{authz}; keepalive 4; }}
  server {{
    listen unix:{socket} ssl;
    ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
    ssl_verify_client {verify};
    location = /spiffe {{
      internal;
      proxy_pass http://authorizer/authorize/{policy};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
    }}
    location / {{
      auth_request /spiffe;
      auth_request_set $spiffe_id $upstream_http_x_spiffe_id;
      add_header X-Seen-Id $spiffe_id;
      root {dir}/www;
    }}
  }}
}}
"""

CADDY = """
{{
  admin off
  auto_https off
}}
https://proxy.test {{
  bind unix/{socket}
  tls {dir}/server.pem {dir}/server.key {{
    client_auth {{
      mode {verify}
    }}
  }}
  route {{
    forward_auth unix/{authz} {{
      uri /authorize/{policy}
      header_up X-SSL-Client-Cert {{http.request.tls.client.certificate_der_base64}}
      copy_headers X-Spiffe-Id
    }}
    header X-Seen-Id {{http.request.header.X-Spiffe-Id}}
    respond "hello"
  }}
}}
"""

HAPROXY_LUA = """
core.register_action("spiffe", {{"http-req"}}, function(txn, policy)
  local answer = core.httpclient():get{{
    url = "http://authorizer/authorize/" .. policy,
    dst = "unix@{authz}",
    timeout = 1000,
    headers = {{["x-ssl-client-cert"] = {{txn:get_var("txn.client_cert") or ""}}}},
  }}
  if answer and answer.status == 200 and answer.headers["x-spiffe-id"] then
    txn:set_var("txn.spiffe_id", answer.headers["x-spiffe-id"][0])
  end
end, 1)
"""

HAPROXY = """
global
  lua-load {dir}/spiffe.lua
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 1s
frontend web
  bind unix@{socket} ssl crt {dir}/pair.pem ca-file {dir}/server.pem verify optional crt-ignore-err all ca-ignore-err all
  http-request set-var(txn.client_cert) ssl_c_der,base64
  http-request lua.spiffe {policy}
  http-request deny deny_status 403 unless {{ var(txn.spiffe_id) -m found }}
  http-request return status 200 content-type text/plain string hello hdr X-Seen-Id "%[var(txn.spiffe_id)]"
"""


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read().decode()
        self.headers = {name.lower(): value for name, value in response.getheaders()}


class Refused(Exception):
    """No answer came: the handshake or the connection failed."""


class Client:
    """One TLS connection to a proxy's Unix socket, kept open between requests."""

    def __init__(self, path, certificate=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        self.http = http.client.HTTPConnection("proxy.test")
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.settimeout(5)
        try:
            self.http.sock.connect(str(path))
            self.http.sock = context.wrap_socket(self.http.sock, server_hostname="proxy.test")
        except OSError as error:
            self.http.close()
            raise Refused(str(error)) from None

    def ask(self, method="GET", body=None, headers=None):
        try:
            self.http.request(method, "/", body=body, headers=headers or {})
            return Answer(self.http.getresponse())
        except (OSError, http.client.HTTPException) as error:
            raise Refused(str(error)) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()


def ask(path, certificate=None, **request):
    """One request on a connection of its own."""
    with Client(path, certificate) as client:
        return client.ask(**request)


class Proxy:
    """One running proxy; `template` is its configuration."""

    def __init__(self, folder, command, template, **values):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir()
        (self.dir / "www").mkdir()
        (self.dir / "www/index.html").write_text("hello")
        self.socket = self.dir / "https.sock"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=proxy.test", "-keyout", self.dir / "server.key", "-out",
                        self.dir / "server.pem"], check=True, capture_output=True)
        (self.dir / "pair.pem").write_text((self.dir / "server.pem").read_text() + (self.dir / "server.key").read_text())
        self.config = self.dir / "config"
        self.config.write_text(template.format(dir=self.dir, socket=self.socket, **values))
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen([part.format(config=self.config) for part in command], stdout=log,
                                            stderr=subprocess.STDOUT, cwd=self.dir,
                                            env=os.environ | {"HOME": str(self.dir), "XDG_CONFIG_HOME": str(self.dir),
                                                              "XDG_DATA_HOME": str(self.dir)})
        end = time.monotonic() + 10
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                text = (self.dir / "log").read_text()
                self.stop()
                raise RuntimeError(f"{command[0]} does not serve:\n{text}")
            time.sleep(0.02)

    def answers(self):
        try:
            return ask(self.socket).status > 0
        except Refused:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)


def program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def nginx(folder, authz, policy="web", verify="optional_no_ca"):
    user = "user root;" if os.geteuid() == 0 else ""
    command = [program("nginx"), "-c", "{config}", "-p", str(folder), "-e", "stderr"]
    return Proxy(folder, command, NGINX, authz=authz, policy=policy, verify=verify, user=user)


def haproxy(folder, authz, policy="der"):
    script = pathlib.Path(f"{folder}.lua")
    script.write_text(HAPROXY_LUA.format(authz=authz))
    return Proxy(folder, [program("haproxy"), "-db", "-f", "{config}"], HAPROXY.replace("{dir}/spiffe.lua", str(script)),
                 policy=policy)


def caddy(folder, authz, policy="der", verify="request"):
    return Proxy(folder, [program("caddy"), "run", "--adapter", "caddyfile", "--config", "{config}"], CADDY,
                 authz=authz, policy=policy, verify=verify)
