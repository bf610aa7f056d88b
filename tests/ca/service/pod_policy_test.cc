#include "ca/service/pod_policy.h"

#include "tests/support/result.h"

using namespace signet;
using service::PodPolicy;
using service::PodPolicyOptions;

namespace {

const spiffe::TrustDomain kDomain = spiffe::TrustDomain::Parse("example.org").value();

Result<PodPolicy> Create(PodPolicyOptions options) {
  return PodPolicy::Create(std::move(options), "prod", kDomain);
}

kubernetes::Pod PodOf(const std::string& space, const std::string& account) {
  return {.uid = "8a3f5c1e-1111-4222-8333-444455556666",
          .namespace_name = space,
          .name = "web-0",
          .service_account = account,
          .node_name = "node-1",
          .host_ip = {}};
}

}  // namespace

TEST_CASE("the default template is namespace and service account, dots in the name included") {
  const auto policy = Create({});
  REQUIRE_OK(policy);
  const auto names = policy->Judge(PodOf("shop", "front.end"));
  REQUIRE_OK(names);
  CHECK(names->spiffe_id.ToString() == "spiffe://example.org/ns/shop/sa/front.end");
  CHECK(names->dns_names.empty());
}

TEST_CASE("every variable of a template is filled in") {
  const auto policy = Create(
      {.spiffe_id_template = "spiffe://example.org/{{cluster}}/{{ node_name }}/{{namespace}}/"
                             "{{service_account}}/{{pod_name}}/{{pod_uid}}",
       .dns_name_templates = {"{{service_account}}.{{namespace}}.svc", "{{pod_name}}.{{cluster}}",
                              "{{pod_name}}.prod"}});
  REQUIRE_OK(policy);
  const auto names = policy->Judge(PodOf("shop", "web"));
  REQUIRE_OK(names);
  CHECK(names->spiffe_id.path() ==
        "/prod/node-1/shop/web/web-0/8a3f5c1e-1111-4222-8333-444455556666");
  CHECK(names->dns_names == std::vector<std::string>{"web.shop.svc", "web-0.prod"});
}

