#include "attestor/kubernetes/pod_index.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace signet::kubernetes {

PodPtr PodIndex::Find(std::string_view uid) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : *found;
}

std::vector<PodPtr> PodIndex::OnNode(std::string_view node) const {
  std::vector<PodPtr> pods;
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = by_node_.find(std::string(node)); found != by_node_.end()) {
      pods = found->second;
    }
  }
  std::ranges::sort(pods, {}, [](const PodPtr& pod) -> const std::string& { return pod->uid; });
  return pods;
}

std::vector<PodPtr> PodIndex::All() const {
  const std::shared_lock lock(mutex_);
  return {by_uid_.begin(), by_uid_.end()};
}

std::size_t PodIndex::size() const {
  const std::shared_lock lock(mutex_);
  return by_uid_.size();
}

void PodIndex::AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

void PodIndex::Put(Pod pod) {
  Nodes touched;
  {
    const std::unique_lock lock(mutex_);
    PutLocked(std::move(pod), touched);
  }
  Tell(touched);
}

void PodIndex::Remove(std::string_view uid) {
  Nodes touched;
  {
    const std::unique_lock lock(mutex_);
    if (const auto found = by_uid_.find(uid); found != by_uid_.end()) {
      RemoveLocked(PodPtr(*found), touched);
    }
  }
  Tell(touched);
}

void PodIndex::ReplaceAll(std::vector<Pod> pods) {
  Nodes touched;
  {
    const std::unique_lock lock(mutex_);
    std::set<std::string_view> listed;
    for (const Pod& pod : pods) {
      listed.insert(pod.uid);
    }
    std::vector<PodPtr> gone;
    std::ranges::copy_if(by_uid_, std::back_inserter(gone),
                         [&listed](const PodPtr& pod) { return !listed.contains(pod->uid); });
    listed.clear();  // its views end with the pods that are moved now
    for (const PodPtr& pod : gone) {
      RemoveLocked(pod, touched);
    }
    for (Pod& pod : pods) {
      PutLocked(std::move(pod), touched);
    }
  }
  Tell(touched);
}

void PodIndex::PutLocked(Pod pod, Nodes& touched) {
  const auto found = by_uid_.find(std::string_view(pod.uid));
  if (found != by_uid_.end()) {
    if (**found == pod) {
      return;
    }
    RemoveLocked(PodPtr(*found), touched);
  }
  const PodPtr shared = std::make_shared<const Pod>(std::move(pod));
  by_uid_.insert(shared);
  if (!shared->node_name.empty()) {
    by_node_[shared->node_name].push_back(shared);
    touched.insert(shared->node_name);
  }
}

void PodIndex::RemoveLocked(const PodPtr& pod, Nodes& touched) {
  by_uid_.erase(pod);
  const auto node = by_node_.find(pod->node_name);
  if (node == by_node_.end()) {
    return;
  }
  touched.insert(pod->node_name);
  std::erase(node->second, pod);
  if (node->second.empty()) {
    by_node_.erase(node);
  }
}

void PodIndex::Tell(const Nodes& nodes) const {
  if (nodes.empty()) {
    return;
  }
  for (const Listener& listener : listeners_) {
    listener(nodes);
  }
}

NodePtr NodeIndex::Find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : found->second;
}

std::size_t NodeIndex::size() const {
  const std::shared_lock lock(mutex_);
  return by_name_.size();
}

void NodeIndex::Put(Node node) {
  const std::unique_lock lock(mutex_);
  NodePtr& kept = by_name_[node.name];
  kept = std::make_shared<const Node>(std::move(node));
}

void NodeIndex::Remove(const Node& node) {
  const std::unique_lock lock(mutex_);
  const auto found = by_name_.find(node.name);
  if (found != by_name_.end() && found->second->uid == node.uid) {
    by_name_.erase(found);
  }
}

void NodeIndex::ReplaceAll(std::vector<Node> nodes) {
  const std::unique_lock lock(mutex_);
  by_name_.clear();
  for (Node& node : nodes) {
    NodePtr& kept = by_name_[node.name];
    kept = std::make_shared<const Node>(std::move(node));
  }
}

}  // namespace signet::kubernetes
