#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::kubernetes {

/// LineSplitter cuts a stream of pieces at line ends ('\n', not part of a line). Empty lines are
/// left out. It holds at most one line.
class LineSplitter {
 public:
  using OnLine = std::function<bool(std::string_view line)>;
  explicit LineSplitter(std::size_t max_line) : max_line_(max_line) {}

  /// Feed gives each complete line to on_line. False as soon as on_line says so; RESOURCE_EXHAUSTED
  /// if a line is longer than max_line.
  Result<bool> Feed(std::string_view piece, const OnLine& on_line);
  /// in_line: a line has begun and not ended.
  bool in_line() const { return !rest_.empty(); }

 private:
  std::size_t max_line_;
  std::string rest_;
};

}  // namespace signet::kubernetes
