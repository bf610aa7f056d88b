#include "attestor/workload/k8s/pod_selectors.h"

#include <algorithm>
#include <string>

namespace signet::attestor {
namespace {

using kubernetes::ContainerKind;
using kubernetes::ContainerStatus;
using kubernetes::Pod;
using Selectors = std::vector<spiffe::Selector>;

void Add(Selectors& out, const std::string& name, const std::string& value) {
  if (!value.empty()) {
    out.push_back({"k8s", name + ":" + value});
  }
}

void AddImages(Selectors& out, const std::string& name, const ContainerStatus& container) {
  Add(out, name, container.image);
  Add(out, name, container.image_id);
}

/// AddAllImages also gives how many containers of that kind have been reported.
void AddAllImages(Selectors& out, const std::string& name, const Pod& pod, ContainerKind kind) {
  std::size_t count = 0;
  for (const ContainerStatus& container : pod.statuses) {
    if (container.kind == kind) {
      AddImages(out, name, container);
      ++count;
    }
  }
  Add(out, name + "-count", std::to_string(count));
}

}  // namespace

Selectors PodSelectors(const Pod& pod) {
  Selectors out;
  Add(out, "sa", pod.service_account);
  Add(out, "ns", pod.namespace_name);
  Add(out, "node-name", pod.node_name);
  Add(out, "pod-uid", pod.uid);
  Add(out, "pod-name", pod.name);
  AddAllImages(out, "pod-image", pod, ContainerKind::kRegular);
  AddAllImages(out, "pod-init-image", pod, ContainerKind::kInit);
  for (const auto& [key, value] : pod.labels) {
    out.push_back({"k8s", "pod-label:" + key + ":" + value});  // a label may be empty
  }
  for (const kubernetes::Owner& owner : pod.owners) {
    Add(out, "pod-owner:" + owner.kind, owner.name);
    Add(out, "pod-owner-uid:" + owner.kind, owner.uid);
  }
  return out;
}

Selectors ContainerSelectors(const ContainerStatus& container) {
  Selectors out;
  Add(out, "container-name", container.name);
  AddImages(out, "container-image", container);
  return out;
}

const ContainerStatus* FindContainer(const Pod& pod, std::string_view id) {
  const auto found =
      std::find_if(pod.statuses.begin(), pod.statuses.end(),
                   [&](const ContainerStatus& container) { return container.container_id == id; });
  return found == pod.statuses.end() ? nullptr : &*found;
}

bool HasUnreportedEphemeral(const Pod& pod) {
  return std::any_of(
      pod.containers.begin(), pod.containers.end(), [&](const kubernetes::Container& declared) {
        if (declared.kind != ContainerKind::kEphemeral) {
          return false;
        }
        return std::none_of(
            pod.statuses.begin(), pod.statuses.end(), [&](const ContainerStatus& reported) {
              return reported.kind == ContainerKind::kEphemeral && reported.name == declared.name &&
                     !reported.container_id.empty();
            });
      });
}

}  // namespace signet::attestor
