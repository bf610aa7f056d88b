#include "attestor/workload/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "core/base/unique_fd.h"

namespace signet::attestor {

Result<std::string> ReadProcFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) {
    return PermissionDenied("the calling process is gone or may not be looked at");
  }
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() <= max_bytes) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) {
      return PermissionDenied("the calling process went away while it was looked at");
    }
    if (n == 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return Unavailable(path + " is larger than " + std::to_string(max_bytes) + " bytes");
}

}  // namespace signet::attestor
