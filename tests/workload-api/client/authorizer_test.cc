#include "workload-api/client/authorizer.h"

#include <stdexcept>

#include "tests/support/result.h"

namespace signet::client {
namespace {

spiffe::SpiffeId Id(const char* text) { return spiffe::SpiffeId::Parse(text).value(); }

TEST_CASE("Each authorizer lets in exactly whom it names") {
  const auto web = Id("spiffe://example.org/web");
  const auto web_below = Id("spiffe://example.org/web/admin");
  const auto other_domain = Id("spiffe://example.com/web");
  struct Row {
    const char* name;
    Authorizer authorizer;
    bool web, below, other;
  };
  const Row rows[] = {
      {"id", AuthorizeId(web), true, false, false},
      {"one of two", AuthorizeOneOf({other_domain, web}), true, false, true},
      {"one of none", AuthorizeOneOf({}), false, false, false},
      {"member", AuthorizeMemberOf(web.trust_domain()), true, true, false},
      {"anyone", AuthorizeAnyTrustedPeer(), true, true, true},
      {"empty function", AuthorizeIf({}), false, false, false},
      {"throwing function",
       AuthorizeIf([](const spiffe::SpiffeId&) -> Status { throw std::runtime_error("x"); }), false,
       false, false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(row.authorizer.Authorize(web).ok() == row.web);
    CHECK(row.authorizer.Authorize(web_below).ok() == row.below);
    CHECK(row.authorizer.Authorize(other_domain).ok() == row.other);
  }
}

TEST_CASE("A refusal names the peer and who was wanted") {
  const auto status =
      AuthorizeId(Id("spiffe://example.org/db")).Authorize(Id("spiffe://example.org/web"));
  REQUIRE_ERROR(status, Code::kPermissionDenied, "spiffe://example.org/web is not authorized");
  REQUIRE_ERROR(status, Code::kPermissionDenied, "wanted spiffe://example.org/db");
}

}  // namespace
}  // namespace signet::client
