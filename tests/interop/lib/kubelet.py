"""What a kubelet does with a CSI node driver: registration, and volumes of pods with tokens of their service accounts."""
import hashlib
import json
import shutil
from pathlib import Path

from lib import process
from lib.grpc_client import RpcError, unary, unix_socket
from lib.spiffe_peers import Workload

CSI = "csi.v1"
REGISTRATION = "pluginregistration"


class Kubelet:
    """Of one node. The driver's object at the API server says what it is handed (CSIDriver)."""

    def __init__(self, messages, admin, agent, driver):
        self.messages, self.admin, self.agent, self.driver = messages, admin, agent, driver
        self.socket = None

    def register(self):
        """Finds the driver's registration socket, asks where its CSI socket is, and says that it is welcome."""
        folder = self.agent.kubelet / "plugins_registry"
        process.wait_until(lambda: list(folder.glob("*.sock")), 10, "the driver does not register")
        path, = folder.glob("*.sock")
        info = unary(unix_socket(path), f"{REGISTRATION}.Registration/GetInfo",
                     self.messages[f"{REGISTRATION}.InfoRequest"](), self.messages[f"{REGISTRATION}.PluginInfo"])
        self.socket = Path(info.endpoint)
        status = self.messages[f"{REGISTRATION}.RegistrationStatus"](plugin_registered=True)
        unary(unix_socket(path), f"{REGISTRATION}.Registration/NotifyRegistrationStatus", status,
              self.messages[f"{REGISTRATION}.RegistrationStatusResponse"])
        return info

    def call(self, method, **fields):
        service, name = method.split("/")
        return unary(unix_socket(self.socket), f"{CSI}.{service}/{name}", self.messages[f"{CSI}.{name}Request"](**fields),
                     self.messages[f"{CSI}.{name}Response"])

    def target(self, pod):
        return self.agent.kubelet / f"pods/{pod['metadata']['uid']}/volumes/kubernetes.io~csi/signet/mount"

    def publish(self, pod, token=None, **context):
        """Mounts the pod's volume; gives the folder that its containers would see."""
        target = self.target(pod)
        target.parent.mkdir(parents=True, exist_ok=True)
        metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        tokens = {}
        for request in self.driver["spec"]["tokenRequests"]:
            audience = request["audience"]
            tokens[audience] = {"expirationTimestamp": "2099-01-01T00:00:00Z", "token": token or self.admin.request_token(
                metadata["namespace"], account, [audience], request["expirationSeconds"], pod)}
        self.call("Node/NodePublishVolume", volume_id=self.volume(pod), target_path=str(target), readonly=True,
                  volume_capability={"mount": {}},
                  secrets={"csi.storage.k8s.io/serviceAccount.tokens": json.dumps(tokens)},
                  volume_context={
                      "csi.storage.k8s.io/pod.name": metadata["name"],
                      "csi.storage.k8s.io/pod.namespace": metadata["namespace"],
                      "csi.storage.k8s.io/pod.uid": metadata["uid"],
                      "csi.storage.k8s.io/serviceAccount.name": account,
                      "csi.storage.k8s.io/ephemeral": "true", **context})
        return target

    def unpublish(self, pod):
        self.call("Node/NodeUnpublishVolume", volume_id=self.volume(pod), target_path=str(self.target(pod)))
        shutil.rmtree(self.agent.kubelet / "pods" / pod["metadata"]["uid"])

    @staticmethod
    def volume(pod):
        return "csi-" + hashlib.sha256(pod["metadata"]["uid"].encode()).hexdigest()

    def workload(self, pod):
        return Workload(self.messages, self.target(pod) / "agent.sock")

    def refuses(self, call):
        """The error of a call that must fail."""
        try:
            call()
        except RpcError as refusal:
            return refusal
        raise AssertionError("was accepted")
