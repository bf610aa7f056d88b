#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::attestor {

/// ProcStatus is what /proc/<pid>/status says of a process's credentials.
struct ProcStatus {
  std::string name;  ///< as the process chose it; for logs alone
  std::uint32_t effective_uid = 0;
  std::uint32_t effective_gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary
};

/// ParseProcStatus reads the text of /proc/<pid>/status. Name, Uid, Gid and Groups must be there
/// exactly once, since a name with line breaks in it is escaped by the kernel and cannot forge
/// them.
Result<ProcStatus> ParseProcStatus(std::string_view text);

/// ParseStartTime reads field 22 of /proc/<pid>/stat. Fields are counted from the last ')', because
/// the name before it may hold anything, ')' and spaces included.
Result<std::uint64_t> ParseStartTime(std::string_view text);

/// PathOfExe gives the path that a /proc/<pid>/exe link names. The kernel marks a program whose
/// file was removed with " (deleted)"; the mark is taken off only if the file has no name left
/// (`links` is 0), so that a file which is really called so keeps its name.
std::string PathOfExe(std::string_view link, std::uint64_t links);

}  // namespace signet::attestor
