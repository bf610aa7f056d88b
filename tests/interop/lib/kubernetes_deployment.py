"""Our server and agents on a test control plane, with the accounts, rights and configuration of examples/kubernetes."""
import json

from lib import manifests, process
from lib.process import Process

TRUST_DOMAIN = "example.org"
CLUSTER = "demo"
AUDIENCE = "signet"
APPLIED = ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap",
           "CSIDriver")


class Agent:
    """What the agent of one node needs and has: its pod, its token, its files, its process."""

    def __init__(self, node, folder, kubelet, pod):
        self.node, self.folder, self.kubelet, self.pod = node, folder, kubelet, pod
        self.token_file = folder / "token"
        self.socket = folder / "api.sock"
        self.csi_socket = folder / "csi.sock"
        self.process = None

    @property
    def endpoint(self):
        return f"unix://{self.socket}"


class KubernetesDeployment:
    """Applies the manifests but for what nobody would run here (pods, claims), and runs the programs as processes."""

    def __init__(self, plane, build, folder, variant="socket-per-pod"):
        self.plane, self.admin, self.folder = plane, plane.admin, folder
        self.server_binary = build / "ca/cmd/signet-server"
        self.agent_binary = build / "workload-api/cmd/signet-agent"
        self.documents = manifests.load(variant)
        self.server_socket = folder / "server.sock"
        self.port = process.free_port()
        self.server = None
        self.agents = {}
        for document in self.documents:
            if document["kind"] in APPLIED:
                self.admin.create(document)

    def server_config(self, identities=None, psat=None):
        """The ConfigMap's configuration with paths of this machine; `identities` and `psat` add to the cluster's."""
        kubeconfig = str(self.plane.kubeconfig("signet-server", token_file=self.folder / "server.token"))
        config = json.loads(manifests.find(self.documents, "ConfigMap", "signet-server")["data"]["server.json"])
        config["server"].update({
            "bind_address": "127.0.0.1", "bind_port": self.port, "data_dir": str(self.folder / "server"),
            "socket_path": str(self.server_socket), "log_format": "text", "log_level": "debug",
            "ratelimit": {"attestation": False, "signing": False}})  # one machine is every node here
        plugins = config["plugins"]
        plugins["NodeAttestor"]["k8s_psat"]["plugin_data"]["clusters"][CLUSTER].update(
            {"kube_config_file": kubeconfig, **(psat or {})})
        plugins["Notifier"]["k8sbundle"]["plugin_data"]["kube_config_file_path"] = kubeconfig
        cluster = config["kubernetes"]["clusters"][CLUSTER]
        cluster["kube_config_file"] = kubeconfig
        cluster["identities"].update(identities or {})
        return config

    def start_server(self, **changes):
        token = self.admin.request_token("signet", "signet-server", seconds=3600)
        self.write("server.token", token)
        self.write("server.json", json.dumps(self.server_config(**changes)))
        self.server = Process("signet-server", [self.server_binary, "run", "-config", self.folder / "server.json"],
                              self.folder)
        process.wait_until(lambda: self.healthy(self.server_binary, self.server_socket), 20,
                           lambda: f"server does not answer: {self.server.tail()}", self.server)
        self.wait_for_bundle()

    def wait_for_bundle(self):
        """The ConfigMap that the server keeps; what it holds is what agents are given."""
        def bundle():
            return self.admin.get("ConfigMap", "signet-bundle", "signet-agent").get("data", {}).get("bundle.crt")
        self.write("bundle.crt", process.wait_until(
            bundle, 20, lambda: f"the server does not write the bundle: {self.server.tail()}", self.server))

    def add_agent(self, node, kubelet=None):
        """The agent's pod on a node, with a token as the projected volume would have it. Unless a kubelet runs in the
        folder `kubelet`, the node is made here, and a folder as a kubelet would have it."""
        folder = self.folder / node
        folder.mkdir()
        if kubelet is None:
            kubelet = folder / "kubelet"
            (kubelet / "pods").mkdir(parents=True)
            (kubelet / "plugins_registry").mkdir()
            self.admin.add_node(node)
        pod = self.admin.add_pod("signet-agent", f"signet-agent-{node}", "signet-agent", node)
        self.admin.set_phase("signet-agent", f"signet-agent-{node}", "Running")
        agent = self.agents[node] = Agent(node, folder, kubelet, pod)
        self.write(agent.token_file, self.agent_token(agent))
        return agent

    def agent_token(self, agent, audiences=(AUDIENCE,)):
        return self.admin.request_token("signet-agent", "signet-agent", audiences, pod=agent.pod)

    def agent_config(self, agent):
        config = json.loads(manifests.find(self.documents, "ConfigMap", "signet-agent")["data"]["agent.json"])
        config["agent"].update({
            "server_address": "127.0.0.1", "server_port": self.port, "socket_path": str(agent.socket),
            "trust_bundle_path": str(self.folder / "bundle.crt"), "data_dir": str(agent.folder / "data"),
            "log_format": "text", "log_level": "debug"})
        config["plugins"]["NodeAttestor"]["k8s_psat"]["plugin_data"]["token_path"] = str(agent.token_file)
        # No kubelet here: the agent watches its node's pods with the node's own right to see them.
        node = self.plane.kubeconfig(agent.node, certificate=self.plane.pki.node(agent.node))
        config["plugins"]["WorkloadAttestor"] = {"k8s": {"plugin_data": {
            "pod_source": "api_server", "kube_config_file": str(node), "node_name": agent.node}}}
        if "csi" in config:
            config["csi"].update({
                "socket_path": str(agent.csi_socket), "pods_dir": str(agent.folder / "pods"),
                "registration_dir": str(agent.kubelet / "plugins_registry"), "kubelet_dir": str(agent.kubelet)})
        return config

    def start_agent(self, agent):
        self.write(agent.folder / "agent.json", json.dumps(self.agent_config(agent)))
        agent.process = Process(f"signet-agent-{agent.node}",
                                [self.agent_binary, "run", "-config", agent.folder / "agent.json"], self.folder)
        process.wait_until(lambda: self.healthy(self.agent_binary, agent.socket), 30,
                           lambda: f"agent does not serve: {agent.process.tail()}", agent.process)
        return agent

    def write(self, path, content):
        path = self.folder / path
        path.touch(mode=0o600)
        path.write_text(content)

    @staticmethod
    def healthy(binary, socket):
        try:
            process.run([binary, "healthcheck", "-socketPath", socket], timeout=10)
            return True
        except process.Failed:
            return False

    def cli(self, *arguments):
        return process.run([self.server_binary, *arguments, "-socketPath", self.server_socket])

    def stop(self):
        for running in [*(agent.process for agent in self.agents.values()), self.server]:
            if running is not None:
                running.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
