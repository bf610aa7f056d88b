"""The CSI driver under a kubelet's own code: Kubernetes' hollow kubelet, which has a fake runtime, but real volumes.

It finds the driver's registration socket, asks the API server for the pod's token (as a node, under NodeRestriction), and
calls the driver. The driver's mount is real; there are no containers, so the test looks into the mounted folder itself.
"""
import os
import time
from pathlib import Path

import control_plane
from lib import process
from lib.kubernetes import find_binary
from lib.kubernetes_client import CONTAINER
from lib.process import Process
from lib.spiffe_peers import Workload
from world import World

NODE = "hollow"


class HollowKubeletTest(World):
    nodes = ()

    @classmethod
    def setUpClass(cls):
        binary = find_binary("hollow-node")
        super().setUpClass()
        kubeconfig = cls.plane.kubeconfig(NODE, certificate=cls.plane.pki.node(NODE))
        cls.kubelet = Process("hollow-node", [
            binary, "--morph=kubelet", f"--name={NODE}", f"--kubeconfig={kubeconfig}", "--use-host-image-service=false",
            "--kubelet-port=0", "--kubelet-read-only-port=0"], cls.folder, preexec_fn=process.die_with_parent)
        cls.root = Path(cls.kubelet.wait_for(r'Using (\S+) as root dir', 20)[1])
        cls.addClassCleanup(control_plane.discard, cls.root)
        cls.addClassCleanup(cls.kubelet.stop)
        cls.kubelet.wait_for("Successfully registered node", 60)
        cls.signet.start_agent(cls.signet.add_agent(NODE, kubelet=cls.root))

    def test_a_volume_brings_the_pods_identity_and_goes_with_the_pod(self):
        mounts = [{"name": "signet", "mountPath": "/run/signet", "readOnly": True}]
        pod = self.admin.add_pod("shop", "hollow", "frontend", NODE, volumes=[
            {"name": "signet", "csi": {"driver": "csi.signet.internal", "readOnly": True}}], containers=[
                {**CONTAINER, "volumeMounts": mounts}])  # a kubelet leaves out volumes that nothing mounts
        begin = time.monotonic()
        socket = self.root / f"pods/{pod['metadata']['uid']}/volumes/kubernetes.io~csi/signet/mount/agent.sock"
        process.wait_until(socket.exists, 60, lambda: f"no socket: {self.kubelet.tail(12)}", self.kubelet)
        print(f"socket mounted by the kubelet {time.monotonic() - begin:.1f} s after the pod's creation")
        workload = self.cgroups.run(None, Workload(self.messages, socket).insist)
        self.assert_identity(workload.next(), "/ns/shop/sa/frontend")

        self.admin.delete("Pod", "hollow", "shop")
        told = workload.next(60)
        self.assertEqual(told[0], "ended", told)
        process.wait_until(lambda: not os.path.exists(socket.parent), 90,
                           lambda: f"the kubelet does not unmount: {self.kubelet.tail(12)}", self.kubelet)


if __name__ == "__main__":
    control_plane.main("hollow-node", cgroups=True)
