// Writes pods in Kubernetes' own protobuf form, made by Kubernetes' own types: one line a pod, its name and hexadecimal.
// Run inside a module that requires k8s.io/api (made with v0.37.1): go run make_pod.go > pods.txt
package main

import (
	"encoding/hex"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const uid = types.UID("00000000-1111-4222-8333-44444444444a")

func meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "frontend-1", Namespace: "shop", UID: uid}
}

func whole() *v1.Pod {
	pod := &v1.Pod{ObjectMeta: meta()}
	deletion := metav1.NewTime(time.Unix(1790000000, 0))
	controller := true
	pod.DeletionTimestamp = &deletion
	pod.Labels = map[string]string{"z": "1", "app": "frontend", "empty": ""}
	pod.Annotations = map[string]string{"note": "anything"}
	pod.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "frontend", UID: "owner-uid", Controller: &controller}}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Apply"}}
	pod.Spec = v1.PodSpec{
		ServiceAccountName: "frontend", NodeName: "node1", HostNetwork: true,
		InitContainers: []v1.Container{{Name: "setup", Image: "setup:1"}},
		Containers:     []v1.Container{{Name: "app", Image: "app:1", Env: []v1.EnvVar{{Name: "A", Value: "b"}}}},
		EphemeralContainers: []v1.EphemeralContainer{
			{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "busybox"}}},
		Volumes: []v1.Volume{{Name: "data"}},
	}
	running := v1.ContainerState{Running: &v1.ContainerStateRunning{}}
	pod.Status = v1.PodStatus{
		Phase: v1.PodRunning, HostIP: "10.0.0.1", PodIP: "10.1.0.1",
		InitContainerStatuses: []v1.ContainerStatus{{Name: "setup", Image: "example.org/setup:1",
			ImageID: "example.org/setup@sha256:02", ContainerID: "containerd://bbbb", State: running}},
		ContainerStatuses: []v1.ContainerStatus{{Name: "app", Image: "example.org/app:1",
			ImageID: "example.org/app@sha256:01", ContainerID: "containerd://aaaa", Ready: true, RestartCount: 3}},
		EphemeralContainerStatuses: []v1.ContainerStatus{{Name: "debug", Image: "busybox", ContainerID: "cri-o://dddd"}},
	}
	return pod
}

func main() {
	mirror := &v1.Pod{ObjectMeta: meta(), Spec: v1.PodSpec{NodeName: "node1"}}
	mirror.Annotations = map[string]string{"kubernetes.io/config.mirror": "5ca1ab1e"}
	bad := &v1.Pod{ObjectMeta: meta()}
	bad.Namespace = "no/namespace"
	for _, pod := range []struct {
		name string
		pod  *v1.Pod
	}{{"whole", whole()}, {"mirror", mirror}, {"gone", &v1.Pod{ObjectMeta: meta()}}, {"bad", bad}} {
		bytes, err := pod.pod.Marshal()
		if err != nil {
			panic(err)
		}
		fmt.Println(pod.name, hex.EncodeToString(bytes))
	}
}
