#include "workload-api/delivery/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>

#include "core/base/files.h"

namespace signet::delivery {
namespace {

/// Number reads a decimal number. 2^32 - 1 is none: to chown(2) it means "leave as it is".
std::optional<std::uint32_t> Number(const std::string& text) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value == UINT32_MAX) {
    return std::nullopt;
  }
  return value;
}

Error Missing(const std::string& what, const std::string& name, int error) {
  // Several values of errno stand for "there is none" (getpwnam(3)).
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
    return InvalidArgument("there is no " + what + " \"" + name + "\"");
  }
  return Unavailable("cannot look up " + what + " \"" + name + "\": " + ErrnoText(error));
}

using Buffer = std::array<char, 65536>;  // a group's entry lists its members

Result<Account> FindUser(const std::string& name) {
  Buffer buffer;
  struct passwd entry {};
  struct passwd* found = nullptr;
  const auto number = Number(name);
  const int error = number
                        ? ::getpwuid_r(*number, &entry, buffer.data(), buffer.size(), &found)
                        : ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) {
    return Account{.uid = entry.pw_uid, .gid = entry.pw_gid};
  }
  if (number) {
    return Account{.uid = *number, .gid = ::getegid()};
  }
  return Missing("user", name, error);
}

Result<gid_t> FindGroup(const std::string& name) {
  if (const auto number = Number(name)) {
    return gid_t{*number};
  }
  Buffer buffer;
  struct group entry {};
  struct group* found = nullptr;
  const int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return Missing("group", name, error);
  }
  return entry.gr_gid;
}

}  // namespace

Result<Account> FindAccount(const std::string& owner, const std::string& group) {
  Account account{.uid = ::geteuid(), .gid = ::getegid()};
  if (!owner.empty()) {
    SIGNET_TRY_ASSIGN(account, FindUser(owner));
  }
  if (!group.empty()) {
    SIGNET_TRY_ASSIGN(account.gid, FindGroup(group));
  }
  return account;
}

}  // namespace signet::delivery
