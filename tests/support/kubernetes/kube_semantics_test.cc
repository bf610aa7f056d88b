// What a Kubernetes API server does with tokens (reference kubernetes.md §1.1 and §1.2). The same
// cases run on the stub and on the real thing, so that the stub tells the truth.
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kOurs = {"spiffe-ca"};

Json Claims(const std::string& token, int part = 1) {
  static const std::string kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = token.substr(part == 0 ? 0 : token.find('.') + 1);
  text.resize(text.find('.'));
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = bits << 6 | static_cast<unsigned>(kAlphabet.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return Json::parse(out);
}

/// A namespace with an account, a node and a running pod.
struct Scene {
  explicit Scene(KubeBackend& kube)
      : ns(kube.CreateNamespace("sem")),
        account_uid(kube.CreateServiceAccount(ns, "agent")),
        node(kube.Unique("node")),
        node_uid(kube.CreateNode(node)),
        pod_uid(kube.CreatePod({.ns = ns, .name = "p", .sa = "agent", .node = node})) {}
  KubeToken PodToken() const {
    return {.ns = ns,
            .sa = "agent",
            .audiences = kOurs,
            .bound_kind = "Pod",
            .bound_name = "p",
            .bound_uid = pod_uid};
  }
  std::string ns, account_uid, node, node_uid, pod_uid;
};

Json StatusOf(const KubeAnswer& answer) {
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  return Json::parse(answer.body).at("status");
}

void CheckRefused(const KubeAnswer& answer, const std::string& why) {
  const Json status = StatusOf(answer);
  CHECK_FALSE(status.contains("authenticated"));
  CHECK_FALSE(status.contains("audiences"));
  CHECK(status.at("user") == Json::object());
  CHECK_THAT(status.at("error").get<std::string>(), Catch::Contains(why));
}

/// Asks until the answer changes, since a good verdict is kept for 10 s; then checks it. Returns
/// the seconds that it took.
double AwaitRefusal(KubeBackend& kube, const std::string& token, const std::string& why) {
  const auto start = std::chrono::steady_clock::now();
  const auto waited = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  KubeAnswer answer = kube.Review(token, kOurs);
  while (StatusOf(answer).contains("authenticated") && waited() < 15) {
    if (kube.is_stub()) {
      kube.AdvanceClock(std::chrono::seconds(1));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    answer = kube.Review(token, kOurs);
  }
  CheckRefused(answer, why);
  return waited();
}

TEST_CASE("a pod-bound token names pod, node and account with their uids") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  const Json header = Claims(token, 0);
  CHECK(header.at("alg") == "RS256");
  CHECK(header.at("kid").get<std::string>().size() == 43);
  CHECK_FALSE(header.contains("typ"));
  const Json claims = Claims(token);
  CHECK(claims.at("aud") == Json(kOurs));
  CHECK(claims.at("iss") == kube->issuer());
  CHECK(claims.at("sub") == "system:serviceaccount:" + scene.ns + ":agent");
  CHECK(claims.at("exp").get<long>() - claims.at("iat").get<long>() == 600);
  CHECK(claims.at("nbf") == claims.at("iat"));
  CHECK(claims.at("jti").get<std::string>().size() == 36);
  const Json ours = claims.at("kubernetes.io");
  CHECK(ours.at("namespace") == scene.ns);
  CHECK(ours.at("serviceaccount") == Json{{"name", "agent"}, {"uid", scene.account_uid}});
  CHECK(ours.at("pod") == Json{{"name", "p"}, {"uid", scene.pod_uid}});
  CHECK(ours.at("node") == Json{{"name", scene.node}, {"uid", scene.node_uid}});
  CHECK_FALSE(ours.contains("warnafter"));
}

TEST_CASE("tokens can be signed with ES256") {
  const auto kube = KubeBackend::Start({.es256 = true});
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  CHECK(Claims(token, 0).at("alg") == "ES256");
  CHECK(StatusOf(kube->Review(token, kOurs)).at("authenticated") == true);
  const Json keys = Json::parse(kube->Raw("GET", "/openid/v1/jwks").body).at("keys");
  REQUIRE(keys.size() == 1);
  const Json& key = keys.at(0);
  CHECK(key.at("kty") == "EC");
  CHECK(key.at("crv") == "P-256");
  CHECK(key.at("alg") == "ES256");
  CHECK(key.at("kid") == Claims(token, 0).at("kid"));
  CHECK(key.at("x").get<std::string>().size() == 43);
}

TEST_CASE("a pod-bound token for the default audience and 3607 s lives a year") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  KubeToken request = scene.PodToken();
  request.audiences.clear();
  request.seconds = 3607;
  const Json answer = Json::parse(kube->RequestToken(request).body);
  const Json claims = Claims(answer.at("status").at("token").get<std::string>());
  CHECK(claims.at("exp").get<long>() - claims.at("iat").get<long>() == 31'536'000);
  CHECK(claims.at("kubernetes.io").at("warnafter").get<long>() - claims.at("iat").get<long>() ==
        3607);
  CHECK(claims.at("aud") == Json::array({kube->issuer()}));
  CHECK(answer.at("spec").at("expirationSeconds") == 3607);
}

