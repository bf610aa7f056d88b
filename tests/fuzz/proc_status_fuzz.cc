#include <cstdint>

#include "attestor/workload/unix/procfs.h"
#include "core/base/bytes.h"
#include "core/base/check.h"

/// Whatever the text: no crash, and what is accepted names its four lines.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = signet::AsText({data, size});
  if (const auto status = signet::attestor::ParseProcStatus(text); status.ok()) {
    SIGNET_CHECK(text.find("Uid:") != text.npos && text.find("Groups:") != text.npos,
                 "accepted a status without credentials");
    SIGNET_CHECK(status->groups.size() <= size, "more groups than bytes");
  }
  if (const auto start_time = signet::attestor::ParseStartTime(text); start_time.ok()) {
    const std::string_view after_name = text.substr(text.rfind(')') + 1);
    SIGNET_CHECK(after_name.find(std::to_string(*start_time)) != text.npos,
                 "start time is not in the text");
  }
  return 0;
}
