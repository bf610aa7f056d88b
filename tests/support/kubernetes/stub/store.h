#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/kubernetes/stub/resources.h"

namespace signet::test::kube {

/// Change is one write: created (no before), modified, or deleted (no after).
struct Change {
  std::uint64_t version = 0;
  const ResourceType* type = nullptr;
  ObjectPtr before = {};
  ObjectPtr after = {};
  ObjectPtr deleted = {};  ///< what it was, with the version of its end
};

/// Store holds objects and the log of their changes, as etcd does. The caller locks.
class Store {
 public:
  std::uint64_t version() const { return version_; }
  ObjectPtr Find(const ResourceType& type, const std::string& ns, const std::string& name) const;
  /// All in key order; an empty namespace means every one.
  std::vector<ObjectPtr> List(const ResourceType& type, const std::string& ns) const;
  /// Put creates or replaces, by metadata; sets resourceVersion.
  ObjectPtr Put(const ResourceType& type, Json object);
  void Remove(const ResourceType& type, const std::string& ns, const std::string& name);

  /// oldest: a watch may begin at this version or at a later one.
  std::uint64_t oldest() const { return oldest_; }
  /// The changes after this version, which is not before oldest().
  std::vector<Change> Since(std::uint64_t version) const;
  void Compact();

  Json Dump() const;
  /// Load begins with what Dump gave; its log is lost, as a restarted API server's cache is.
  void Load(const Json& dump);

 private:
  static std::string Key(const std::string& ns, const std::string& name) { return ns + "/" + name; }
  void Log(Change change);

  std::uint64_t version_ = 100;
  std::uint64_t oldest_ = 0;
  std::map<std::string_view, std::map<std::string, ObjectPtr>> objects_;  ///< by plural and key
  std::deque<Change> log_;
};

}  // namespace signet::test::kube
