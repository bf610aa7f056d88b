#include <nlohmann/json.hpp>

#include "ca/publish/bundle_config_map.h"
#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

using namespace signet;
using publish::BundleConfigMap;
using test::KubeBackend;
using Json = nlohmann::json;

namespace {

/// World is an API server with a namespace, and a server of ours that has these rights there.
struct World {
  /// Grant lets the publishing user do `verbs` with this one ConfigMap, and `create` if it may.
  void Grant(const std::vector<std::string>& verbs, bool create) {
    Json rules = Json::array({{{"apiGroups", {""}},
                               {"resources", {"configmaps"}},
                               {"resourceNames", {"spire-bundle"}},
                               {"verbs", verbs}}});
    if (create) {
      rules.push_back({{"apiGroups", {""}}, {"resources", {"configmaps"}}, {"verbs", {"create"}}});
    }
    const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/" + ns + "/";
    const Json role = {{"metadata", {{"name", "bundle"}}}, {"rules", rules}};
    REQUIRE(kube->Raw("POST", rbac + "roles", role.dump()).status == 201);
    const std::string group = "rbac.authorization.k8s.io";
    const Json binding = {{"metadata", {{"name", "bundle"}}},
                          {"roleRef", {{"apiGroup", group}, {"kind", "Role"}, {"name", "bundle"}}},
                          {"subjects", {{{"apiGroup", group}, {"kind", "User"}, {"name", user}}}}};
    REQUIRE(kube->Raw("POST", rbac + "rolebindings", binding.dump()).status == 201);
  }
  std::unique_ptr<BundleConfigMap> Publisher() {
    auto api = kubernetes::OpenApi(kubernetes::LoadApiConfig(kube->Kubeconfig(user)).value(), clock,
                                   logger);
    return std::make_unique<BundleConfigMap>(
        publish::ConfigMapRef{.namespace_name = ns}, std::move(api).value(), [this] { return pem; },
        logger);
  }
  /// Publish asks until our new rights are known: a real server reads roles by a watch of its own.
  Result<bool> Publish(BundleConfigMap& map) {
    for (int i = 0; i < 200; ++i) {
      Result<bool> done = map.Publish();
      if (done.ok()) {
        return done;
      }
    }
    return map.Publish();
  }
  Json Stored() {
    return Json::parse(
        kube->Raw("GET", "/api/v1/namespaces/" + ns + "/configmaps/spire-bundle").body);
  }

  std::unique_ptr<KubeBackend> kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("bundle");
  const std::string user = kube->Unique("publisher");
  RealClock clock;
  MemoryLogger logger;
  std::string pem = "-----BEGIN CERTIFICATE-----\nfirst\n-----END CERTIFICATE-----\n";
};

}  // namespace

TEST_CASE("with get and patch on one ConfigMap, and create, the bundle is published and kept") {
  World world;
  world.Grant({"get", "patch"}, true);
  const auto map = world.Publisher();
  const auto made = world.Publish(*map);
  REQUIRE_OK(made);
  CHECK(world.Stored()["data"]["bundle.crt"] == world.pem);
  CHECK_FALSE(map->Publish().value());
  world.pem = "second";
  CHECK(map->Publish().value());
  CHECK(world.Stored()["data"]["bundle.crt"] == "second");
}

TEST_CASE("without create an empty ConfigMap made by hand is enough, and its other keys stay") {
  World world;
  world.Grant({"get", "patch"}, false);
  const auto map = world.Publisher();
  REQUIRE_ERROR(world.Publish(*map), Code::kPermissionDenied, "create an empty one, or allow");
  const Json made = {{"metadata", {{"name", "spire-bundle"}}}, {"data", {{"theirs", "x"}}}};
  REQUIRE(world.kube->Raw("POST", "/api/v1/namespaces/" + world.ns + "/configmaps", made.dump())
              .status == 201);
  CHECK(map->Publish().value());
  CHECK(world.Stored()["data"] == Json{{"theirs", "x"}, {"bundle.crt", world.pem}});
}

TEST_CASE("a user without rights is told which one is missing") {
  World world;
  const auto map = world.Publisher();
  const auto refused = map->Publish();
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message, Catch::Contains("get configmap"));
}
