#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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

  /// Put adds or replaces a pod. If nothing of it has changed, nobody is told.
  void Put(Pod pod);
  /// Remove does nothing if there is no such pod.
  void Remove(std::string_view uid);
  /// ReplaceAll is a fresh list: what it lacks is gone. Pods that did not change are kept as they
  /// are and nobody is told of them.
  void ReplaceAll(std::vector<Pod> pods);

 private:
  /// ByUid lets the set be searched by a uid alone, so that no uid is stored twice.
  struct ByUid {
    using is_transparent = void;
    static std::string_view Key(const PodPtr& pod) { return pod->uid; }
    static std::string_view Key(std::string_view uid) { return uid; }
    std::size_t operator()(const auto& of) const { return std::hash<std::string_view>()(Key(of)); }
    bool operator()(const auto& a, const auto& b) const { return Key(a) == Key(b); }
  };
  using Nodes = std::set<std::string>;

  void PutLocked(Pod pod, Nodes& touched);
  void RemoveLocked(const PodPtr& pod, Nodes& touched);
  void Tell(const Nodes& nodes) const;

  mutable std::shared_mutex mutex_;
  std::unordered_set<PodPtr, ByUid, ByUid> by_uid_;
  std::unordered_map<std::string, std::vector<PodPtr>> by_node_;
  std::vector<Listener> listeners_;
};

/// NodeIndex holds a cluster's nodes by name.
class NodeIndex {
 public:
  NodePtr Find(std::string_view name) const;
  std::size_t size() const;
  void Put(Node node);
  /// Remove forgets the node, unless one of that name and another uid has taken its place.
  void Remove(const Node& node);
  void ReplaceAll(std::vector<Node> nodes);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, NodePtr> by_name_;
};

}  // namespace signet::kubernetes
