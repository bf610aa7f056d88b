// From an operator's BatchCreateEntry to the new SVID on an open stream of the Workload API,
// through our server, push stream and agent over real sockets, 200 trials one after the other. One
// line:
//
//   propagation: p50_ms=… p99_ms=…
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "tests/workload-api/cmd/house.h"

namespace {

constexpr int kTrials = 200;

using signet::test::House;
using signet::test::SvidStream;

/// Waits for the message that holds `count` identities.
void AwaitCount(SvidStream& stream, std::size_t count) {
  while (true) {
    const auto fetched = stream.Next();
    SIGNET_CHECK(fetched.ok(), fetched.error().message);
    if (fetched->ids.size() == count) {
      return;
    }
  }
}

}  // namespace

int main() {
  House house;
  const signet::spiffe::Selector me{"unix", "uid:" + std::to_string(::geteuid())};
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/base", {me});
  const auto agent = house.StartAgent(token);
  SIGNET_CHECK(agent.ok(), agent.error().message);
  SIGNET_CHECK(
      signet::test::Eventually([&] { return SvidStream(house.socket_path()).Next().ok(); }),
      "not served");
  SvidStream stream(house.socket_path());
  AwaitCount(stream, 1);

  std::vector<double> milliseconds;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string id = house.CreateEntry(token, "/trial/" + std::to_string(trial), {me});
    AwaitCount(stream, 2);
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
    house.DeleteEntry(id);
    AwaitCount(stream, 1);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("propagation: p50_ms=%.1f p99_ms=%.1f\n", milliseconds[kTrials / 2],
              milliseconds[kTrials * 99 / 100]);
  return 0;
}
