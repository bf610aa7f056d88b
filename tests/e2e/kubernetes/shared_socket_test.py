"""Pods on the node's shared socket: real cgroups, a real API server, and no registration entry anywhere."""
import json
import time

import control_plane
from world import World

LIMIT = 2.0  # seconds from the pod's removal to the end of its streams


class SharedSocketTest(World):
    def test_a_pod_has_the_identity_of_its_service_account_without_registration(self):
        for account in ("frontend", "backend"):
            self.assert_identity(self.in_pod(self.pod(account)).next(), f"/ns/shop/sa/{account}")
        self.assertEqual(json.loads(self.signet.cli("entry", "count", "-output", "json")), {"count": 0})

    def test_a_pod_of_another_node_gets_its_identity_there_and_not_here(self):
        pod = self.pod("backend", "node2")
        self.assert_identity(self.in_pod(pod, self.agent("node2").socket).next(), "/ns/shop/sa/backend")
        self.assert_nothing(self.ask_once(self.cgroups.container(pod["metadata"]["uid"])))

    def test_a_cgroup_nested_in_ones_own_and_named_after_another_pod_changes_nothing(self):
        victim, intruder = self.pod("frontend"), self.pod("intruder")
        self.assert_identity(self.in_pod(victim).next(), "/ns/shop/sa/frontend")
        own = self.cgroups.container(intruder["metadata"]["uid"])
        self.assert_identity(self.in_pod(victim, inside=own).next(), "/ns/shop/sa/intruder")

    def test_who_is_in_no_pod_or_in_one_that_does_not_exist_gets_nothing(self):
        self.assert_identity(self.in_pod(self.pod()).next(), "/ns/shop/sa/frontend")  # the agent is awake
        self.assert_refused(self.ask_once(None))
        self.assert_nothing(self.ask_once(self.cgroups.container("00000000-1111-4222-8333-444444444444")))

    def test_pods_of_denied_namespaces_get_nothing(self):
        for namespace in ("kube-system", "signet-agent"):
            pod = self.pod("signet-agent", namespace=namespace)
            self.assert_identity(self.in_pod(self.pod()).next(), "/ns/shop/sa/frontend")
            self.assert_refused(self.ask_once(self.cgroups.container(pod["metadata"]["uid"])))

    def test_streams_end_when_the_pod_is_removed_and_nothing_comes_again(self):
        ways = {
            "removed at once": lambda pod: self.remove(pod, 0),
            "asked to end": lambda pod: self.remove(pod, 30),
            "finished": lambda pod: self.admin.set_phase("shop", pod["metadata"]["name"], "Succeeded"),
            "failed": lambda pod: self.admin.set_phase("shop", pod["metadata"]["name"], "Failed")}
        for name, end in ways.items():
            with self.subTest(name):
                pod = self.pod()
                process = self.in_pod(pod)
                self.assert_identity(process.next(), "/ns/shop/sa/frontend")
                end(pod)
                begin = time.monotonic()
                told = process.next(10)
                self.assert_refused(told, "")
                self.assertLess(told[-1] - begin, LIMIT)
                print(f"stream of a pod that was {name}: ended after {1000 * (told[-1] - begin):.0f} ms")
                self.assert_nothing(self.ask_once(self.cgroups.container(pod["metadata"]["uid"])))

    def test_a_restarted_agent_serves_the_same_pods_again(self):
        pod, agent = self.pod("backend"), self.agent()
        self.assert_identity(self.in_pod(pod).next(), "/ns/shop/sa/backend")
        agent.process.stop(hard=True)
        self.signet.start_agent(agent)
        self.assert_identity(self.in_pod(pod).next(), "/ns/shop/sa/backend")

    def test_an_entry_for_the_same_id_wins_over_the_derived_identity(self):
        pod = self.pod("backend", "node2")
        parent = next(a for a in self.signet.cli("agent", "list").split() if self.uid("node2") in a)
        self.signet.cli("entry", "create", "-parentID", parent, "-spiffeID", "spiffe://example.org/ns/shop/sa/backend",
                        "-selector", f"k8s:pod-uid:{pod['metadata']['uid']}", "-hint", "by-hand")
        workload = self.in_pod(pod, self.agent("node2").socket)
        self.assert_identity(workload.next(), "/ns/shop/sa/backend")

    def uid(self, node):
        return self.admin.get("Node", node)["metadata"]["uid"]


if __name__ == "__main__":
    control_plane.main(cgroups=True)
