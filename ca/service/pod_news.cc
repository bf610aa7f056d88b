#include "ca/service/pod_news.h"

#include <utility>

#include "ca/service/node_key.h"

namespace signet::service {

void PodNews::OnPods(const std::string& cluster, const std::set<std::string>& nodes) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& node : nodes) {
      pending_.insert(NodeKey(cluster, node));
    }
  }
  wake_();
}

void PodNews::Flush() {
  std::set<std::string> nodes;
  {
    const std::lock_guard lock(mutex_);
    nodes = std::exchange(pending_, {});
  }
  if (!nodes.empty()) {
    hub_.Touch(nodes);
  }
}

}  // namespace signet::service
