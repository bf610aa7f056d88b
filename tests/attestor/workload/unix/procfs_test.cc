#include "attestor/workload/unix/procfs.h"

#include "tests/support/result.h"

namespace signet::attestor {
namespace {

std::string Stat(const std::string& name) {
  return "4711 (" + name +
         ") S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20 30\n";
}

TEST_CASE("the start time is field 22, whatever the process calls itself") {
  const std::string name =
      GENERATE(as<std::string>(), "curl", "a b", "a) R 1 (b", ")))", "(", "", "x) S 1 2 3 (y");
  const auto start_time = ParseStartTime(Stat(name));
  REQUIRE_OK(start_time);
  CHECK(*start_time == 987654);
}

TEST_CASE("a stat file that is cut off or has no number there is refused") {
  const std::string text = GENERATE(
      as<std::string>(), "", "4711", "4711 (curl", "4711 (curl) S 1 2 3",
      "4711 (curl) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x",
      "4711 (curl) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 -5 1",
      "4711 (curl) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99999999999999999999 1");
  CHECK_FALSE(ParseStartTime(text).ok());
}

TEST_CASE("credentials are the effective ones and all supplementary groups") {
  const auto status = ParseProcStatus(
      "Name:\ta) R 1 "
      "(b\nUmask:\t0022\nPid:\t4711\nUid:\t1\t1000\t3\t4\nGid:\t5\t1001\t7\t8\nFDSize:\t64\n"
      "Groups:\t4 24 4294967294 \nNStgid:\t4711\n");
  REQUIRE_OK(status);
  CHECK(status->name == "a) R 1 (b");
  CHECK(status->effective_uid == 1000);
  CHECK(status->effective_gid == 1001);
  CHECK(status->groups == std::vector<std::uint32_t>{4, 24, 4294967294});
}

TEST_CASE("a status file without groups in it has none, one without the line is refused") {
  const auto status =
      ParseProcStatus("Name:\tinit\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \n");
  REQUIRE_OK(status);
  CHECK(status->groups.empty());
  CHECK_FALSE(ParseProcStatus("Name:\tinit\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n").ok());
}

TEST_CASE("a status file that says a thing twice, or says it oddly, is refused") {
  const std::string uid =
      GENERATE(as<std::string>(), "Uid:\t0\t0\t0\t0\nUid:\t1\t1\t1\t1\n", "Uid:\t0\t0\t0\n",
               "Uid:\t0\t0\t0\t0\t0\n", "Uid:\t0\t-1\t0\t0\n", "Uid:\t0\t4294967296\t0\t0\n",
               "Uid:\t0\t0x1\t0\t0\n", "");
  CHECK_FALSE(ParseProcStatus("Name:\tx\n" + uid + "Gid:\t0\t0\t0\t0\nGroups:\t\n").ok());
}

TEST_CASE(
    "the kernel's mark of a removed program is no part of its path, unless the file is really "
    "called so") {
  CHECK(PathOfExe("/usr/bin/app", 1) == "/usr/bin/app");
  CHECK(PathOfExe("/usr/bin/app (deleted)", 0) == "/usr/bin/app");
  CHECK(PathOfExe("/usr/bin/app (deleted)", 1) == "/usr/bin/app (deleted)");
}

}  // namespace
}  // namespace signet::attestor
