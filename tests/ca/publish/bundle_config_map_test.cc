#include "ca/publish/bundle_config_map.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using publish::BundleConfigMap;
using Json = nlohmann::json;

namespace {

/// Server is an API server that has ConfigMaps alone, and the rights that a test leaves it.
class Server {
 public:
  Result<kubernetes::ApiResponse> Do(const kubernetes::ApiRequest& request) {
    const std::lock_guard lock(mutex);
    calls.push_back(request.method + " " + request.path);
    changed.notify_all();
    if (outages > 0) {
      --outages;
      return Unavailable("the API server does not answer");
    }
    if (request.method == forbidden) {
      return Status403(request);
    }
    if (request.method == "GET") {
      return Get(request.path);
    }
    return request.method == "POST" ? Post(request) : Patch(request);
  }
  std::optional<std::string> Value(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto found = maps.find("/api/v1/namespaces/spire/configmaps/spire-bundle");
    if (found == maps.end() || !found->second["data"].contains(key)) {
      return std::nullopt;
    }
    return found->second["data"][key].get<std::string>();
  }
  void Put(Json data) {
    maps["/api/v1/namespaces/spire/configmaps/spire-bundle"] = {
        {"metadata", {{"resourceVersion", "7"}}}, {"data", std::move(data)}};
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Json> maps;  ///< by path
  std::vector<std::string> calls;
  std::string forbidden;
  int outages = 0;
  int rivals = 0;  ///< so many times somebody else writes between our read and our write

 private:
  static kubernetes::ApiResponse Status403(const kubernetes::ApiRequest& request) {
    const Json status = {{"kind", "Status"},
                         {"status", "Failure"},
                         {"reason", "Forbidden"},
                         {"message",
                          "configmaps is forbidden: User \"system:serviceaccount:spire:"
                          "signet-server\" cannot " +
                              request.method},
                         {"code", 403}};
    return {403, status.dump()};
  }
  static kubernetes::ApiResponse Failure(int code) {
    return {code, Json{{"kind", "Status"}, {"code", code}, {"message", "no"}}.dump()};
  }
  kubernetes::ApiResponse Get(const std::string& path) {
    const auto found = maps.find(path);
    return found == maps.end() ? Failure(404) : kubernetes::ApiResponse{200, found->second.dump()};
  }
  kubernetes::ApiResponse Post(const kubernetes::ApiRequest& request) {
    const Json object = Json::parse(request.body);
    if (rivals-- > 0) {
      Put({{"theirs", "x"}});
    }
    Json& place = maps[request.path + "/" + object["metadata"]["name"].get<std::string>()];
    if (!place.is_null()) {
      return Failure(409);
    }
    place = object;
    place["metadata"]["resourceVersion"] = "1";
    return {201, place.dump()};
  }
  kubernetes::ApiResponse Patch(const kubernetes::ApiRequest& request) {
    Json& object = maps.at(request.path);
    const int version = std::stoi(object["metadata"]["resourceVersion"].get<std::string>());
    if (rivals-- > 0) {
      object["metadata"]["resourceVersion"] = std::to_string(version + 1);
    }
    Json patch = Json::parse(request.body);
    CHECK(request.content_type == "application/merge-patch+json");
    if (patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"]) {
      return Failure(409);
    }
    object.merge_patch(patch);
    object["metadata"]["resourceVersion"] = std::to_string(version + 2);
    return {200, object.dump()};
  }
};

class FakeApi final : public kubernetes::Api {
 public:
  explicit FakeApi(Server& server) : server_(server) {}
  Result<kubernetes::ApiResponse> Do(const kubernetes::ApiRequest& request) override {
    return server_.Do(request);
  }
  Result<kubernetes::ApiResponse> Stream(const StreamRequest&) override {
    return Unimplemented("nothing is watched here");
  }

