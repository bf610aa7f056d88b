#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/base/result.h"

namespace signet::sds {

/// SystemRoots reads the PEM file behind "file-root:system", again whenever the file has changed.
/// Safe for several threads; it may block on the file.
class SystemRoots {
 public:
  explicit SystemRoots(std::string path) : path_(std::move(path)) {}

  /// Read gives the text; NOT_FOUND or FAILED_PRECONDITION says what to do.
  Result<std::shared_ptr<const std::string>> Read();

 private:
  const std::string path_;
  std::mutex mutex_;
  std::string stamp_;  ///< size and time of change of what was read
  std::shared_ptr<const std::string> text_;
};

}  // namespace signet::sds
