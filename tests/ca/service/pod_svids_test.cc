#include "ca/service/pod_svids.h"

#include "core/crypto/certificate.h"
#include "tests/ca/service/pod_world.h"

using namespace signet;
using test::PodOn;
using test::PodWorld;
using test::TokenOf;

namespace {

/// Refused asks for the pod by both ways and requires the same verdict.
void RequireRefused(PodWorld& world, const spiffe::SpiffeId& agent, const kubernetes::Pod& pod,
                    const std::string& text) {
  REQUIRE_ERROR(world.Ask(agent, pod), Code::kPermissionDenied, text);
  REQUIRE_ERROR(world.AskByEntry(agent, pod), Code::kPermissionDenied, text);
}

std::vector<std::string> UrisOf(const Bytes& certificate) {
  return crypto::Certificate::Parse(certificate).value().uri_sans;
}

}  // namespace

TEST_CASE("a pod on the agent's node gets the identity that the policy renders") {
  PodWorld world({.x509_svid_ttl = 600, .dns_name_templates = {"{{service_account}}.shop.svc"}});
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  const auto issued = world.Ask(agent.id, pod);
  REQUIRE_OK(issued);
  const auto leaf = crypto::Certificate::Parse(issued->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/ns/shop/sa/web"});
  CHECK(leaf.dns_sans == std::vector<std::string>{"web.shop.svc"});
  CHECK(leaf.not_after == world.clock.Now() + std::chrono::minutes(10));
  CHECK(issued->entry->id == "k8s-pod.uid-web-1");
  CHECK(world.cluster.live_reads == 0);

  const auto by_entry = world.AskByEntry(agent.id, pod);
  REQUIRE_OK(by_entry);
  CHECK(UrisOf(by_entry->svid.certificate) == leaf.uri_sans);
}

TEST_CASE("a pod of another node is refused") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-2", "web-1"));
  RequireRefused(world, agent.id, PodOn("node-2", "web-1"), "does not run on the agent's node");
}

TEST_CASE("a mirror pod is refused") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  kubernetes::Pod pod = PodOn("node-1", "web-1");
  pod.mirror = true;
  world.cluster.pods.Put(pod);
  RequireRefused(world, agent.id, pod, "mirror");
}

TEST_CASE("a finished pod is refused") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  kubernetes::Pod pod = PodOn("node-1", "web-1");
  for (const auto phase : {kubernetes::PodPhase::kSucceeded, kubernetes::PodPhase::kFailed}) {
    pod.phase = phase;
    world.cluster.pods.Put(pod);
    RequireRefused(world, agent.id, pod, "");
  }
  pod.phase = kubernetes::PodPhase::kPending;
  world.cluster.pods.Put(pod);
  REQUIRE_OK(world.Ask(agent.id, pod));
}

TEST_CASE("a pod that is being deleted is refused") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  kubernetes::Pod pod = PodOn("node-1", "web-1");
  pod.deletion = world.clock.Now() + std::chrono::seconds(30);
  world.cluster.pods.Put(pod);
  RequireRefused(world, agent.id, pod, "delet");
}

TEST_CASE("a pod of a denied namespace is refused") {
  PodWorld world({.denied_namespaces = {"shop"}});
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  RequireRefused(world, agent.id, PodOn("node-1", "web-1"), "denied_namespaces");
}

TEST_CASE("a foreign pod UID is refused") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  kubernetes::Pod foreign = PodOn("node-1", "web-1");
  foreign.uid = "uid-of-an-earlier-web-1";
  REQUIRE_ERROR(world.Ask(agent.id, foreign), Code::kNotFound, "no such pod");
  REQUIRE_ERROR(world.AskByEntry(agent.id, foreign), Code::kNotFound, "not found");
}

TEST_CASE("an ID that the agent chose in its CSR counts for nothing") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  world.csr = PodWorld::Csr(
      {.uri_sans = {"spiffe://example.org/ns/bank/sa/vault"}, .dns_sans = {"vault.bank.svc"}});
  const auto issued = world.Ask(agent.id, pod);
  REQUIRE_OK(issued);
  const auto leaf = crypto::Certificate::Parse(issued->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/ns/shop/sa/web"});
  CHECK(leaf.dns_sans.empty());
}

TEST_CASE("an agent that joined by a token asks in vain") {
  PodWorld world;
  const auto agent = world.Attest("join");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  RequireRefused(world, agent.id, PodOn("node-1", "web-1"), "only agents that were attested by");
}

TEST_CASE("a banned agent, and one that is gone, get nothing") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  REQUIRE_OK(world.agents.Ban(test::IdOf(agent.id.path())));
  REQUIRE_ERROR(world.Ask(agent.id, PodOn("node-1", "web-1")), Code::kPermissionDenied, "banned");
  CHECK(world.Ids(agent.id).empty());
  REQUIRE_OK(world.agents.Delete(test::IdOf(agent.id.path())));
  REQUIRE_ERROR(world.Ask(agent.id, PodOn("node-1", "web-1")), Code::kPermissionDenied,
                "not attested");
}