 private:
  Server& server_;
};

struct World {
  Server server;
  MemoryLogger logger;
  std::string pem = "first";
  BundleConfigMap map{{}, std::make_unique<FakeApi>(server), [this] { return pem; }, logger};
};

}  // namespace

TEST_CASE("a ConfigMap that is not there is made") {
  World world;
  CHECK(world.map.Publish().value());
  CHECK(world.server.Value("bundle.crt") == "first");
  CHECK_FALSE(world.map.Publish().value());
  CHECK(world.server.calls ==
        std::vector<std::string>{"GET /api/v1/namespaces/spire/configmaps/spire-bundle",
                                 "POST /api/v1/namespaces/spire/configmaps",
                                 "GET /api/v1/namespaces/spire/configmaps/spire-bundle"});
}

TEST_CASE("a ConfigMap that is there gets our key and keeps its others") {
  World world;
  world.server.Put({{"theirs", "x"}, {"bundle.crt", "old"}});
  CHECK(world.map.Publish().value());
  CHECK(world.server.Value("bundle.crt") == "first");
  CHECK(world.server.Value("theirs") == "x");
  world.pem = "second";
  CHECK(world.map.Publish().value());
  CHECK(world.server.Value("bundle.crt") == "second");
  CHECK_FALSE(world.map.Publish().value());
}

TEST_CASE("an empty ConfigMap has no data at all, and gets our key") {
  World world;
  world.server.maps["/api/v1/namespaces/spire/configmaps/spire-bundle"] = {
      {"metadata", {{"resourceVersion", "7"}}}};
  CHECK(world.map.Publish().value());
  CHECK(world.server.Value("bundle.crt") == "first");
}

TEST_CASE("a write that came in between is seen, and ours is tried again on top of it") {
  World world;
  SECTION("on a patch") {
    world.server.Put({{"theirs", "x"}});
    world.server.rivals = 2;
    CHECK(world.map.Publish().value());
  }
  SECTION("on a creation") {
    world.server.rivals = 1;
    CHECK(world.map.Publish().value());
  }
  SECTION("without end") {
    world.server.Put({{"theirs", "x"}});
    world.server.rivals = 1000;
    REQUIRE_ERROR(world.map.Publish(), Code::kUnavailable, "somebody else changes it");
    return;
  }
  CHECK(world.server.Value("bundle.crt") == "first");
  CHECK(world.server.Value("theirs") == "x");
}

TEST_CASE("a right that is missing is named") {
  World world;
  SECTION("get") {
    world.server.forbidden = "GET";
    REQUIRE_ERROR(world.map.Publish(), Code::kPermissionDenied, "get configmap");
  }
  SECTION("patch") {
    world.server.Put({{"theirs", "x"}});
    world.server.forbidden = "PATCH";
    REQUIRE_ERROR(world.map.Publish(), Code::kPermissionDenied, "patch configmap");
  }
  SECTION("create") {
    world.server.forbidden = "POST";
    REQUIRE_ERROR(world.map.Publish(), Code::kPermissionDenied, "create an empty one, or allow");
  }
}

TEST_CASE("an answer that is no ConfigMap is not believed") {
  for (const Json& odd : {Json("x"), Json::object(), Json{{"metadata", 7}},
                          Json{{"metadata", {{"resourceVersion", 7}}}}}) {
    World world;
    world.server.maps["/api/v1/namespaces/spire/configmaps/spire-bundle"] = odd;
    REQUIRE_ERROR(world.map.Publish(), Code::kUnavailable, "no ConfigMap");
  }
}

TEST_CASE("it publishes at the start, after an outage, and at a change") {
  World world;
  world.server.outages = 1;
  const auto wait_for = [&](const std::string& pem) {
    std::unique_lock lock(world.server.mutex);
    return world.server.changed.wait_for(lock, std::chrono::seconds(20), [&] {
      const auto& map = world.server.maps["/api/v1/namespaces/spire/configmaps/spire-bundle"];
      if (map.is_null()) {
        world.server.maps.clear();
        return false;
      }
      return map["data"]["bundle.crt"] == pem;
    });
  };
  world.map.Start();
  world.map.Changed();  // wakes it from the wait after the outage
  CHECK(wait_for("first"));
  CHECK(world.logger.Contains("bundle was not published"));
  world.pem = "second";
  world.map.Changed();
  CHECK(wait_for("second"));
}

TEST_CASE("the PEM is every authority of the bundle, in order") {
  const test::TestCa one("example.org");
  const test::TestCa two("example.org");
  spiffe::Bundle bundle{.trust_domain = spiffe::TrustDomain::Parse("example.org").value()};
  bundle.x509_authorities = {{one.der()}, {two.der()}};
  const std::string pem = publish::PemOf(bundle);
  const auto blocks = crypto::PemDecode(pem).value();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].label == "CERTIFICATE");
  CHECK(blocks[0].content == one.der());
  CHECK(blocks[1].content == two.der());
}
