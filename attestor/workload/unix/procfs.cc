#include "attestor/workload/unix/procfs.h"

#include <charconv>
#include <optional>

namespace signet::attestor {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kDeletedMark = " (deleted)";
constexpr int kFieldsBetweenStateAndStartTime =
    19;  // state is field 3, the start time field 22 (proc(5))

/// NextWord takes one word off the front of text; empty at its end.
std::string_view NextWord(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

template <class Number>
std::optional<Number> ParseNumber(std::string_view word) {
  Number number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return number;
}

Result<std::vector<std::uint32_t>> ParseIds(std::string_view text) {
  std::vector<std::uint32_t> ids;
  for (std::string_view word = NextWord(text); !word.empty(); word = NextWord(text)) {
    const auto id = ParseNumber<std::uint32_t>(word);
    if (!id) {
      return InvalidArgument("not a numeric id");
    }
    ids.push_back(*id);
  }
  return ids;
}

/// Effective is the second of "real effective saved filesystem".
Result<std::uint32_t> Effective(std::string_view text) {
  SIGNET_TRY_ASSIGN(const std::vector<std::uint32_t> ids, ParseIds(text));
  if (ids.size() != 4) {
    return InvalidArgument("expected four ids");
  }
  return ids[1];
}

struct StatusLines {
  std::optional<std::string_view> name;
  std::optional<std::string_view> uid;
  std::optional<std::string_view> gid;
  std::optional<std::string_view> groups;
};

Status TakeLine(std::string_view line, StatusLines& lines) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return {};
  }
  const std::string_view key = line.substr(0, colon);
  std::optional<std::string_view>* const slot = key == "Name"     ? &lines.name
                                                : key == "Uid"    ? &lines.uid
                                                : key == "Gid"    ? &lines.gid
                                                : key == "Groups" ? &lines.groups
                                                                  : nullptr;
  if (slot == nullptr) {
    return {};
  }
  if (slot->has_value()) {
    return InvalidArgument("process status names '" + std::string(key) + "' twice");
  }
  *slot = line.substr(colon + 1);
  return {};
}

}  // namespace

Result<ProcStatus> ParseProcStatus(std::string_view text) {
  StatusLines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    SIGNET_TRY(TakeLine(text.substr(0, end), lines));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!lines.name || !lines.uid || !lines.gid || !lines.groups) {
    return InvalidArgument("process status lacks Name, Uid, Gid or Groups");
  }
  ProcStatus status;
  const std::size_t name_begin =
      std::min(lines.name->find_first_not_of(kBlanks), lines.name->size());
  status.name = lines.name->substr(name_begin);
  SIGNET_TRY_ASSIGN(status.effective_uid, Effective(*lines.uid).Context("Uid of process status"));
  SIGNET_TRY_ASSIGN(status.effective_gid, Effective(*lines.gid).Context("Gid of process status"));
  SIGNET_TRY_ASSIGN(status.groups, ParseIds(*lines.groups).Context("Groups of process status"));
  return status;
}

Result<std::uint64_t> ParseStartTime(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) {
    return InvalidArgument("process stat has no name in parentheses");
  }
  std::string_view rest = text.substr(name_end + 1);
  if (rest.ends_with('\n')) {
    rest.remove_suffix(1);
  }
  for (int field = 0; field < kFieldsBetweenStateAndStartTime; ++field) {
    NextWord(rest);
  }
  const auto start_time = ParseNumber<std::uint64_t>(NextWord(rest));
  if (!start_time) {
    return InvalidArgument("process stat has no start time");
  }
  return *start_time;
}

std::string PathOfExe(std::string_view link, std::uint64_t links) {
  if (links == 0 && link.ends_with(kDeletedMark)) {
    link.remove_suffix(kDeletedMark.size());
  }
  return std::string(link);
}

}  // namespace signet::attestor
