#pragma once

#include <string_view>

namespace signet {

/// CheckFailed prints where and why an impossible state was met, and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, std::string_view why);

}  // namespace signet

/// SIGNET_CHECK(condition, why): for states that only a bug of ours can produce; never for input.
#define SIGNET_CHECK(condition, why)                                       \
  do {                                                                     \
    if (!(condition)) [[unlikely]] {                                       \
      ::signet::CheckFailed(__FILE__, __LINE__, #condition, (why));        \
    }                                                                      \
  } while (false)