TEST_CASE("the agent of a node that was re-created must attest again") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.nodes.Put({.uid = "another", .name = "node-1"});
  RequireRefused(world, agent.id, PodOn("node-1", "web-1"), "must attest again");
}

TEST_CASE("an agent of a cluster that gives no identities asks in vain") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
    store::Agent record = *world.registry->FindAgent(agent.id);
    record.selectors.back() = {"k8s_psat", "cluster:test"};
    return std::vector<store::Write>{store::PutAgent{record}};
  }));
  RequireRefused(world, agent.id, PodOn("node-1", "web-1"), "cluster \"test\" gives no identities");
}

TEST_CASE("a pod that the watch has not told of yet is found by one live read") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.not_watched_yet.push_back(pod);
  REQUIRE_OK(world.Ask(agent.id, pod));
  CHECK(world.cluster.live_reads == 1);
  world.cluster.outage = Unavailable("the API server does not answer");
  REQUIRE_ERROR(world.Ask(agent.id, pod), Code::kUnavailable, "does not answer");
}

TEST_CASE(
    "a cluster that does not answer is waited for once a batch, and known pods need no answer") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.outage = Unavailable("the API server does not answer");
  std::vector<service::PodSvidRequest> requests;
  for (int i = 0; i < 100; ++i) {
    requests.push_back({.pod = {"new-" + std::to_string(i), "shop", "new"}, .csr = world.csr});
  }
  requests.push_back({.pod = {"uid-web-1"}, .csr = world.csr});
  const auto results = world.pod_svids.BatchNewX509(agent.id, requests);
  for (int i = 0; i < 100; ++i) {
    CHECK(results[static_cast<std::size_t>(i)].code() == Code::kUnavailable);
  }
  REQUIRE_OK(results[100]);
  // The pool has two threads and the caller helps: each may have been on its way already.
  CHECK(world.cluster.live_reads <= 3);
}

TEST_CASE("a cluster may require the pod's own token") {
  PodWorld world({.require_workload_token = true});
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  world.cluster.tokens.emplace("good", TokenOf(pod, world.clock.Now()));
  REQUIRE_ERROR(world.Ask(agent.id, pod), Code::kPermissionDenied, "workload_token is empty");
  REQUIRE_ERROR(world.Ask(agent.id, pod, "forged"), Code::kPermissionDenied, "not believed");
  REQUIRE_ERROR(world.AskByEntry(agent.id, pod), Code::kPermissionDenied,
                "requires the pod's own token");
  REQUIRE_OK(world.Ask(agent.id, pod, "good"));
  REQUIRE_OK(world.Ask(agent.id, pod, "good"));
  CHECK(world.Ids(agent.id).size() == 1);
}

TEST_CASE("a token that is shown although it need not be is reviewed all the same") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  REQUIRE_ERROR(world.Ask(agent.id, pod, "forged"), Code::kPermissionDenied, "workload_token: ");
  world.cluster.outage = Unavailable("the API server does not answer");
  REQUIRE_ERROR(world.Ask(agent.id, pod, "forged"), Code::kUnavailable, "does not answer");
}

TEST_CASE("a token of another pod, namespace or service account is refused") {
  PodWorld world({.require_workload_token = true});
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  const auto good = TokenOf(pod, world.clock.Now());
  for (const auto member :
       {&kubernetes::ServiceAccountToken::pod_uid, &kubernetes::ServiceAccountToken::pod_name,
        &kubernetes::ServiceAccountToken::namespace_name,
        &kubernetes::ServiceAccountToken::service_account}) {
    auto other = good;
    other.*member = "another";
    world.cluster.tokens["other"] = other;
    REQUIRE_ERROR(world.Ask(agent.id, pod, "other"), Code::kPermissionDenied,
                  "belongs to another pod or service account");
  }
}

TEST_CASE("a token that one agent has used is not taken from another") {
  PodWorld world;
  const auto one = world.AttestNode("node-1");
  const auto two = world.AttestNode("node-2");
  kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  world.cluster.tokens.emplace("stolen", TokenOf(pod, world.clock.Now()));
  REQUIRE_OK(world.Ask(one.id, pod, "stolen"));
  pod.node_name = "node-2";
  world.cluster.pods.Put(pod);
  REQUIRE_ERROR(world.Ask(two.id, pod, "stolen"), Code::kPermissionDenied, "workload_token: ");
  CHECK_FALSE(world.logger.Contains("stolen"));
}

TEST_CASE("what a refused item says is logged, without a byte of its token") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  REQUIRE_FALSE(world.Ask(agent.id, pod, "s3cret.t0ken.bytes").ok());
  CHECK(world.logger.Contains("identity of a pod was not issued"));
  CHECK(world.logger.Contains("pod_uid=uid-web-1"));
  CHECK(world.logger.Contains("code=PERMISSION_DENIED"));
  CHECK_FALSE(world.logger.Contains("s3cret"));
}

