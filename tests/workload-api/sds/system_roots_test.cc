#include "workload-api/sds/system_roots.h"

#include <fstream>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::sds {
namespace {

constexpr char kPem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

TEST_CASE("system roots are the file's text, read again when the file has changed") {
  test::TempDir dir;
  const std::string path = dir.File("roots.pem");
  std::ofstream(path) << kPem;
  SystemRoots roots(path);
  const auto first = roots.Read();
  REQUIRE_OK(first);
  CHECK(**first == kPem);
  const auto again = roots.Read();
  REQUIRE_OK(again);
  CHECK(again->get() == first->get());
  std::ofstream(path) << kPem << kPem;
  const auto changed = roots.Read();
  REQUIRE_OK(changed);
  CHECK(**changed == std::string(kPem) + kPem);
}

TEST_CASE("system roots that cannot be had say which setting to look at") {
  test::TempDir dir;
  REQUIRE_ERROR(SystemRoots("").Read(), Code::kNotFound, "set agent.sds.system_roots_path");
  REQUIRE_ERROR(SystemRoots(dir.File("none")).Read(), Code::kFailedPrecondition,
                "system_roots_path");
  std::ofstream(dir.File("empty")) << "nothing\n";
  REQUIRE_ERROR(SystemRoots(dir.File("empty")).Read(), Code::kFailedPrecondition, "no certificate");
  std::ofstream(dir.File("big")) << kPem << std::string(1024 * 1024, '\n');
  REQUIRE_ERROR(SystemRoots(dir.File("big")).Read(), Code::kInvalidArgument, "system_roots_path");
}

}  // namespace
}  // namespace signet::sds
