"""One adaptor a server; base.py tells how to write one."""
from lib.servers.envoy import Envoy
from lib.servers.haproxy import HAProxy
from lib.servers.nginx import Nginx

BY_NAME = {server.name: server for server in (Envoy, Nginx, HAProxy)}
