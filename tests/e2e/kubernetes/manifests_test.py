"""examples/kubernetes against a real API server: every object is accepted, every right is needed and none is missing."""
import json
import subprocess
import sys
from pathlib import Path

import control_plane
from control_plane import ControlPlaneTest
from lib import manifests
from lib.kubernetes_client import ApiError

BUILD = Path(sys.argv.pop(1))
SERVER = "system:serviceaccount:signet:signet-server"
AGENT = "system:serviceaccount:signet-agent:signet-agent"
CORE = {"group": ""}
BUNDLE = {"group": "", "namespace": "signet-agent", "name": "signet-bundle"}

SERVER_NEEDS = [("create", "tokenreviews", {"group": "authentication.k8s.io"})] + [
    (verb, resource, CORE) for verb in ("get", "list", "watch") for resource in ("pods", "nodes")] + [
    (verb, "configmaps", BUNDLE) for verb in ("get", "update", "patch")]
NOBODY_GETS = [
    ("get", "nodes/proxy", CORE), ("create", "nodes/proxy", CORE), ("get", "secrets", CORE), ("list", "secrets", CORE),
    ("create", "subjectaccessreviews", {"group": "authorization.k8s.io"}), ("create", "serviceaccounts/token", CORE),
    ("create", "pods/exec", CORE), ("create", "pods", CORE), ("delete", "pods", CORE), ("patch", "nodes", CORE),
    ("update", "configmaps", {"group": "", "namespace": "kube-system", "name": "signet-bundle"}),
    ("update", "configmaps", {"group": "", "namespace": "signet-agent", "name": "signet-agent"}),
    ("list", "configmaps", {"group": "", "namespace": "signet-agent"}),
    ("impersonate", "users", CORE), ("bind", "clusterroles", {"group": "rbac.authorization.k8s.io"})]


class Manifests:
    """The cases that both variants pass; a subclass names its variant."""
    variant = None
    agent_needs = []

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.documents = manifests.load(cls.variant)
        cls.refused = []
        for document in cls.documents:
            try:
                cls.admin.create(document)
            except ApiError as error:
                cls.refused.append(f"{document['kind']} {document['metadata']['name']}: {error}")

    def config(self, name, key):
        return json.loads(manifests.find(self.documents, "ConfigMap", name)["data"][key])

    def template(self, kind, name):
        return manifests.find(self.documents, kind, name)["spec"]["template"]["spec"]

    def test_the_api_server_takes_every_object_with_strict_fields(self):
        self.assertEqual(self.refused, [])
        self.assertGreater(len(self.documents), 15)

    def test_pods_of_every_template_fulfil_the_pod_security_of_their_namespace(self):
        count = 0
        for document in self.documents:
            if "template" not in document.get("spec", {}):
                continue
            spec = dict(document["spec"]["template"]["spec"])
            spec["volumes"] = spec["volumes"] + [
                {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "some"}}
                for claim in document["spec"].get("volumeClaimTemplates", [])]
            self.admin.create({"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {
                "name": document["metadata"]["name"], "namespace": document["metadata"]["namespace"]}})
            count += 1
        self.assertEqual(count, 4)

    def test_the_servers_namespace_turns_a_pod_away_that_wants_more(self):
        with self.assertRaisesRegex(ApiError, "403.*hostPID") as refusal:
            self.admin.add_pod("signet", "greedy", "signet-server", "some-node", hostPID=True)
        self.assertIn("violates PodSecurity", str(refusal.exception))

    def test_the_server_has_every_right_that_it_needs(self):
        for verb, resource, where in SERVER_NEEDS:
            self.assertTrue(self.admin.may(SERVER, verb, resource, **where), (verb, resource, where))

    def test_the_agent_has_every_right_that_it_needs_and_no_other_on_pods_and_nodes(self):
        for verb in ("get", "list", "watch"):
            for resource in ("pods", "nodes", "nodes/pods", "nodes/stats", "configmaps"):
                self.assertEqual(self.admin.may(AGENT, verb, resource, **CORE), (verb, resource) in self.agent_needs,
                                 (verb, resource))
        self.assertFalse(self.admin.may(AGENT, "create", "tokenreviews", group="authentication.k8s.io"))

    def test_nobody_has_a_dangerous_right(self):
        for user in (SERVER, AGENT):
            for verb, resource, where in NOBODY_GETS:
                self.assertFalse(self.admin.may(user, verb, resource, **where), (user, verb, resource, where))

    def test_no_rule_is_wider_than_what_it_names(self):
        for document in self.documents:
            for rule in document.get("rules", []):
                self.assertNotIn("*", rule["verbs"] + rule["resources"] + rule["apiGroups"])
            if document["kind"].endswith("Binding"):
                self.assertIn(document["roleRef"]["name"], ("signet-server", "signet-agent", "signet-bundle"))

    def test_the_programs_accept_their_configuration(self):
        for program, name in (("ca/cmd/signet-server", "signet-server"),
                              ("workload-api/cmd/signet-agent", "signet-agent")):
            key = name.removeprefix("signet-") + ".json"
            file = self.folder / key
            file.write_text(manifests.find(self.documents, "ConfigMap", name)["data"][key])
            done = subprocess.run([BUILD / program, "validate", "-config", file], capture_output=True, text=True,
                                  timeout=20, check=False)
            self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")

    def test_names_agree_across_the_objects(self):
        server, agent = self.config("signet-server", "server.json"), self.config("signet-agent", "agent.json")
        psat = agent["plugins"]["NodeAttestor"]["k8s_psat"]["plugin_data"]
        cluster = server["plugins"]["NodeAttestor"]["k8s_psat"]["plugin_data"]["clusters"][psat["cluster"]]
        self.assertIn(psat["cluster"], server["kubernetes"]["clusters"])
        self.assertEqual(server["server"]["trust_domain"], agent["agent"]["trust_domain"])
        daemons = manifests.find(self.documents, "DaemonSet", "signet-agent")["metadata"]["namespace"]
        self.assertEqual(cluster["service_account_allow_list"], [f"{daemons}:signet-agent"])
        self.assertIn(daemons, server["kubernetes"]["clusters"][psat["cluster"]]["identities"]["denied_namespaces"])
        token = self.volume("token")["projected"]["sources"][0]["serviceAccountToken"]
        self.assertEqual([token["audience"]], cluster["audience"])
        self.assertEqual(self.mounted_at("token") + "/" + token["path"], psat["token_path"])
        bundle = server["plugins"]["Notifier"]["k8sbundle"]["plugin_data"]
        volume = self.volume("bundle")["configMap"]
        self.assertEqual((bundle["namespace"], bundle["config_map"], bundle["config_map_key"]),
                         (daemons, volume["name"], volume["items"][0]["key"]))
        self.assertEqual(self.mounted_at("bundle") + "/bundle.crt", agent["agent"]["trust_bundle_path"])
        self.assertEqual(self.mounted_at("data"), agent["agent"]["data_dir"])
        self.assertEqual(self.volume("data")["emptyDir"]["medium"], "Memory")

    def volume(self, name):
        return next(v for v in self.template("DaemonSet", "signet-agent")["volumes"] if v["name"] == name)

    def mount(self, name):
        container = self.template("DaemonSet", "signet-agent")["containers"][0]
        return next(m for m in container["volumeMounts"] if m["name"] == name)

    def mounted_at(self, name):
        return self.mount(name)["mountPath"]


