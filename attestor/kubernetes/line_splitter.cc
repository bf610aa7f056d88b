#include "attestor/kubernetes/line_splitter.h"

namespace signet::kubernetes {
namespace {

/// kKeptCapacity: memory of one huge line is given back.
constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

}  // namespace

Result<bool> LineSplitter::Feed(std::string_view piece, const OnLine& on_line) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (rest_.size() + part.size() > max_line_) {
      return ResourceExhausted("the server sent a line of more than " + std::to_string(max_line_) +
                               " bytes");
    }
    if (end == std::string_view::npos) {
      rest_.append(part);
      return true;
    }
    piece.remove_prefix(end + 1);
    bool go_on = true;
    if (!rest_.empty()) {
      rest_.append(part);
      go_on = on_line(rest_);
      rest_.clear();
      if (rest_.capacity() > kKeptCapacity) {
        rest_.shrink_to_fit();
      }
    } else if (!part.empty()) {
      go_on = on_line(part);
    }
    if (!go_on) {
      return false;
    }
  }
  return true;
}

}  // namespace signet::kubernetes
