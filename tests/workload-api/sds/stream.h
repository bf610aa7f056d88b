#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/result.h"
#include "workload-api/sds/subscription.h"

namespace signet::sds::test {

using Names = std::vector<std::string>;

/// FakeSource has secrets by name whose content is their version.
class FakeSource final : public SecretSource {
 public:
  Result<Resource> Find(std::string_view name) override {
    const auto found = versions.find(std::string(name));
    if (found == versions.end()) {
      return NotFound("not there");
    }
    return Resource{.version = found->second,
                    .secret = std::make_shared<const std::string>(found->second)};
  }
  std::vector<std::string> Names() override {
    std::vector<std::string> names;
    for (const auto& [name, version] : versions) {
      names.push_back(name);
    }
    return names;
  }
  std::map<std::string, std::string> versions = {{"a", "a1"}, {"b", "b1"}};
};

/// Stream plays a client: it keeps the last nonce as Envoy does.
struct Stream {
  explicit Stream(Variant variant = Variant::kSotw) : subscription(variant) {}

  Result<bool> Take(Ask ask) { return subscription.Take(ask); }
  /// Next makes the next answer and gives "name=version" of each item.
  Names Next() {
    last = subscription.Advance(source, "n" + std::to_string(++count));
    Names sent;
    for (const Answer::Item& item : last.answer.items) {
      sent.push_back(item.name + "=" + item.resource.version);
    }
    if (!last.empty()) {
      nonce = last.answer.nonce;
    }
    return sent;
  }
  void Ack(Names names) { REQUIRE_OK(Take({.names = std::move(names), .nonce = nonce})); }
  void Nack(Names names, const std::string& why = "bad") {
    REQUIRE_OK(Take({.names = std::move(names), .nonce = nonce, .refusal = why}));
  }

  FakeSource source;
  Subscription subscription;
  Subscription::Next last;
  std::string nonce;
  int count = 0;
};

}  // namespace signet::sds::test