TEST_CASE("malformed items are refused before the cluster is asked") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  const auto with = [&](const std::function<void(kubernetes::Pod&)>& change) {
    kubernetes::Pod odd = pod;
    change(odd);
    return world.Ask(agent.id, odd);
  };
  REQUIRE_ERROR(with([](auto& p) { p.uid = ""; }), Code::kInvalidArgument, "pod_uid");
  REQUIRE_ERROR(with([](auto& p) { p.uid = "../x"; }), Code::kInvalidArgument, "pod_uid");
  REQUIRE_ERROR(with([](auto& p) { p.uid = std::string(65, 'a'); }), Code::kInvalidArgument,
                "pod_uid");
  for (const std::string& name : std::vector<std::string>{"..", "a/b", "a..b", "-a", "A", "a?b",
                                                          "a%2e", std::string(254, 'a')}) {
    INFO(name);
    REQUIRE_ERROR(with([&](auto& p) { p.name = name; }), Code::kInvalidArgument, "pod_name");
    REQUIRE_ERROR(with([&](auto& p) { p.namespace_name = name; }), Code::kInvalidArgument,
                  "pod_namespace");
  }
  world.csr = ToBytes("junk");
  REQUIRE_ERROR(world.Ask(agent.id, pod), Code::kInvalidArgument, "malformed CSR");
  world.csr.clear();
  REQUIRE_ERROR(world.Ask(agent.id, pod), Code::kInvalidArgument, "missing CSR");
  CHECK(world.cluster.live_reads == 0);
}

TEST_CASE("each item of a batch is judged on its own, in order") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.pods.Put(PodOn("node-1", "api-1"));
  world.cluster.pods.Put(PodOn("node-2", "db-1"));
  std::vector<service::PodSvidRequest> requests;
  for (const char* uid : {"uid-web-1", "uid-db-1", "none", "uid-api-1"}) {
    requests.push_back({.pod = {uid}, .csr = world.csr});
  }
  const auto results = world.pod_svids.BatchNewX509(agent.id, requests);
  REQUIRE(results.size() == 4);
  REQUIRE_OK(results[0]);
  CHECK(results[0]->entry->id == "k8s-pod.uid-web-1");
  REQUIRE_ERROR(results[1], Code::kPermissionDenied, "does not run on");
  REQUIRE_ERROR(results[2], Code::kNotFound, "no such pod");
  REQUIRE_OK(results[3]);
  CHECK(results[3]->entry->id == "k8s-pod.uid-api-1");
}

TEST_CASE("in a remote cluster the token is all there is to know, and bounds the SVID's life") {
  PodWorld world({}, false);
  const auto agent = world.AttestNode("node-1");
  const kubernetes::Pod pod = PodOn("node-1", "web-1");
  world.cluster.tokens.emplace("good", TokenOf(pod, world.clock.Now()));
  REQUIRE_ERROR(world.Ask(agent.id, pod), Code::kPermissionDenied, "known by their tokens alone");
  const auto issued = world.Ask(agent.id, pod, "good");
  REQUIRE_OK(issued);
  CHECK(UrisOf(issued->svid.certificate) ==
        std::vector<std::string>{"spiffe://example.org/ns/shop/sa/web"});
  CHECK(issued->svid.not_after == world.clock.Now() + std::chrono::minutes(10));
  CHECK(world.Ids(agent.id).empty());
  REQUIRE_ERROR(world.AskByEntry(agent.id, pod), Code::kPermissionDenied, "own token");

  REQUIRE_ERROR(world.Ask(agent.id, PodOn("node-1", "web-2"), "good"), Code::kPermissionDenied,
                "belongs to another pod");
  auto elsewhere = TokenOf(PodOn("node-2", "db-1"), world.clock.Now());
  world.cluster.tokens.emplace("elsewhere", elsewhere);
  REQUIRE_ERROR(world.Ask(agent.id, PodOn("node-2", "db-1"), "elsewhere"), Code::kPermissionDenied,
                "does not run on the agent's node");
  elsewhere.node_name = "node-1";
  world.cluster.tokens["elsewhere"] = elsewhere;
  REQUIRE_ERROR(world.Ask(agent.id, PodOn("node-2", "db-1"), "elsewhere"), Code::kPermissionDenied,
                "must attest again");
  auto nowhere = TokenOf(pod, world.clock.Now());
  nowhere.node_name = nowhere.node_uid = "";
  world.cluster.tokens["nowhere"] = nowhere;
  REQUIRE_ERROR(world.Ask(agent.id, pod, "nowhere"), Code::kPermissionDenied, "does not run on");
  world.clock.Advance(std::chrono::minutes(11));
  REQUIRE_ERROR(world.Ask(agent.id, pod, "good"), Code::kPermissionDenied, "has expired");
}
