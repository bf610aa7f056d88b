#include "attestor/workload/k8s/cgroup.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/result.h"

namespace signet::attestor {
namespace {

struct Case {
  std::string name;
  std::string want;
  CgroupRules rules = {};
  std::string text = {};
};

std::string WithUnderscores(std::string uid) {
  std::replace(uid.begin(), uid.end(), '-', '_');
  return uid;
}

std::string Repeat(const std::string& unit, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += unit;
  }
  return out;
}

/// Expand replaces the table's names of uids and ids.
std::string Expand(std::string line) {
  const std::string a = "00000000-1111-4222-8333-44444444444a";
  const std::string b = "00000000-1111-4222-8333-44444444444b";
  const std::vector<std::pair<std::string, std::string>> words = {
      {"$_A", WithUnderscores(a)},
      {"$_B", WithUnderscores(b)},
      {"$A", a},
      {"$B", b},
      {"$S", Repeat("5ca1ab1e", 4)},
      {"$a", Repeat("0123456789abcdef", 4)},
      {"$b", Repeat("fedcba9876543210", 4)},
      {"$h", Repeat("beefbeefbeefbeef", 4)},
  };
  for (const auto& [word, value] : words) {
    for (std::size_t at = line.find(word); at != line.npos; at = line.find(word)) {
      line.replace(at, word.size(), value);
    }
  }
  return line;
}

std::vector<Case> Cases() {
  std::ifstream file(SIGNET_TEST_DATA "/cgroup/cases.txt");
  std::vector<Case> cases;
  bool in_text = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) {
      in_text = false;
    } else if (line.starts_with("== ")) {
      cases.push_back({.name = line.substr(3), .want = {}});
      in_text = false;
    } else if (cases.empty()) {
      continue;
    } else if (line.empty()) {
      in_text = cases.back().text.empty();
    } else if (in_text) {
      cases.back().text += Expand(line) + "\n";
    } else if (line.starts_with("roots ")) {
      cases.back().rules.roots.push_back(line.substr(6));
    } else if (line.starts_with("want ")) {
      cases.back().want = Expand(line.substr(5));
    } else {
      FAIL("a line of the table is neither roots nor want: " << line);
    }
  }
  return cases;
}

std::string Answer(const Result<std::optional<PodPlace>>& place) {
  if (!place.ok()) {
    return place.error().message.find("different pods") != std::string::npos ? "conflict"
                                                                             : "malformed";
  }
  if (!*place) {
    return "none";
  }
  return ((*place)->static_pod ? "static " : "") + (*place)->pod_uid + " " + (*place)->container_id;
}

TEST_CASE("each cgroup file of the table gives the answer beside it") {
  const std::vector<Case> cases = Cases();
  REQUIRE(cases.size() > 60);
  for (const Case& one : cases) {
    INFO(one.name << "\n" << one.text);
    CHECK(Answer(LocatePod(one.text, one.rules)) == one.want);
  }
}

TEST_CASE("no answer depends on the last line break") {
  for (Case& one : Cases()) {
    if (!one.text.empty()) {
      INFO(one.name);
      one.text.pop_back();
      CHECK(Answer(LocatePod(one.text, one.rules)) == one.want);
    }
  }
}

TEST_CASE("the v2 path is told, so that it can be compared with the kernel's own number") {
  const std::string path = Expand("/kubepods/pod$A/$a/deeper");
  const auto v2 = LocatePod("0::" + path + "\n", {});
  REQUIRE_OK(v2);
  CHECK((*v2)->unified_path == path);
  const auto both = LocatePod("5:memory:" + path + "\n0::" + path + "\n", {});
  REQUIRE_OK(both);
  CHECK((*both)->unified_path == path);
  const auto v1 = LocatePod("5:memory:" + path + "\n0::/system.slice\n", {});
  REQUIRE_OK(v1);
  CHECK((*v1)->unified_path.empty());
}

}  // namespace
}  // namespace signet::attestor
