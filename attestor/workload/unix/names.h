#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace signet::attestor {

/// Names turns numeric ids into account names. Safe for several threads.
class Names {
 public:
  virtual ~Names() = default;
  virtual std::optional<std::string> User(std::uint32_t uid) const = 0;
  virtual std::optional<std::string> Group(std::uint32_t gid) const = 0;
};

/// SystemNames asks the machine's account database (getpwuid_r, getgrgid_r).
class SystemNames final : public Names {
 public:
  std::optional<std::string> User(std::uint32_t uid) const override;
  std::optional<std::string> Group(std::uint32_t gid) const override;
};

}  // namespace signet::attestor