class SharedSocketTest(Manifests, ControlPlaneTest):
    variant = "shared-socket"
    agent_needs = [("get", "nodes/pods")]

    def test_workloads_mount_the_folder_of_the_agents_socket(self):
        socket = self.config("signet-agent", "agent.json")["agent"]["socket_path"]
        self.assertEqual(self.volume("socket")["hostPath"]["path"] + "/api.sock", socket)
        self.assertTrue(self.template("DaemonSet", "signet-agent")["hostPID"])
        k8s = self.config("signet-agent", "agent.json")["plugins"]["WorkloadAttestor"]["k8s"]["plugin_data"]
        self.assertEqual(k8s["kubelet_ca_path"], self.mounted_at("kubelet-certificate"))
        for name in ("frontend", "backend"):
            pod = self.template("Deployment", name)
            self.assertEqual(pod["volumes"][0]["hostPath"]["path"] + "/api.sock", socket)
            self.assertEqual(pod["containers"][0]["env"][0]["value"], f"unix://{socket}")


class SocketPerPodTest(Manifests, ControlPlaneTest):
    variant = "socket-per-pod"

    def test_the_driver_asks_for_tokens_of_our_audience_alone_and_again_in_time(self):
        server = self.config("signet-server", "server.json")
        cluster = server["plugins"]["NodeAttestor"]["k8s_psat"]["plugin_data"]["clusters"]["demo"]
        spec = next(d for d in self.documents if d["kind"] == "CSIDriver")["spec"]
        self.assertEqual(spec, {
            "attachRequired": False, "podInfoOnMount": True, "volumeLifecycleModes": ["Ephemeral"],
            "tokenRequests": [{"audience": cluster["audience"][0], "expirationSeconds": 600}],
            "requiresRepublish": True, "serviceAccountTokenInSecrets": True})

    def test_names_and_folders_of_the_driver_agree(self):
        driver = next(d for d in self.documents if d["kind"] == "CSIDriver")["metadata"]["name"]
        csi = self.config("signet-agent", "agent.json")["csi"]
        self.assertEqual((csi["enabled"], csi["driver_name"]), (True, driver))
        self.assertEqual(csi["socket_path"], self.mounted_at("plugin") + "/csi.sock")
        self.assertEqual(csi["registration_dir"], self.mounted_at("registry"))
        self.assertEqual(csi["pods_dir"], self.mounted_at("pods"))
        self.assertEqual(csi["kubelet_dir"] + "/pods", self.mounted_at("kubelet-pods"))
        for name in ("plugin", "registry", "pods", "kubelet-pods"):
            self.assertEqual(self.volume(name)["hostPath"]["path"], self.mounted_at(name))
        self.assertEqual(self.mount("kubelet-pods")["mountPropagation"], "Bidirectional")
        for name in ("frontend", "backend"):
            self.assertEqual(self.template("Deployment", name)["volumes"][0]["csi"],
                             {"driver": driver, "readOnly": True})

    def test_no_pod_sees_the_hosts_processes(self):
        for document in self.documents:
            spec = document.get("spec", {}).get("template", {}).get("spec", {})
            for key in ("hostPID", "hostNetwork", "hostIPC"):
                self.assertNotIn(key, spec)


if __name__ == "__main__":
    control_plane.main()
