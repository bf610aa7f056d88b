"""The agent as a CSI node driver: what a kubelet would call, with real tokens of a real API server."""
import os
import time

import control_plane
from lib import manifests
from lib.kubelet import Kubelet
from world import World

LIMIT = 2.0


class Volumes(World):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        driver = manifests.find(cls.signet.documents, "CSIDriver", "csi.signet.internal")
        cls.kubelets = {node: Kubelet(cls.messages, cls.admin, agent, driver)
                        for node, agent in cls.signet.agents.items()}
        for kubelet in cls.kubelets.values():
            kubelet.register()

    def kubelet(self, node="node1"):
        return self.kubelets[node]

    def mounted(self, pod, node="node1", **options):
        self.kubelet(node).publish(pod, **options)
        self.addCleanup(self.unmount, pod, node)
        return pod

    def unmount(self, pod, node="node1"):
        if self.kubelet(node).target(pod).exists():
            self.kubelet(node).unpublish(pod)

    def follow(self, pod, node="node1"):
        """A process anywhere on the node, in no pod's cgroup: the socket alone says who it is."""
        return self.cgroups.run(None, self.kubelet(node).workload(pod).insist)

    def try_once(self, pod):
        return self.cgroups.run(None, self.kubelet().workload(pod).once).next()


class SocketPerPodTest(Volumes):
    def test_the_driver_registers_and_says_what_it_can(self):
        info = self.kubelet().register()
        self.assertEqual((info.type, info.name), ("CSIPlugin", "csi.signet.internal"))
        self.assertEqual(self.kubelet().call("Identity/GetPluginInfo").name, "csi.signet.internal")
        self.assertTrue(self.kubelet().call("Node/NodeGetInfo").node_id)
        for method in ("Identity/GetPluginCapabilities", "Node/NodeGetCapabilities"):  # none of the optional ones
            self.assertEqual(self.kubelet().call(method).ByteSize(), 0)

    def test_each_pods_socket_gives_that_pods_service_account(self):
        front, back = self.mounted(self.pod("frontend")), self.mounted(self.pod("backend"))
        self.assert_identity(self.follow(front).next(), "/ns/shop/sa/frontend")
        self.assert_identity(self.follow(back).next(), "/ns/shop/sa/backend")

    def test_the_mount_is_the_pods_folder_alone_and_read_only(self):
        front, back = self.mounted(self.pod("frontend")), self.mounted(self.pod("backend"))
        folder = self.kubelet().target(front)
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["agent.sock"])
        self.assertNotEqual(os.stat(folder / "agent.sock").st_ino,
                            os.stat(self.kubelet().target(back) / "agent.sock").st_ino)
        with self.assertRaises(OSError):
            (folder / "new").touch()

    def test_an_unmounted_volume_is_gone_with_its_streams(self):
        pod = self.mounted(self.pod("frontend"))
        process = self.follow(pod)
        self.assert_identity(process.next(), "/ns/shop/sa/frontend")
        self.kubelet().unpublish(pod)
        begin = time.monotonic()
        told = process.next(10)
        self.assertEqual(told[0], "ended", told)
        self.assertLess(told[-1] - begin, LIMIT)
        self.assertFalse(self.kubelet().target(pod).exists())
        self.assertFalse(any(pod["metadata"]["uid"] in p.name for p in (self.agent().folder / "pods").iterdir()))
        self.kubelet().target(pod).parent.mkdir(parents=True)
        self.kubelet().unpublish(pod)  # a second time is fine

    def test_streams_end_when_the_pod_is_removed(self):
        for grace in (0, 30):
            pod = self.mounted(self.pod("frontend"))
            process = self.follow(pod)
            self.assert_identity(process.next(), "/ns/shop/sa/frontend")
            self.remove(pod, grace)
            begin = time.monotonic()
            told = process.next(10)
            self.assert_refused(told, "")
            self.assertLess(told[-1] - begin, LIMIT)
            print(f"stream of a removed pod (grace {grace} s): ended after {1000 * (told[-1] - begin):.0f} ms")
            self.assertEqual(self.try_once(pod)[0], "ended")

    def test_a_pods_socket_survives_a_restart_of_the_agent(self):
        pod, agent = self.mounted(self.pod("backend")), self.agent()
        self.assert_identity(self.follow(pod).next(), "/ns/shop/sa/backend")
        agent.process.stop(hard=True)
        self.signet.start_agent(agent)
        self.assert_identity(self.follow(pod).next(), "/ns/shop/sa/backend")  # the mount was not touched
        self.kubelet().register()
        self.kubelet().publish(pod)  # the kubelet calls again (requiresRepublish)
        self.assert_identity(self.follow(pod).next(), "/ns/shop/sa/backend")

    def test_volumes_that_are_not_ours_to_mount_are_refused(self):
        pod = self.pod("frontend")
        kubelet = self.kubelet()
        for context in ({"csi.storage.k8s.io/ephemeral": "false"}, {"csi.storage.k8s.io/pod.uid": "../../etc"}):
            refusal = kubelet.refuses(lambda c=context: kubelet.publish(pod, **c))
            self.assertIn(refusal.code, (3, 9), refusal.message)


class WorkloadTokenTest(Volumes):
    """require_workload_token: the agent's word is not enough for any pod."""
    server_changes = {"identities": {"require_workload_token": True}}

    def test_a_pod_with_a_volume_gets_its_identity_by_its_own_token(self):
        self.assert_identity(self.follow(self.mounted(self.pod("frontend"))).next(), "/ns/shop/sa/frontend")

    def test_a_pod_on_the_shared_socket_gets_nothing(self):
        pod, other = self.pod("backend"), self.mounted(self.pod("frontend"))
        self.assert_identity(self.follow(other).next(), "/ns/shop/sa/frontend")  # the agent has heard of both
        self.assert_nothing(self.ask_once(self.cgroups.container(pod["metadata"]["uid"])))

    def test_a_token_of_another_pod_brings_nothing(self):
        pod = self.pod("frontend")
        self.mounted(pod, token=self.token_of(self.pod("backend")))
        time.sleep(1)
        self.assert_nothing(self.try_once(pod))
        self.kubelet().publish(pod)  # with its own token now
        self.assert_identity(self.follow(pod).next(), "/ns/shop/sa/frontend")


if __name__ == "__main__":
    control_plane.main(cgroups=True)
