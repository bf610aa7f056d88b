#include "tests/support/eventually.h"

#include <chrono>
#include <thread>

namespace signet::test {

bool Eventually(const std::function<bool()>& question, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!question()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace signet::test
