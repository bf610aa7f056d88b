#include "ca/service/pod_identities.h"

#include "tests/ca/service/pod_world.h"

using namespace signet;
using test::PodOn;
using test::PodWorld;

namespace {

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("an agent is authorized for the pods of its own node, without registration") {
  PodWorld world({.x509_svid_ttl = 600,
                  .jwt_svid_ttl = 60,
                  .dns_name_templates = {"{{service_account}}.{{namespace}}.svc"},
                  .hint = "internal"});
  const auto one = world.AttestNode("node-1");
  const auto two = world.AttestNode("node-2");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.pods.Put(PodOn("node-1", "api-1"));
  world.cluster.pods.Put(PodOn("node-2", "db-1"));
  const auto entries = world.entries.Authorized(one.id);
  REQUIRE_OK(entries);
  REQUIRE(entries->size() == 2);
  const store::Entry& web = *entries->at(1);
  CHECK(entries->at(0)->id == "k8s-pod.uid-api-1");
  CHECK(web.id == "k8s-pod.uid-web-1");
  CHECK(web.spiffe_id.ToString() == "spiffe://example.org/ns/shop/sa/web");
  CHECK(web.parent_id == one.id);
  CHECK(web.selectors == std::vector<spiffe::Selector>{{"k8s", "pod-uid:uid-web-1"}});
  CHECK(web.x509_svid_ttl == 600);
  CHECK(web.jwt_svid_ttl == 60);
  CHECK(web.dns_names == std::vector<std::string>{"web.shop.svc"});
  CHECK(web.hint == "internal");
  CHECK(world.Ids(two.id) == Ids{"k8s-pod.uid-db-1"});
}

TEST_CASE("derived entries are neither stored nor listed to administrators, nor read from disk") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const int reads = world.store.reads;
  const int commits = world.store.commits;
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  CHECK(world.Ids(agent.id).size() == 1);
  CHECK(world.entries.Count({}).value() == 0);
  REQUIRE_ERROR(world.entries.Get("k8s-pod.uid-web-1"), Code::kNotFound, "not found");
  CHECK(world.store.reads == reads);
  CHECK(world.store.commits == commits);
}

TEST_CASE("pods without an identity are left out, and come when they may have one") {
  struct Row {
    const char* what;
    std::function<void(kubernetes::Pod&)> change;
  };
  const Row rows[] = {
      {"mirror", [](auto& pod) { pod.mirror = true; }},
      {"finished", [](auto& pod) { pod.phase = kubernetes::PodPhase::kSucceeded; }},
      {"failed", [](auto& pod) { pod.phase = kubernetes::PodPhase::kFailed; }},
      {"deleting", [](auto& pod) { pod.deletion = SystemTime(std::chrono::hours(1)); }},
      {"denied namespace", [](auto& pod) { pod.namespace_name = "kube-system"; }},
      {"another node", [](auto& pod) { pod.node_name = "node-2"; }},
      {"not scheduled", [](auto& pod) { pod.node_name = ""; }},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    PodWorld world;
    const auto agent = world.AttestNode("node-1");
    kubernetes::Pod pod = PodOn("node-1", "web-1");
    world.cluster.pods.Put(pod);
    CHECK(world.Ids(agent.id).size() == 1);
    row.change(pod);
    world.cluster.pods.Put(pod);
    CHECK(world.Ids(agent.id).empty());
    world.cluster.pods.Put(PodOn("node-1", "web-1"));
    CHECK(world.Ids(agent.id).size() == 1);
    world.cluster.pods.Remove(pod.uid);
    CHECK(world.Ids(agent.id).empty());
  }
}

