#include "tests/support/kubernetes/stub/store.h"

#include <algorithm>

namespace signet::test::kube {
namespace {

constexpr std::size_t kLongestLog = 100'000;

}  // namespace

ObjectPtr Store::Find(const ResourceType& type, const std::string& ns,
                      const std::string& name) const {
  const auto objects = objects_.find(type.plural);
  if (objects == objects_.end()) {
    return nullptr;
  }
  const auto found = objects->second.find(Key(ns, name));
  return found == objects->second.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Store::List(const ResourceType& type, const std::string& ns) const {
  std::vector<ObjectPtr> out;
  const auto objects = objects_.find(type.plural);
  if (objects == objects_.end()) {
    return out;
  }
  const std::string prefix = ns.empty() ? "" : ns + "/";
  for (auto at = objects->second.lower_bound(prefix);
       at != objects->second.end() && at->first.rfind(prefix, 0) == 0; ++at) {
    out.push_back(at->second);
  }
  return out;
}

ObjectPtr Store::Put(const ResourceType& type, Json object) {
  const std::string key = Key(Text(object, "metadata.namespace"), Text(object, "metadata.name"));
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  ObjectPtr& slot = objects_[type.plural][key];
  ObjectPtr before = slot;
  slot = std::make_shared<const Json>(std::move(object));
  Log({.version = version_, .type = &type, .before = std::move(before), .after = slot});
  return slot;
}

void Store::Remove(const ResourceType& type, const std::string& ns, const std::string& name) {
  auto& objects = objects_[type.plural];
  const auto at = objects.find(Key(ns, name));
  if (at == objects.end()) {
    return;
  }
  Json last = *at->second;
  last["metadata"]["resourceVersion"] = std::to_string(++version_);
  Log({.version = version_,
       .type = &type,
       .before = at->second,
       .deleted = std::make_shared<const Json>(std::move(last))});
  objects.erase(at);
}

void Store::Log(Change change) {
  log_.push_back(std::move(change));
  if (log_.size() > kLongestLog) {
    oldest_ = log_.front().version;
    log_.pop_front();
  }
}

std::vector<Change> Store::Since(std::uint64_t version) const {
  const auto first = std::upper_bound(
      log_.begin(), log_.end(), version,
      [](std::uint64_t after, const Change& change) { return after < change.version; });
  return {first, log_.end()};
}

void Store::Compact() {
  // One version is skipped, so that what was read before is older than everything that is left.
  oldest_ = ++version_;
  log_.clear();
}

Json Store::Dump() const {
  Json all = Json::object();
  for (const auto& [plural, objects] : objects_) {
    Json& list = all[std::string(plural)] = Json::array();
    for (const auto& [key, object] : objects) {
      list.push_back(*object);
    }
  }
  return {{"version", version_}, {"objects", all}};
}

void Store::Load(const Json& dump) {
  version_ = dump.at("version").get<std::uint64_t>() + 1;
  oldest_ = version_;
  for (const auto& [plural, list] : dump.at("objects").items()) {
    const ResourceType& type = TypeOf(plural);
    for (const Json& object : list) {
      const std::string key =
          Key(Text(object, "metadata.namespace"), Text(object, "metadata.name"));
      objects_[type.plural][key] = std::make_shared<const Json>(object);
    }
  }
}

}  // namespace signet::test::kube
