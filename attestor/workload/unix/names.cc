#include "attestor/workload/unix/names.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace signet::attestor {
namespace {

constexpr std::size_t kFirstBufferBytes = 1024;
constexpr std::size_t kMaxBufferBytes = 1024 * 1024;  // groups with very many members

/// Look calls a get*_r function with a growing buffer and gives the name it found.
template <class Record, class Function>
std::optional<std::string> Look(Function look, char* Record::*name) {
  for (std::size_t size = kFirstBufferBytes; size <= kMaxBufferBytes; size *= 4) {
    std::vector<char> buffer(size);
    Record record{};
    Record* found = nullptr;
    const int error = look(&record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) {
      continue;
    }
    if (error != 0 || found == nullptr) {
      return std::nullopt;
    }
    return std::string(found->*name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> SystemNames::User(std::uint32_t uid) const {
  return Look<struct passwd>(
      [uid](struct passwd* record, char* buffer, std::size_t size, struct passwd** found) {
        return ::getpwuid_r(uid, record, buffer, size, found);
      },
      &passwd::pw_name);
}

std::optional<std::string> SystemNames::Group(std::uint32_t gid) const {
  return Look<struct group>(
      [gid](struct group* record, char* buffer, std::size_t size, struct group** found) {
        return ::getgrgid_r(gid, record, buffer, size, found);
      },
      &group::gr_name);
}

}  // namespace signet::attestor
