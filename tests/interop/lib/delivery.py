"""Identities as files, and the server told of them: by `signet-agent deliver` as the server's own user, or by the agent itself."""
import json
import ssl
import time
from threading import Event, Thread

from lib import process
from lib.process import Process


class Targets:
    """The targets of an example's delivery.json, and where their files are."""

    def __init__(self, site, config):
        self.site = site
        self.targets = json.loads(config)["deliver"]["targets"]

    def wait(self, writer):
        """Until every target's files are there."""
        process.wait_until(lambda: all(path.exists() for path in self.paths()), 30,
                           lambda: f"no files for {self.site.name}: {writer.tail()}", writer)

    def paths(self, *contents):
        """The visible paths of the files that hold one of these contents; without any, of all."""
        return [self.site.files / name for target in self.targets.values() for name, file in target["files"].items()
                if not contents or file["content"] in contents]

    def pair(self, folder=None):
        """Certificate and key files of a generation; of the published one if none is named."""
        chain, = self.paths("chain", "key_and_chain", "chain_and_key")
        key, = self.paths("key", "key_and_chain", "chain_and_key")
        return (chain, key) if folder is None else (folder / chain.name, folder / key.name)


class Delivery(Targets):
    """`signet-agent deliver` as the server's own user."""

    dies_with_agent = False

    def __init__(self, site, config):
        super().__init__(site, config)
        deployment = site.deployment
        self.config = site.folder / "delivery.json"
        self.config.write_text(config.replace("/run/signet/agent/api.sock", str(deployment.agent_socket)))
        self.config.chmod(0o644)
        self.command = [deployment.program(deployment.agent_binary), "deliver", "-config", self.config]
        self.process = None

    def start(self):
        """Returns once every target's files are there."""
        self.process = Process(f"deliver-{self.site.name}", self.command, self.site.folder,
                               **self.site.identity.popen_options())
        self.wait(self.process)

    def stop(self, hard=False):
        if self.process is not None:
            self.process.stop(hard)


class AgentDelivery(Targets):
    """The agent writes the files itself, as root, and tells a server that is another user."""

    dies_with_agent = True

    def of_agent(self):
        """The targets as `agent.delivery.targets` has them: each with the workload that it stands for."""
        selectors = [f"unix:uid:{self.site.identity.uid}"]
        return {name: {**target, "selectors": selectors} for name, target in self.targets.items()}

    def start(self):
        self.wait(self.site.deployment.agent)

    def stop(self, hard=False):
        """The agent is stopped by its deployment."""


class PairWatch:
    """Tries every generation that is published: whether its certificate and key fit each other."""

    def __init__(self, delivery):
        self.delivery, self.seen, self.bad = delivery, set(), []
        self.ending = Event()
        self.thread = Thread(target=self.run)

    def run(self):
        while not self.ending.is_set():
            self.look()
            time.sleep(0.02)

    def look(self):
        generation = self.current()
        if generation in self.seen:
            return
        self.seen.add(generation)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(*self.delivery.pair(generation))
        except (ssl.SSLError, OSError) as why:
            if isinstance(why, ssl.SSLError) or self.current() == generation:  # else it was replaced twice meanwhile
                self.bad.append(f"{generation.name}: {why}")

    def current(self):
        return (self.delivery.site.files / "..current").resolve()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
