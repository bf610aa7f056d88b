"""An agent that speaks SPIRE's messages alone attests by real tokens and gets what is derived for its node, no more."""
import time

import control_plane
from lib import process
from lib.grpc_client import RpcError
from lib.kubernetes_deployment import CLUSTER
from lib.spiffe_peers import StockAgent, ids_of
from world import World

NOT_FOUND, PERMISSION_DENIED = 5, 7


class StockAgentTest(World):
    nodes = ()  # the agents are this test's own

    def attested(self, node):
        """A node with an agent's pod, and an agent that has attested from there."""
        place = self.signet.agents.get(node) or self.signet.add_agent(node)
        agent = StockAgent(self.messages, self.signet.port, self.folder)
        agent.attest(CLUSTER, self.signet.agent_token(place))
        return agent

    @staticmethod
    def wait_for_entry(agent, pod):
        def found():
            return [e for e in agent.entries() if e.id == "k8s-pod." + pod["metadata"]["uid"]]
        return process.wait_until(found, 10, "the pod is not derived")[0]

    def test_its_id_names_cluster_and_node(self):
        agent = self.attested("stock-id")
        uid = self.admin.get("Node", "stock-id")["metadata"]["uid"]
        self.assertEqual(agent.id, f"spiffe://example.org/spire/agent/k8s_psat/demo/{uid}")

    def test_it_is_given_entries_of_the_pods_on_its_node_and_their_svids(self):
        agent = self.attested("stock-a")
        pod, elsewhere = self.pod("frontend", "stock-a"), self.pod("backend", "stock-b")
        entry = self.wait_for_entry(agent, pod)
        self.assertEqual([e.id for e in agent.entries()], [entry.id])
        self.assertEqual((entry.spiffe_id.trust_domain, entry.spiffe_id.path), ("example.org", "/ns/shop/sa/frontend"))
        self.assertEqual([(s.type, s.value) for s in entry.selectors], [("k8s", f"pod-uid:{pod['metadata']['uid']}")])
        self.assertEqual("spiffe://example.org" + entry.parent_id.path, agent.id)
        code, message, certificate = agent.new_svid(entry.id, "spiffe://example.org/ns/shop/sa/backend")
        self.assertEqual((code, message[:0]), (0, ""), message)
        self.assertEqual(ids_of(certificate), ["spiffe://example.org/ns/shop/sa/frontend"])
        for call in (lambda: agent.new_svid("k8s-pod." + elsewhere["metadata"]["uid"]),
                     lambda: agent.new_pod_svid(elsewhere),
                     lambda: agent.new_svid("k8s-pod.00000000-1111-4222-8333-444444444444")):
            code, message, certificate = call()
            self.assertIn(code, (NOT_FOUND, PERMISSION_DENIED), message)
            self.assertIsNone(certificate)

    def test_a_pod_that_is_being_removed_is_no_longer_listed_nor_signed(self):
        agent = self.attested("stock-c")
        for grace in (30, 0):
            pod = self.pod("backend", "stock-c")
            entry = self.wait_for_entry(agent, pod)
            self.remove(pod, grace)
            begin = time.monotonic()
            process.wait_until(lambda: not agent.entries(), 2, "the removed pod is still listed")
            print(f"derived entry gone after {1000 * (time.monotonic() - begin):.0f} ms (grace {grace} s)")
            for code, message, certificate in (agent.new_svid(entry.id), agent.new_pod_svid(pod)):
                self.assertIn(code, (NOT_FOUND, PERMISSION_DENIED), message)
                self.assertIsNone(certificate)

    def test_a_mirror_pod_has_no_identity(self):
        agent = self.attested("stock-d")
        mirror = self.pod("backend", "stock-d", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}})
        plain = self.pod("frontend", "stock-d")
        self.wait_for_entry(agent, plain)
        self.assertEqual(len(agent.entries()), 1)
        code, message, certificate = agent.new_pod_svid(mirror)
        self.assertEqual((code, certificate), (PERMISSION_DENIED, None), message)

    def test_tokens_that_prove_nothing_are_refused(self):
        place = self.signet.add_agent("stock-refused")
        gone = self.admin.add_pod("signet-agent", "gone", "signet-agent", "stock-refused")
        of_gone = self.admin.request_token("signet-agent", "signet-agent", ["signet"], pod=gone)
        self.admin.delete("Pod", "gone", "signet-agent", 0)
        tokens = {
            "no token": "x.y.z",
            "another audience": self.signet.agent_token(place, ["other"]),
            "two audiences": self.signet.agent_token(place, ["signet", "other"]),
            "the API server's audience": self.signet.agent_token(place, []),
            "bound to no pod": self.admin.request_token("signet-agent", "signet-agent", ["signet"]),
            "of a workload": self.token_of(self.pod("frontend", "stock-refused")),
            "of a pod that is gone": of_gone,
            "with another's signature": self.forged(self.signet.agent_token(place))}
        for name, token in tokens.items():
            with self.subTest(name), self.assertRaises(RpcError) as refusal:
                StockAgent(self.messages, self.signet.port, self.folder).attest(CLUSTER, token)
            print(f"{name}: {refusal.exception}")
            self.assertIn(refusal.exception.code, (3, PERMISSION_DENIED), name)
            self.assertNotIn(token, refusal.exception.message)
        with self.assertRaises(RpcError):
            StockAgent(self.messages, self.signet.port, self.folder).attest("other", self.signet.agent_token(place))
        StockAgent(self.messages, self.signet.port, self.folder).attest(CLUSTER, self.signet.agent_token(place))

    def test_a_token_is_its_first_users_alone(self):
        place = self.signet.add_agent("stock-replay")
        token = self.signet.agent_token(place)
        first = StockAgent(self.messages, self.signet.port, self.folder)
        first.attest(CLUSTER, token)
        first.attest(CLUSTER, token)
        with self.assertRaises(RpcError) as refusal:
            StockAgent(self.messages, self.signet.port, self.folder).attest(CLUSTER, token)
        self.assertEqual(refusal.exception.code, PERMISSION_DENIED)

    @staticmethod
    def forged(token):
        head, body, signature = token.split(".")
        return ".".join([head, body, signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]])


if __name__ == "__main__":
    control_plane.main(cgroups=True)
