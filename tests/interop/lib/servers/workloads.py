"""The servers of examples/go, python and java: no files, no reloads; the library asks the agent's socket."""
import os
from pathlib import Path

from lib import examples
from lib.process import Failed
from lib.servers.base import Server


class Workload(Server):
    language = None
    keep_alive = True

    @classmethod
    def find(cls):
        return cls.language.find()

    @classmethod
    def version(cls, program):
        return cls.language.version(program)

    def deliver(self):
        pass

    def instead(self):
        return {8: lambda _: "it has no files", 10: self.no_key_file}

    @property
    def bodies(self):
        return [f"to {friend}\n" for friend in self.site.friends]

    def start(self):
        flags = ["-listen", f"127.0.0.1:{self.site.port}"]
        for friend in self.site.friends:
            flags += ["-authorize", friend]
        self.run(examples.start(self.language, self.site.deployment, self.program, "server", flags))

    def no_key_file(self, _):
        """The key stays in memory: nothing that the process has open, and nothing in its folder, holds a key."""
        pid, uid = self.process.popen.pid, self.site.identity.uid
        if os.stat(f"/proc/{pid}").st_uid != uid:
            raise Failed(f"the server does not run as {uid}")
        ours = [path for folder in (self.site.folder, "/tmp", "/dev/shm") for path in owned_files(folder, uid)]
        keys = [path for path in ours if b"PRIVATE KEY" in path.read_bytes()]
        if keys:
            raise Failed(f"it keeps keys in {keys}")
        return "no key in a file: it is in the process's memory alone"


def owned_files(folder, uid):
    """Files of a user right there, and in its own folders there."""
    for name in os.scandir(folder):
        if name.is_file(follow_symlinks=False) and name.stat().st_uid == uid:
            yield Path(name)
        elif name.is_dir(follow_symlinks=False) and name.stat().st_uid == uid:
            yield from owned_files(name, uid)


class GoServer(Workload):
    name, uid, language = "go", examples.Go.uid, examples.Go


class PythonServer(Workload):
    name, uid, language = "python", examples.Python.uid, examples.Python


class JavaServer(Workload):
    name, uid, language = "java", examples.Java.uid, examples.Java


ALL = [GoServer, PythonServer, JavaServer]
