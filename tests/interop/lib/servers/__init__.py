"""One adaptor a server; base.py tells how to write one."""
from lib.servers.apache import Apache
from lib.servers.caddy import Caddy
from lib.servers.envoy import Envoy
from lib.servers.envoy_files import EnvoyFiles
from lib.servers.ghostunnel import Ghostunnel
from lib.servers.haproxy import HAProxy, HAProxyByAgent, HAProxyRuntime
from lib.servers.mariadb import MariaDB
from lib.servers.nats import NATS
from lib.servers.nginx import Nginx
from lib.servers.postgresql import PostgreSQL
from lib.servers.rabbitmq import RabbitMQ
from lib.servers.redis import Redis
from lib.servers.stunnel import Stunnel
from lib.servers.workloads import ALL as WORKLOADS

BY_NAME = {server.name: server for server in (
    Envoy,
    Nginx,
    HAProxy,
    NATS,
    Redis,
    PostgreSQL,
    Apache,
    Stunnel,
    Caddy,
    RabbitMQ,
    MariaDB,
    Ghostunnel,
    EnvoyFiles,
    HAProxyByAgent,
    HAProxyRuntime,
    *WORKLOADS,
)}
# Judged in every check. The others only when they are named: all at once are too much for two cores.
DEFAULT = [server.name for server in (Envoy, Nginx, HAProxy, NATS, Redis, PostgreSQL)]