TEST_CASE("a template that renders an invalid ID is refused at the start") {
  struct Row {
    const char* text;
    const char* problem;
  };
  const Row rows[] = {
      {"", "spiffe_id_template gives \"\""},
      {"spiffe://example.org", "has no path"},
      {"spiffe://example.org/{{sa}}", "unknown variable \"sa\"; there are trust_domain, cluster"},
      {"spiffe://example.org/{{.Namespace}}", "unknown variable \".Namespace\""},
      {"spiffe://example.org/{{}}", "unknown variable \"\""},
      {"spiffe://example.org/{{namespace", "\"{{\" without \"}}\""},
      {"spiffe://example.org/namespace}}", "\"}}\" without \"{{\""},
      {"spiffe://example.org/{namespace}", "spiffe_id_template gives"},
      {"spiffe://example.org/a//{{namespace}}", "spiffe_id_template gives"},
      {"spiffe://example.org/{{namespace}}/", "spiffe_id_template gives"},
      {"spiffe://example.org/{{namespace}}/..", "spiffe_id_template gives"},
      {"spiffe://example.org/{{namespace}}?x", "spiffe_id_template gives"},
      {"spiffe://{{namespace}}/x", "not a member of trust domain \"example.org\""},
      {"spiffe://other.org/{{namespace}}", "not a member of trust domain \"example.org\""},
      {"spiffe://example.org/spire/agent/{{namespace}}", "reserved"},
      {"spiffe://example.org/spire", "reserved"},
      {"http://example.org/{{namespace}}", "spiffe_id_template gives"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    REQUIRE_ERROR(Create({.spiffe_id_template = row.text}), Code::kInvalidArgument, row.problem);
  }
  std::string repeated = "spiffe://example.org";
  for (int i = 0; i < 9; ++i) {
    repeated += "/{{service_account}}";
  }
  REQUIRE_ERROR(Create({.spiffe_id_template = repeated}), Code::kInvalidArgument, "at most 2048");
  REQUIRE_ERROR(Create({.spiffe_id_template = std::string(3000, 'x')}), Code::kInvalidArgument,
                "at most 2048");
}

TEST_CASE("a namespace cannot turn a template into a reserved ID") {
  const auto policy =
      Create({.spiffe_id_template = "spiffe://example.org/{{namespace}}/{{service_account}}"});
  REQUIRE_OK(policy);
  REQUIRE_OK(policy->Judge(PodOf("shop", "agent")));
  REQUIRE_ERROR(policy->Judge(PodOf("spire", "agent")), Code::kPermissionDenied, "reserved");
}

TEST_CASE("names for the DNS are checked, at the start and for each pod") {
  REQUIRE_ERROR(Create({.dns_name_templates = {"{{service_account}}..svc"}}),
                Code::kInvalidArgument, "dns_name_templates gives");
  REQUIRE_ERROR(Create({.dns_name_templates = {"{{svc}}"}}), Code::kInvalidArgument,
                "dns_name_templates: unknown variable");
  const auto policy = Create({.dns_name_templates = {"{{service_account}}.svc"}});
  REQUIRE_OK(policy);
  // Kubernetes lets a label be longer than the DNS does.
  REQUIRE_ERROR(policy->Judge(PodOf("shop", std::string(64, 'a'))), Code::kPermissionDenied,
                "dns_name_templates gives");
}

TEST_CASE("which namespaces and service accounts have identities") {
  struct Row {
    const char* what;
    PodPolicyOptions options;
    const char* space;
    const char* account;
    const char* refused;  ///< "": has an identity
  };
  const Row rows[] = {
      {"default", {}, "shop", "web", ""},
      {"default", {}, "kube-system", "coredns", "Kubernetes' own"},
      {"default", {}, "kube-public", "x", "Kubernetes' own"},
      {"default", {}, "kube-node-lease", "x", "Kubernetes' own"},
      {"system named", {.allowed_namespaces = {"kube-system"}}, "kube-system", "coredns", ""},
      {"a star does not name it", {.allowed_namespaces = {"*"}}, "kube-system", "x", "own"},
      {"a star does not name it", {.allowed_namespaces = {"kube-*"}}, "kube-system", "x", "own"},
      {"system account named",
       {.allowed_service_accounts = {"kube-system:coredns"}},
       "kube-system",
       "coredns",
       ""},
      {"system account named",
       {.allowed_service_accounts = {"kube-system:coredns"}},
       "kube-system",
       "other",
       "not among allowed_service_accounts"},
      {"allowed", {.allowed_namespaces = {"shop", "team-*"}}, "team-a", "web", ""},
      {"allowed", {.allowed_namespaces = {"shop", "team-*"}}, "tea", "web", "not among allowed_n"},
      {"allowed", {.allowed_namespaces = {"shop"}}, "shop-2", "web", "not among"},
      {"denied", {.denied_namespaces = {"shop"}}, "shop", "web", "denied_namespaces"},
      {"denied wins",
       {.allowed_namespaces = {"shop"}, .denied_namespaces = {"sh*"}},
       "shop",
       "web",
       "denied_namespaces"},
      {"account", {.denied_service_accounts = {"*:default"}}, "shop", "default", "denied_service"},
      {"account", {.denied_service_accounts = {"*:default"}}, "shop", "web", ""},
      {"account", {.allowed_service_accounts = {"shop:*"}}, "shop", "web", ""},
      {"account", {.allowed_service_accounts = {"shop:*"}}, "bank", "web", "not among"},
      {"account denied wins",
       {.allowed_service_accounts = {"shop:web"}, .denied_service_accounts = {"shop:w*"}},
       "shop",
       "web",
       "denied_service_accounts"},
      {"both lists must allow",
       {.allowed_namespaces = {"bank"}, .allowed_service_accounts = {"shop:web"}},
       "shop",
       "web",
       "not among allowed_namespaces"},
      {"mirror pods have none", {}, "shop", "", "no service account"},
  };
  for (const Row& row : rows) {
    INFO(row.what << " " << row.space << ":" << row.account);
    const auto policy = Create(row.options);
    REQUIRE_OK(policy);
    const auto names = policy->Judge(PodOf(row.space, row.account));
    if (std::string(row.refused).empty()) {
      REQUIRE_OK(names);
    } else {
      REQUIRE_ERROR(names, Code::kPermissionDenied, row.refused);
    }
  }
}

TEST_CASE("every problem of a policy is reported at once, each with its option") {
  const auto policy = Create({.spiffe_id_template = "{{x}}",
                              .allowed_namespaces = {"Shop"},
                              .denied_namespaces = {"a*b"},
                              .allowed_service_accounts = {"shop"},
                              .denied_service_accounts = {"shop:", ":web"},
                              .x509_svid_ttl = -1,
                              .dns_name_templates = {"{{y}}"},
                              .hint = std::string(1025, 'h')});
  REQUIRE_FALSE(policy.ok());
  for (const char* want :
       {"allowed_namespaces: \"Shop\" is no namespace", "denied_namespaces: \"*\" may only",
        "allowed_service_accounts: \"shop\": a service account is written as namespace:name",
        "denied_service_accounts: the service account is empty",
        "denied_service_accounts: the namespace is empty", "hint: is longer",
        "x509_svid_ttl, jwt_svid_ttl: is negative", "spiffe_id_template: unknown variable \"x\"",
        "dns_name_templates: unknown variable \"y\""}) {
    CHECK_THAT(policy.error().message, Catch::Contains(want));
  }
}
