#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "core/base/encoding.h"
#include "tests/support/result.h"

namespace signet::test {

/// Vector is one line of tests/data/keys/*.txt: "ok" or the part of a message that refuses the
/// bytes.
struct Vector {
  std::string name;
  std::string want;
  Bytes der;
};

inline std::vector<Vector> ReadVectors(const std::string& file) {
  std::ifstream in(std::string(SIGNET_TEST_DATA) + "/keys/" + file);
  std::vector<Vector> out;
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(" | ");
    const std::size_t second = line.find(" | ", first + 3);
    REQUIRE(second != std::string::npos);
    const auto der = Base64Decode(line.substr(second + 3));
    REQUIRE_OK(der);
    out.push_back({line.substr(0, first), line.substr(first + 3, second - first - 3), *der});
  }
  REQUIRE(out.size() > 20);
  return out;
}

}  // namespace signet::test
