#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/kubernetes/stub/world.h"

namespace signet::test::kube {

/// Objects answers reads and writes of stored objects. The caller holds the lock of the world.
class Objects {
 public:
  explicit Objects(World& world) : world_(world) {}

  /// AddNamespace: for those that every cluster has.
  void AddNamespace(const std::string& name);
  Answer Get(const Target& target, const Request& request) const;
  Answer List(const Target& target, const Request& request);
  Answer Create(const Target& target, const Request& request);
  /// Update is PUT; with a patch it is PATCH.
  Answer Update(const Target& target, const Request& request);
  Answer Delete(const Target& target, const Request& request);
  /// Continue tokens of before are refused with 410.
  void ForgetPages() { pages_.clear(); }

 private:
  ObjectPtr Require(const Target& target) const;
  Json Patched(const Target& target, const Json& current, const Request& request) const;
  ObjectPtr Store(const Target& target, const ObjectPtr& current, Json wanted);
  /// What is left of a list that was not read to its end.
  struct Page {
    std::uint64_t version;
    std::vector<ObjectPtr> rest;
  };
  std::vector<ObjectPtr> FirstPage(const Target& target, const Request& request) const;
  Page NextPage(const std::string& token, const std::string& query) const;
  std::string KeepPage(Page page, const std::string& query);  ///< → continue token

  World& world_;
  std::map<std::string, Page> pages_;  ///< by continue token and query
};

/// ParseBody fails with 400 on what is no JSON object.
Json ParseBody(const Target& target, const Request& request);

}  // namespace signet::test::kube
