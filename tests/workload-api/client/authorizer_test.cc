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
      {"any of two",
       AuthorizeAnyOf({AuthorizeId(web_below), AuthorizeMemberOf(other_domain.trust_domain())}),
       false, true, true},
      {"any of none", AuthorizeAnyOf({}), false, false, false},
      {"path", AuthorizePathPrefix(web.trust_domain(), "/web").value(), true, true, false},
      {"below a path", AuthorizePathPrefix(web.trust_domain(), "/web/").value(), false, true,
       false},
      {"part of a segment", AuthorizePathPrefix(web.trust_domain(), "/we").value(), false, false,
       false},
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

TEST_CASE("A path prefix that is no path makes no authorizer") {
  const auto domain = Id("spiffe://example.org/web").trust_domain();
  for (const char* prefix : {"", "/", "//", "web", "/web//", "/web/../db", "/we%62"}) {
    INFO(prefix);
    CHECK(AuthorizePathPrefix(domain, prefix).code() == Code::kInvalidArgument);
  }
  REQUIRE_ERROR(AuthorizePathPrefix(domain, ""), Code::kInvalidArgument, "AuthorizeMemberOf");
}

TEST_CASE("A refusal names the peer and who was wanted") {
  const auto status =
      AuthorizeId(Id("spiffe://example.org/db")).Authorize(Id("spiffe://example.org/web"));
  REQUIRE_ERROR(status, Code::kPermissionDenied, "spiffe://example.org/web is not authorized");
  REQUIRE_ERROR(status, Code::kPermissionDenied, "wanted spiffe://example.org/db");
  const auto prefix = AuthorizePathPrefix(Id("spiffe://example.org/x").trust_domain(), "/ns/prod");
  const auto any = AuthorizeAnyOf({*prefix, AuthorizeId(Id("spiffe://example.org/db"))});
  const auto refused = any.Authorize(Id("spiffe://example.org/ns/production/web"));
  REQUIRE_ERROR(refused, Code::kPermissionDenied, "wanted spiffe://example.org/ns/prod or below");
  REQUIRE_ERROR(refused, Code::kPermissionDenied, "wanted spiffe://example.org/db");
}

}  // namespace
}  // namespace signet::client
