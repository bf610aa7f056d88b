#include "workload-api/csi/pod_tokens.h"

#include <algorithm>
#include <utility>

namespace signet::csi {

void PodTokens::Know(const CsiPod& pod) {
  const std::lock_guard lock(mutex_);
  Known& known = pods_[pod.uid];
  known.namespace_name = pod.namespace_name;
  known.name = pod.name;
}

bool PodTokens::Put(const std::string& pod_uid, PodToken token) {
  const std::lock_guard lock(mutex_);
  const auto known = pods_.find(pod_uid);
  if (known == pods_.end()) {
    return false;
  }
  PodToken& held = known->second.token;
  const ByteView old = held.text.RevealSecret();
  const ByteView fresh = token.text.RevealSecret();
  const bool same = std::equal(old.begin(), old.end(), fresh.begin(), fresh.end());
  if (same || (!held.text.empty() && token.expires_at < held.expires_at)) {
    return false;  // the kubelet repeats itself, or two volumes overtook each other
  }
  held = std::move(token);
  return true;
}

void PodTokens::Forget(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  pods_.erase(pod_uid);
}

manager::PodFacts PodTokens::Find(const std::string& pod_uid) const {
  const std::lock_guard lock(mutex_);
  const auto known = pods_.find(pod_uid);
  if (known == pods_.end()) {
    return {};
  }
  manager::PodFacts facts{.namespace_name = known->second.namespace_name,
                          .name = known->second.name};
  if (known->second.token.expires_at > clock_.Now()) {
    facts.token = known->second.token.text.Clone();
  }
  return facts;
}

}  // namespace signet::csi
