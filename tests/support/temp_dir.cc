#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "core/base/check.h"

namespace signet::test {

TempDir::TempDir() {
  // Short, because Unix socket paths end at 107 bytes.
  std::string pattern = "/tmp/signet.XXXXXX";
  SIGNET_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a folder in /tmp");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace signet::test