TEST_CASE("an unbound token for the default audience does not live a year") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const Json claims = Claims(kube->Token({.ns = scene.ns, .sa = "agent", .seconds = 3607}));
  CHECK(claims.at("exp").get<long>() - claims.at("iat").get<long>() == 3607);
  CHECK_FALSE(claims.at("kubernetes.io").contains("pod"));
  CHECK_FALSE(claims.at("kubernetes.io").contains("node"));
}

TEST_CASE("token requests that no token is given for") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  kube->CreateServiceAccount(scene.ns, "other");
  const auto refused = [&](const std::function<void(KubeToken&)>& change, int status,
                           const std::string& text) {
    KubeToken request = scene.PodToken();
    change(request);
    const KubeAnswer answer = kube->RequestToken(request);
    CHECK(answer.status == status);
    CHECK_THAT(answer.body, Catch::Contains(text));
  };
  refused([](KubeToken& t) { t.seconds = 300; }, 422, "may not specify a duration less than 10");
  refused([](KubeToken& t) { t.bound_uid = "00000000-0000-0000-0000-000000000000"; }, 409,
          "does not match the UID in record");
  refused([](KubeToken& t) { t.bound_name = "absent"; }, 404, "pods \\\"absent\\\" not found");
  refused([](KubeToken& t) { t.bound_kind = "ConfigMap"; }, 400, "cannot bind token to object");
  refused([](KubeToken& t) { t.sa = "other"; }, 400, "running with different serviceaccount name");
  refused([](KubeToken& t) { t.sa = "absent"; }, 404, "serviceaccounts \\\"absent\\\" not found");
}

TEST_CASE("a good token is reviewed with user, groups, audiences and extras") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  const Json status = StatusOf(kube->Review(token, {"other", "spiffe-ca"}));
  CHECK(status.at("authenticated") == true);
  CHECK(status.at("audiences") == Json(kOurs));
  CHECK_FALSE(status.contains("error"));
  const Json user = status.at("user");
  CHECK(user.at("username") == "system:serviceaccount:" + scene.ns + ":agent");
  CHECK(user.at("uid") == scene.account_uid);
  CHECK(user.at("groups") ==
        Json::array({"system:serviceaccounts", "system:serviceaccounts:" + scene.ns,
                     "system:authenticated"}));
  const std::string prefix = "authentication.kubernetes.io/";
  const std::string id = Claims(token).at("jti").get<std::string>();
  CHECK(user.at("extra") == Json{{prefix + "credential-id", Json::array({"JTI=" + id})},
                                 {prefix + "node-name", Json::array({scene.node})},
                                 {prefix + "node-uid", Json::array({scene.node_uid})},
                                 {prefix + "pod-name", Json::array({"p"})},
                                 {prefix + "pod-uid", Json::array({scene.pod_uid})}});
}

TEST_CASE("tokens bound to a node, to a secret or to nothing carry no pod") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  kube->Raw("POST", "/api/v1/namespaces/" + scene.ns + "/secrets", R"({"metadata":{"name":"s"}})");
  const KubeToken plain{.ns = scene.ns, .sa = "agent", .audiences = kOurs};
  KubeToken node = plain;
  node.bound_kind = "Node";
  node.bound_name = scene.node;
  KubeToken secret = plain;
  secret.bound_kind = "Secret";
  secret.bound_name = "s";
  for (const KubeToken& request : {plain, node, secret}) {
    const Json user = StatusOf(kube->Review(kube->Token(request), kOurs)).at("user");
    CHECK_FALSE(user.at("extra").contains("authentication.kubernetes.io/pod-name"));
    CHECK(user.at("extra").contains("authentication.kubernetes.io/node-name") ==
          (request.bound_kind == "Node"));
  }
}

TEST_CASE("a bad token is answered with 201, an error, and no word on authenticated") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  CheckRefused(kube->Review("junk", kOurs), "invalid bearer token");
  CheckRefused(kube->Review("a.b.c", kOurs), "invalid bearer token");
  CheckRefused(kube->Review(token.substr(0, token.rfind('.')) + ".AAAA", kOurs),
               "error in cryptographic primitive");
  CheckRefused(kube->Review(token, {"other"}),
               R"(token audiences ["spiffe-ca"] is invalid for the target audiences ["other"])");
  // No audience means the API server's own.
  CheckRefused(kube->Review(token, {}), "is invalid for the target audiences [\"https://kube");
  const std::string own = kube->Token({.ns = scene.ns, .sa = "agent"});
  CHECK(StatusOf(kube->Review(own, {})).at("authenticated") == true);
  CHECK(kube->Review("", kOurs).status == 400);
}

