// Tokens that another authenticator of the API server speaks for: static ones on a real server, and
// on the stub what such a server would say.
#include "core/base/files.h"
#include "tests/attestor/kubernetes/kube_token_scene.h"
#include "tests/support/temp_dir.h"

namespace signet::kubernetes {
namespace {

using test::KubeBackend;
using test::TokenKey;

/// User is what another authenticator may say of a token.
struct User {
  std::string name;
  std::vector<std::string> groups;
  std::string why;  ///< it is refused
};

std::vector<User> OtherUsers() {
  return {{"jane", {"system:serviceaccounts"}, "no service account"},
          {"oidc:system:serviceaccount:spire:agent", {}, "no service account"},
          {"system:serviceaccount:spire", {}, "not that of a service account"},
          {"system:serviceaccount:spire:agent", {}, "not in the group system:serviceaccounts:"},
          {"system:serviceaccount:spire:agent", {"system:serviceaccounts"}, "not in the group"},
          {"system:serviceaccount:spire:agent",
           {"system:serviceaccounts", "system:serviceaccounts:spire"},
           "bound to no pod"}};
}

/// StrangersToken is well formed and signed by nobody whom the cluster knows.
std::string StrangersToken(std::size_t number) {
  return TokenKey("stranger")
      .Sign(test::TokenClaimsJson(R"({"jti":"stranger-)" + std::to_string(number) + "\"}"));
}

/// StaticTokens is a file for --token-auth-file: a token may be any text there, and names a user.
std::string StaticTokens(const std::vector<User>& users) {
  std::string out;
  for (std::size_t i = 0; i < users.size(); ++i) {
    out += StrangersToken(i) + "," + users[i].name + ",7,\"";
    for (const std::string& group : users[i].groups) {
      out += (out.back() == '"' ? "" : ",") + group;
    }
    out += "\"\n";
  }
  return out;
}

std::string ReviewStatus(const User& user) {
  std::string groups = "\"system:authenticated\"";
  for (const std::string& group : user.groups) {
    groups += ",\"" + group + "\"";
  }
  return R"({"authenticated":true,"audiences":["spiffe-ca"],"user":{"username":")" + user.name +
         R"(","uid":"7","groups":[)" + groups + "]}}";
}

TEST_CASE("tokens: one that another authenticator speaks for is refused, whatever user it names") {
  const std::vector<User> users = OtherUsers();
  const test::TempDir folder;
  const std::string file = folder.File("tokens.csv");
  REQUIRE_OK(WriteFileAtomic(file, AsBytes(StaticTokens(users))));
  KubeBackend::Options options;
  options.api_server_flags = {"--token-auth-file=" + file, "--api-audiences=spiffe-ca"};
  const auto kube = KubeBackend::Start(options);
  RealClock real;
  MemoryLogger logger;
  const auto ca = Connect(*kube, "ca", real, logger);
  Blind blind(*ca);
  FakeClock clock(FromUnixSeconds(test::kTokenTime));
  const auto verifier = NewReviewVerifier(blind, {.audience = kAudience}, clock, logger);
  for (std::size_t i = 0; i < users.size(); ++i) {
    INFO(users[i].name << " " << i);
    if (kube->is_stub()) {
      kube->AnswerReviews(ReviewStatus(users[i]));
    }
    REQUIRE_ERROR(verifier->Verify(StrangersToken(i)), Code::kPermissionDenied, users[i].why);
  }
}

}  // namespace
}  // namespace signet::kubernetes
