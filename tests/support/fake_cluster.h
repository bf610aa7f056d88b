#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attestor/kubernetes/cluster.h"
#include "attestor/kubernetes/pod_index.h"

namespace signet::test {

/// FakeCluster is a cluster whose pods, nodes and tokens a test puts in by hand.
class FakeCluster final : public kubernetes::Cluster {
 public:
  FakeCluster(std::string name, const Clock& clock, bool watched = true)
      : name_(std::move(name)), watched_(watched), uses_(kubernetes::TokenReuse::kNever, clock) {}

  const std::string& name() const override { return name_; }
  bool watched() const override { return watched_; }
  Result<kubernetes::ServiceAccountToken> VerifyToken(std::string_view token) override {
    if (outage) {
      return Error(*outage);
    }
    const auto found = tokens.find(token);
    if (found == tokens.end()) {
      return PermissionDenied("the token is not believed");
    }
    return found->second;
  }
  kubernetes::TokenUses& token_uses() override { return uses_; }

  Result<kubernetes::PodPtr> FindPod(const kubernetes::PodRef& ref) override {
    if (kubernetes::PodPtr known = KnownPod(ref.uid)) {
      return known;
    }
    if (ref.namespace_name.empty() || ref.name.empty()) {
      return NotFound("there is no such pod");
    }
    ++live_reads;
    if (outage) {
      return Error(*outage);
    }
    for (const kubernetes::Pod& pod : not_watched_yet) {
      if (pod.uid == ref.uid && pod.namespace_name == ref.namespace_name && pod.name == ref.name) {
        return std::make_shared<const kubernetes::Pod>(pod);
      }
    }
    return NotFound("there is no such pod");
  }
  Result<kubernetes::NodePtr> FindNode(std::string_view name) override {
    if (kubernetes::NodePtr known = KnownNode(name)) {
      return known;
    }
    return NotFound("there is no such node");
  }
  kubernetes::PodPtr KnownPod(std::string_view uid) const override { return pods.Find(uid); }
  std::vector<kubernetes::PodPtr> PodsOnNode(std::string_view node) const override {
    return pods.OnNode(node);
  }
  kubernetes::NodePtr KnownNode(std::string_view name) const override { return nodes.Find(name); }
  void AddPodListener(std::function<void(const std::set<std::string>& nodes)> listener) override {
    pods.AddListener(std::move(listener));
  }
  void Start() override {}
  void Stop() override {}
  kubernetes::ClusterHealth health() const override {
    return {.synced = synced, .watching = synced};
  }

  kubernetes::PodIndex pods;
  kubernetes::NodeIndex nodes;
  std::map<std::string, kubernetes::ServiceAccountToken, std::less<>> tokens;
  std::vector<kubernetes::Pod> not_watched_yet;  ///< what a live read alone finds
  std::optional<Error> outage;                   ///< of live reads and token reviews
  bool synced = true;
  std::atomic<int> live_reads{0};

 private:
  const std::string name_;
  const bool watched_;
  kubernetes::TokenUses uses_;
};

}  // namespace signet::test
