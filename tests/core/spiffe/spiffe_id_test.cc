// Rows ID-01 … ID-18 of SPIFFE-ID.md that bind a parser. ID-17 and ID-18 bind the issuer of
// authorities; what they need from here is an ID without a path.
#include "core/spiffe/spiffe_id.h"

#include <string>
#include <vector>

#include "tests/support/result.h"

using namespace signet;
using spiffe::SpiffeId;
using spiffe::TrustDomain;

namespace {

bool Parses(const std::string& text) { return SpiffeId::Parse(text).ok(); }

void CheckAllRefused(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    INFO(text);
    const auto id = SpiffeId::Parse(text);
    REQUIRE_FALSE(id.ok());
    CHECK(id.error().code == Code::kInvalidArgument);
    CHECK_FALSE(id.error().message.empty());
  }
}

/// Checks that text prints as itself, whole and in its parts.
void CheckAllAccepted(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    INFO(text);
    const auto id = SpiffeId::Parse(text);
    REQUIRE_OK(id);
    CHECK(id->ToString() == text);
    CHECK("spiffe://" + id->trust_domain().name() + id->path() == text);
  }
}

bool IsOneOf(int byte, const std::string& set) {
  return byte != 0 && set.find(static_cast<char>(byte)) != std::string::npos;
}

const std::string kLower = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
const std::string kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

}  // namespace

TEST_CASE("ID-01: the scheme is spiffe://, in lower case") {
  CheckAllRefused({"http://td/x", "spiffe:/td", "spiffe:td", "spiffe//td/x", "Spiffe://td/x",
                   "SPIFFE://td", " spiffe://td", "td/x", "//td/x", "", "spiffe", "spiffe:///"});
}

TEST_CASE("ID-02: the trust domain is not empty") {
  CheckAllRefused({"spiffe://", "spiffe:///x"});
  CHECK_FALSE(TrustDomain::Parse("").ok());
}

TEST_CASE("ID-03: no query and no fragment, not even an empty one") {
  CheckAllRefused({"spiffe://td/x?a", "spiffe://td/x#a", "spiffe://td/x?", "spiffe://td/x#",
                   "spiffe://td?", "spiffe://td#"});
}

TEST_CASE("ID-04: no userinfo and no port, not even an empty one") {
  CheckAllRefused(
      {"spiffe://u@td/x", "spiffe://td:80/x", "spiffe://@td", "spiffe://td:", "spiffe://u:p@td/x"});
}

TEST_CASE("ID-05: a trust domain in upper case is refused, not folded") {
  CheckAllRefused({"spiffe://TD/x", "spiffe://tD/x", "spiffe://Example.org"});
}

TEST_CASE("ID-06: of all 256 bytes a trust domain takes only a-z 0-9 . - _") {
  for (int byte = 0; byte < 256; ++byte) {
    INFO(byte);
    const std::string name = std::string("a") + static_cast<char>(byte) + "b";
    // A '/' ends the trust domain: "spiffe://a/b" is an ID, though "a/b" is no trust domain.
    CHECK(Parses("spiffe://" + name) == (IsOneOf(byte, kLower) || byte == '/'));
    CHECK(TrustDomain::Parse(name).ok() == IsOneOf(byte, kLower));
  }
}

TEST_CASE("ID-07: no percent-encoding in the trust domain") {
  CheckAllRefused({"spiffe://%74d/x", "spiffe://t%64"});
}

TEST_CASE("ID-08: names that look like addresses or odd DNS names are nothing special") {
  CheckAllAccepted({"spiffe://1.2.3.4/x", "spiffe://a_b", "spiffe://-a", "spiffe://a..b",
                    "spiffe://.a", "spiffe://a.", "spiffe://1", "spiffe://-"});
  CheckAllRefused({"spiffe://[::1]/x"});
}

TEST_CASE("ID-09: no percent-encoding in the path") {
  CheckAllRefused({"spiffe://td/%41", "spiffe://td/a%2Fb", "spiffe://td/%"});
}

TEST_CASE("ID-10: no empty, '.' or '..' segment, dots elsewhere are letters") {
  CheckAllRefused({"spiffe://td//a", "spiffe://td/a//b", "spiffe://td/.", "spiffe://td/..",
                   "spiffe://td/a/..", "spiffe://td/./a", "spiffe://td/a/../b", "spiffe://td//"});
  CheckAllAccepted({"spiffe://td/...", "spiffe://td/.a", "spiffe://td/..a", "spiffe://td/a.",
                    "spiffe://td/a..", "spiffe://td/a.b/c..d"});
}

TEST_CASE("ID-11: no trailing slash") {
  CheckAllRefused({"spiffe://td/", "spiffe://td/a/", "spiffe://td/a/b/"});
}