TEST_CASE("a registration entry with the same ID wins, for the agents that are authorized for it") {
  PodWorld world;
  const auto one = world.AttestNode("node-1");
  const auto two = world.AttestNode("node-2");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.pods.Put(PodOn("node-2", "web-2"));
  const auto entry =
      world.Create(test::EntryOf("/ns/shop/sa/web", one.id.path(), {"k8s:sa:web", "k8s:ns:shop"}));
  CHECK(world.Ids(one.id) == Ids{entry->id});
  CHECK(world.Ids(two.id) == Ids{"k8s-pod.uid-web-2"});
  REQUIRE_ERROR(world.AskByEntry(one.id, PodOn("node-1", "web-1")), Code::kPermissionDenied,
                "registration entry \"" + entry->id + "\"");
  REQUIRE_ERROR(world.Ask(one.id, PodOn("node-1", "web-1")), Code::kPermissionDenied,
                "registration entry \"" + entry->id + "\"");
  REQUIRE_OK(world.Ask(two.id, PodOn("node-2", "web-2")));
  REQUIRE_OK(world.Delete(entry->id));
  CHECK(world.Ids(one.id) == Ids{"k8s-pod.uid-web-1"});
}

TEST_CASE("an agent that k8s_psat has not attested gets no derived entries") {
  PodWorld world;
  const auto agent = world.Attest("join");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  CHECK(world.Ids(agent.id).empty());
}

TEST_CASE("a node that was re-created under its name gives its old agent nothing") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.nodes.Put({.uid = "another", .name = "node-1"});
  CHECK(world.Ids(agent.id).empty());
  world.cluster.nodes.Remove({.uid = "another", .name = "node-1"});
  REQUIRE_ERROR(world.entries.Authorized(agent.id), Code::kUnavailable, "not known in cluster");
  world.cluster.pods.Remove("uid-web-1");
  CHECK(world.Ids(agent.id).empty());
}

TEST_CASE(
    "until the first lists have arrived agents are told to ask again, not that nothing is left") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const auto other = world.Attest("join");
  world.cluster.synced = false;
  REQUIRE_ERROR(world.entries.Authorized(agent.id), Code::kUnavailable,
                "pods of cluster \"prod\" have not been read yet");
  REQUIRE_OK(world.entries.Authorized(other.id));
}

TEST_CASE("a derived entry's revision is stable, and another one when its content is another") {
  const auto revision = [](service::PodPolicyOptions options) {
    PodWorld world(std::move(options));
    const auto agent = world.AttestNode("node-1");
    world.cluster.pods.Put(PodOn("node-1", "web-1"));
    return world.entries.Authorized(agent.id).value().at(0)->revision_number;
  };
  const std::int64_t plain = revision({});
  CHECK(plain >= 0);
  CHECK(revision({}) == plain);
  CHECK(revision({.x509_svid_ttl = 60}) != plain);
  CHECK(revision({.jwt_svid_ttl = 60}) != plain);
  CHECK(revision({.dns_name_templates = {"{{namespace}}.svc"}}) != plain);
  CHECK(revision({.hint = "x"}) != plain);
  CHECK(revision({.spiffe_id_template = "spiffe://example.org/{{pod_name}}"}) != plain);
}

TEST_CASE("federated trust domains are named once their bundle is there") {
  const auto other = spiffe::TrustDomain::Parse("other.org").value();
  PodWorld world({.federates_with = {other}});
  const auto agent = world.AttestNode("node-1");
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  const auto federated = [&] {
    return world.entries.Authorized(agent.id).value().at(0)->federates_with;
  };
  CHECK(federated().empty());
  REQUIRE_OK(world.bundles.Create({.trust_domain = "other.org"}).status);
  CHECK(federated() == std::vector<spiffe::TrustDomain>{other});
}

TEST_CASE("no registration entry may have the id of a derived one") {
  PodWorld world;
  service::EntryInput input = test::EntryOf("/web", "/host");
  input.id = "k8s-pod.uid-web-1";
  const auto results = world.entries.Create({input});
  REQUIRE_ERROR(results.at(0).status, Code::kInvalidArgument, "derived from pods");
}
