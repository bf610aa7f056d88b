#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace signet {

void CheckFailed(const char* file, int line, const char* condition, std::string_view why) {
  std::fprintf(stderr, "%s:%d: impossible state, !(%s): %.*s\n", file, line, condition,
               static_cast<int>(why.size()), why.data());
  std::abort();
}

}  // namespace signet
