"""A server and two nodes' agents on a real API server, and the pods that a test puts there."""
import secrets
import sys
from pathlib import Path

import control_plane
from control_plane import ControlPlaneTest
from lib.cgroups import Cgroups
from lib.grpc_client import Messages
from lib.kubernetes_deployment import AUDIENCE, KubernetesDeployment
from lib.spiffe_peers import Workload

BUILD = Path(sys.argv.pop(1)).resolve()
REFUSED, UNAVAILABLE = 7, 14


class World(ControlPlaneTest):
    nodes = ("node1", "node2")
    server_changes = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.messages = Messages()
        cls.cgroups = Cgroups()
        cls.addClassCleanup(cls.cgroups.close)
        cls.signet = KubernetesDeployment(cls.plane, BUILD, cls.folder)
        cls.addClassCleanup(cls.signet.stop)
        cls.admin.add_service_account("shop", "intruder")
        cls.signet.start_server(**cls.server_changes)
        for node in cls.nodes:
            cls.signet.start_agent(cls.signet.add_agent(node))

    def agent(self, node="node1"):
        return self.signet.agents[node]

    def pod(self, service_account="frontend", node="node1", namespace="shop", **spec):
        """A running pod of its own for this test."""
        name = f"{service_account}-{secrets.token_hex(4)}"
        pod = self.admin.add_pod(namespace, name, service_account, node, **spec)
        self.admin.set_phase(namespace, name, "Running")
        return pod

    def remove(self, pod, grace=0):
        self.admin.delete("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], grace)

    def token_of(self, pod, audience=AUDIENCE):
        return self.admin.request_token(pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"], [audience],
                                        pod=pod)

    def in_pod(self, pod, socket=None, inside=None):
        """A process in a container of the pod that insists on an identity and follows its stream."""
        workload = Workload(self.messages, socket or self.agent().socket)
        return self.cgroups.run(self.cgroups.container(pod["metadata"]["uid"], inside), workload.insist)

    def ask_once(self, cgroup, socket=None):
        """What one attempt brings, after the time in which a true pod's identity would have come."""
        return self.cgroups.run(cgroup, Workload(self.messages, socket or self.agent().socket).once).next()

    def assert_identity(self, told, *ids):
        self.assertEqual(told[0], "svid", told)
        self.assertEqual(told[1], [f"spiffe://example.org{path}" for path in ids])

    def assert_nothing(self, told):
        """No identity: refused, or, after a wait, "nothing is known of that pod" (UNAVAILABLE)."""
        self.assertEqual(told[0], "ended", told)
        self.assertIn(told[1], (REFUSED, UNAVAILABLE), told)

    def assert_refused(self, told, text="no identity issued"):
        self.assertEqual(told[:2], ["ended", REFUSED], told)
        self.assertIn(text, told[2])
