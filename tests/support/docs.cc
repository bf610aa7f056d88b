#include "tests/support/docs.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/result.h"

namespace signet::test {
namespace {

std::string PathOf(const std::string& name) { return std::string(SIGNET_DOCS) + "/" + name; }

std::string ReadDoc(const std::string& name) {
  std::ifstream in(PathOf(name));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void Compare(const std::string& name, const std::string& have, const std::string& want) {
  if (have == want) {
    SUCCEED();
    return;
  }
  const char* write = std::getenv("SIGNET_WRITE_DOCS");
  if (write != nullptr && std::string(write) == "1") {
    std::ofstream(PathOf(name)) << want;
    WARN("wrote docs/" << name);
    return;
  }
  FAIL("docs/" << name << " is out of date; run this test with SIGNET_WRITE_DOCS=1 to write it");
}

}  // namespace

void CheckDoc(const std::string& name, const std::string& text) {
  Compare(name, ReadDoc(name), text);
}

void CheckDocSection(const std::string& name, const std::string& section, const std::string& text) {
  const std::string have = ReadDoc(name);
  const std::string begin = "<!-- begin " + section + " -->\n";
  const std::size_t from = have.find(begin);
  const std::size_t to = have.find("<!-- end " + section + " -->");
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  Compare(name, have, have.substr(0, from + begin.size()) + text + have.substr(to));
}

}  // namespace signet::test
