#include "workload-api/authorizer/verified_cache.h"

#include <utility>

namespace signet::authorizer {

const Verified* VerifiedCache::Find(const Key& key, SystemTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    return nullptr;
  }
  const Verified& verified = found->second.verified;
  // A clock that was set back may mean that the certificate is not good yet.
  if (now < verified.from || now >= verified.until) {
    Forget(key);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, found->second.place);
  return &verified;
}

void VerifiedCache::Put(const Key& key, Verified verified) {
  Forget(key);
  if (entries_.size() == capacity_) {
    entries_.erase(order_.back());
    order_.pop_back();
  }
  order_.push_front(key);
  entries_.emplace(key, Entry{std::move(verified), order_.begin()});
}

void VerifiedCache::Forget(const Key& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    order_.erase(found->second.place);
    entries_.erase(found);
  }
}

}  // namespace signet::authorizer
