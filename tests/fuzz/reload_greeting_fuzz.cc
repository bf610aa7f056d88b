// Invariant: what servers say before TLS is taken or refused, never with another code, and what is
// said about it is printable, short, and one line.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "workload-api/reload/greeting.h"

namespace {

void Judge(const signet::Status& status) {
  if (status.ok()) {
    return;
  }
  const auto& [code, message] = status.error();
  SIGNET_CHECK(code == signet::Code::kUnavailable, "another code");
  SIGNET_CHECK(message.size() < 400, "a long message");
  SIGNET_CHECK(
      std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }),
      "a message that a terminal would obey");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const signet::ByteView bytes(data, size);
  Judge(signet::reload::JudgeMysqlGreeting(bytes));
  Judge(signet::reload::JudgeNatsInfo(signet::AsText(bytes)));
  Judge(signet::reload::JudgeLdapAnswer(bytes));
  return 0;
}
