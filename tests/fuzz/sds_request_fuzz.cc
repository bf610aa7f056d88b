// Invariants: whatever a client sends, what it wants stays bounded; an answer holds only what is
// wanted, each once; nothing is sent twice without a reason.
#include <cstdint>
#include <set>

#include "core/base/check.h"
#include "workload-api/sds/subscription.h"

using namespace signet;
using namespace signet::sds;

namespace {

/// Source has the names "a" to "h", those whose bit is set in the state.
class Source final : public SecretSource {
 public:
  Result<Resource> Find(std::string_view name) override {
    if (name.size() != 1 || name[0] < 'a' || name[0] > 'h' || !There(name[0])) {
      return NotFound("not there");
    }
    const std::string version = std::to_string(state_ >> 4) + std::string(name);
    return Resource{.version = version, .secret = std::make_shared<const std::string>(version)};
  }
  std::vector<std::string> Names() override {
    std::vector<std::string> names;
    for (char name = 'a'; name <= 'h'; ++name) {
      if (There(name)) {
        names.emplace_back(1, name);
      }
    }
    return names;
  }
  void Set(std::uint8_t state) { state_ = state; }

 private:
  bool There(char name) const { return (state_ >> ((name - 'a') % 8) & 1) != 0; }
  std::uint8_t state_ = 0xff;
};

void Check(const Subscription& subscription, const Answer& answer) {
  std::set<std::string> seen;
  for (const Answer::Item& item : answer.items) {
    SIGNET_CHECK(subscription.Wants(item.name), "a secret that nobody asked for");
    SIGNET_CHECK(seen.insert(item.name).second, "a secret twice in one answer");
  }
  SIGNET_CHECK(subscription.Rows().size() <= kMaxNames + 8, "a client wants without end");
}

}  // namespace

// Input: a byte for the variant, then [state of the source, length, request]*.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const Variant variant = data[0] % 2 == 0 ? Variant::kSotw : Variant::kDelta;
  std::string_view rest = AsText({data + 1, size - 1});
  Source source;
  Subscription subscription(variant);
  while (rest.size() >= 2) {
    source.Set(static_cast<std::uint8_t>(rest[0]));
    const std::size_t length = static_cast<std::uint8_t>(rest[1]);
    const auto ask = ParseAsk(variant, rest.substr(2, length));
    rest.remove_prefix(std::min(rest.size(), 2 + length));
    if (!ask.ok() || !subscription.Take(*ask).ok()) {
      return 0;  // the stream is over
    }
    // One nonce for all, so that inputs can acknowledge and refuse.
    const Subscription::Next next = subscription.Advance(source, "n");
    Check(subscription, next.answer);
    SIGNET_CHECK(subscription.Advance(source, "n").empty(), "unchanged content is sent again");
  }
  return 0;
}