TEST_CASE("ID-12: of all 256 bytes a segment takes only a-z A-Z 0-9 . - _") {
  for (int byte = 0; byte < 256; ++byte) {
    INFO(byte);
    const bool good = IsOneOf(byte, kLower) || IsOneOf(byte, kUpper);
    const std::string middle = std::string("a") + static_cast<char>(byte) + "b";
    CHECK(Parses("spiffe://td/" + middle) == (good || byte == '/'));
    CHECK(Parses("spiffe://td/a" + std::string(1, static_cast<char>(byte))) == good);
    CHECK(Parses("spiffe://td/" + std::string(1, static_cast<char>(byte))) ==
          (good && byte != '.'));
  }
  CheckAllRefused({"spiffe://td/a:b", "spiffe://td/@", "spiffe://td/~", "spiffe://td/a+b",
                   "spiffe://td/a;b", "spiffe://td/a b"});
}

TEST_CASE("ID-13, ID-14: an ID of 2048 bytes is accepted, one of 2049 refused") {
  const std::string start = "spiffe://td/";
  CheckAllAccepted({start + std::string(2048 - start.size(), 'a')});
  REQUIRE_ERROR(SpiffeId::Parse(start + std::string(2049 - start.size(), 'a')),
                Code::kInvalidArgument, "2049 bytes");
  const TrustDomain domain = *TrustDomain::Parse("td");
  CHECK(SpiffeId::FromParts(domain, "/" + std::string(2048 - start.size(), 'a')).ok());
  CHECK_FALSE(SpiffeId::FromParts(domain, "/" + std::string(2049 - start.size(), 'a')).ok());
}

TEST_CASE("ID-15: a trust domain of 255 bytes is accepted, one of 256 refused") {
  CheckAllAccepted(
      {"spiffe://" + std::string(255, 'a'), "spiffe://" + std::string(255, 'a') + "/x"});
  CheckAllRefused(
      {"spiffe://" + std::string(256, 'a'), "spiffe://" + std::string(256, 'a') + "/x"});
  CHECK(TrustDomain::Parse(std::string(255, 'a')).ok());
  CHECK_FALSE(TrustDomain::Parse(std::string(256, 'a')).ok());
}

TEST_CASE("ID-16: paths compare byte for byte") {
  CHECK(*SpiffeId::Parse("spiffe://td/Web") != *SpiffeId::Parse("spiffe://td/web"));
  CHECK(*SpiffeId::Parse("spiffe://td/web") == *SpiffeId::Parse("spiffe://td/web"));
  CHECK(*SpiffeId::Parse("spiffe://td/web") != *SpiffeId::Parse("spiffe://td2/web"));
}

TEST_CASE("ID-18: a trust domain alone is an ID without a path, for an authority") {
  const auto id = SpiffeId::Parse("spiffe://td");
  REQUIRE_OK(id);
  CHECK_FALSE(id->has_path());
  CHECK(id->ToString() == id->trust_domain().id());
}

TEST_CASE("IDs of servers and agents are told from those of workloads") {
  const struct {
    const char* text;
    bool reserved, agent, server;
  } kCases[] = {
      {"spiffe://td/spire/server", true, false, true},
      {"spiffe://td/spire/agent/join_token/x", true, true, false},
      {"spiffe://td/spire", true, false, false},
      {"spiffe://td/spire/agent", true, false, false},
      {"spiffe://td/spire/server/x", true, false, false},
      {"spiffe://td/spires", false, false, false},
      {"spiffe://td/Spire/server", false, false, false},
      {"spiffe://td/x/spire/server", false, false, false},
      {"spiffe://td", false, false, false},
  };
  for (const auto& c : kCases) {
    INFO(c.text);
    const SpiffeId id = *SpiffeId::Parse(c.text);
    CHECK(id.is_reserved() == c.reserved);
    CHECK(id.is_agent() == c.agent);
    CHECK(id.is_server() == c.server);
  }
}

TEST_CASE("a trust domain is read from its name or its ID, and from nothing longer") {
  CHECK(TrustDomain::ParseNameOrId("spiffe://td")->name() == "td");
  CHECK(TrustDomain::ParseNameOrId("td")->name() == "td");
  CHECK_FALSE(TrustDomain::ParseNameOrId("spiffe://td/x").ok());
  CHECK_FALSE(TrustDomain::ParseNameOrId("spiffe://td/").ok());
  CHECK_FALSE(TrustDomain::ParseNameOrId("spiffe://").ok());
}

TEST_CASE("an error shows the byte that is wrong, unprintable ones in hexadecimal") {
  REQUIRE_ERROR(SpiffeId::Parse("spiffe://a\nb"), Code::kInvalidArgument, "byte 0x0a");
  REQUIRE_ERROR(SpiffeId::Parse("spiffe://td/a+b"), Code::kInvalidArgument, "'+'");
}