TEST_CASE("a verdict outlives a pod that was deleted at once by 10 s at most") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  REQUIRE(StatusOf(kube->Review(token, kOurs)).contains("authenticated"));
  kube->Delete("pods", scene.ns, "p", 0);
  CHECK(StatusOf(kube->Review(token, kOurs)).contains("authenticated"));  // kept
  CHECK(AwaitRefusal(*kube, token, "service account token has been invalidated") < 12);
  // Another pod of the same name does not help.
  kube->CreatePod({.ns = scene.ns, .name = "p", .sa = "agent", .node = scene.node});
  AwaitRefusal(*kube, token, "does not match service account pod ref claim");
}

TEST_CASE("a token stays good while its pod ends in its grace") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  kube->Delete("pods", scene.ns, "p", 5);
  CHECK(StatusOf(kube->Review(token, kOurs)).contains("authenticated"));
}

TEST_CASE("a pod's grace lets its token live for 60 s more", "[stub]") {
  const auto kube = KubeBackend::StartStub();
  const Scene scene(*kube);
  const std::string token = kube->Token(scene.PodToken());
  kube->Delete("pods", scene.ns, "p", 5);
  kube->AdvanceClock(std::chrono::seconds(58));
  CHECK(StatusOf(kube->Review(token, kOurs)).contains("authenticated"));
  kube->AdvanceClock(std::chrono::seconds(12));
  CheckRefused(kube->Review(token, kOurs), "service account token has been invalidated");
}

TEST_CASE("tokens end with their account, secret and node, also if these are made anew") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string secrets = "/api/v1/namespaces/" + scene.ns + "/secrets";
  kube->Raw("POST", secrets, R"({"metadata":{"name":"s"}})");
  KubeToken request{.ns = scene.ns, .sa = "agent", .audiences = kOurs};
  const std::string unbound = kube->Token(request);
  request.bound_kind = "Node";
  request.bound_name = scene.node;
  const std::string of_node = kube->Token(request);
  request.bound_kind = "Secret";
  request.bound_name = "s";
  const std::string of_secret = kube->Token(request);
  kube->Delete("nodes", "", scene.node);
  kube->Delete("secrets", scene.ns, "s");
  AwaitRefusal(*kube, of_node, "service account token has been invalidated");
  AwaitRefusal(*kube, of_secret, "service account token has been invalidated");
  kube->Delete("serviceaccounts", scene.ns, "agent");
  AwaitRefusal(*kube, unbound, "serviceaccounts \"agent\" not found");
  kube->CreateServiceAccount(scene.ns, "agent");
  AwaitRefusal(*kube, unbound, "does not match claim (" + scene.account_uid + ")");
}

TEST_CASE("a kubelet gets tokens of its own pods and of the audiences they ask for alone") {
  const auto kube = KubeBackend::Start();
  const Scene scene(*kube);
  const std::string spec = R"({"volumes":[{"name":"t","projected":{"sources":[
      {"serviceAccountToken":{"audience":"spiffe-ca","path":"t"}}]}}]})";
  const auto request = [&](const std::string& name, const std::string& uid) {
    KubeToken token = scene.PodToken();
    token.bound_name = name;
    token.bound_uid = uid;
    return token;
  };
  const std::string other = kube->Unique("node");
  kube->CreateNode(other);
  const KubeToken mine = request(
      "q",
      kube->CreatePod(
          {.ns = scene.ns, .name = "q", .sa = "agent", .node = scene.node, .spec_json = spec}));
  const KubeToken theirs = request(
      "r", kube->CreatePod(
               {.ns = scene.ns, .name = "r", .sa = "agent", .node = other, .spec_json = spec}));
  const std::string kubelet = "node:" + scene.node;
  // The node authorizer follows pods by a watch of its own.
  KubeAnswer answer = kube->RequestToken(mine, kubelet);
  for (int i = 0; i < 100 && answer.status == 403; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    answer = kube->RequestToken(mine, kubelet);
  }
  CHECK(answer.status == 201);
  CHECK(kube->RequestToken(theirs, kubelet).status == 403);
  KubeToken asked = mine;
  asked.audiences = {"other"};
  answer = kube->RequestToken(asked, kubelet);
  CHECK(answer.status == 403);
  CHECK_THAT(answer.body, Catch::Contains("is not authorized to request tokens for audience"));
  answer = kube->RequestToken({.ns = scene.ns, .sa = "agent", .audiences = kOurs}, kubelet);
  CHECK(answer.status == 403);
  CHECK_THAT(answer.body, Catch::Contains("node requested token not bound to a pod"));
}

}  // namespace
}  // namespace signet::test
