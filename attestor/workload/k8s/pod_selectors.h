#pragma once

#include <string_view>
#include <vector>

#include "attestor/kubernetes/objects.h"
#include "core/spiffe/selector.h"

namespace signet::attestor {

/// PodSelectors gives SPIRE's selectors of a pod (kubernetes.md §1.6): sa, ns, node-name, pod-uid,
/// pod-name, pod-label, pod-owner, pod-owner-uid, pod-image, pod-init-image and the two counts.
/// Images come twice, by tag and by digest, as the kubelet reports them. What is not known is left
/// out.
std::vector<spiffe::Selector> PodSelectors(const kubernetes::Pod& pod);

/// ContainerSelectors gives container-name and container-image.
std::vector<spiffe::Selector> ContainerSelectors(const kubernetes::ContainerStatus& container);

/// FindContainer finds a container of any kind by its id; null if the kubelet has not reported it.
const kubernetes::ContainerStatus* FindContainer(const kubernetes::Pod& pod, std::string_view id);

/// HasUnreportedEphemeral: an ephemeral container is declared that has no id yet.
bool HasUnreportedEphemeral(const kubernetes::Pod& pod);

}  // namespace signet::attestor
