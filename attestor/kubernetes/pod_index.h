#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "attestor/kubernetes/objects.h"

namespace signet::kubernetes {

/// PodIndex holds the pods of a cluster or of one node, by uid and by node. Fed by one Watcher;
/// read by many threads. Pods are immutable and shared.
class PodIndex {
 public:
  PodPtr Find(std::string_view uid) const;
  /// OnNode lists a node's pods, by uid.
  std::vector<PodPtr> OnNode(std::string_view node) const;
  std::vector<PodPtr> All() const;
  std::size_t size() const;

  /// Listener is told of nodes whose pods have changed, after the change, by the thread that made
  /// it; it must not block. Add before the first change.
  using Listener = std::function<void(const std::set<std::string>& nodes)>;
  void AddListener(Listener listener);

  void Put(Pod pod);
  void Remove(std::string_view uid);
  /// ReplaceAll is a fresh list: what it lacks is gone. Pods that did not change are kept as they
  /// are and nobody is told of them.
  void ReplaceAll(std::vector<Pod> pods);

 private:
  void PutLocked(PodPtr pod, std::set<std::string>& touched);
  void RemoveLocked(const std::string& uid, std::set<std::string>& touched);
  void Tell(const std::set<std::string>& nodes) const;

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, PodPtr> by_uid_;
  std::unordered_map<std::string, std::set<std::string>> by_node_;  ///< node → uids
  std::vector<Listener> listeners_;
};

/// NodeIndex holds a cluster's nodes by name.
class NodeIndex {
 public:
  NodePtr Find(std::string_view name) const;
  std::size_t size() const;
  void Put(Node node);
  void Remove(std::string_view name);
  void ReplaceAll(std::vector<Node> nodes);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, NodePtr> by_name_;
};

}  // namespace signet::kubernetes
