#include "signet/api/server/v1/pods.pb.h"

#include "core/crypto/certificate.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "tests/ca/rpc/rpc_world.h"
#include "tests/ca/service/pod_world.h"

using namespace signet;
using test::PodOn;
using test::PodWorld;
namespace pods_api = signet::api::server::v1;
namespace entry_api = spire::api::server::entry::v1;
namespace svid_api = spire::api::server::svid::v1;

namespace {

using World = test::RpcWorldOn<PodWorld>;
const std::string kMethod = "/signet.api.server.v1.Pods/BatchNewX509SVID";

pods_api::NewPodX509SVIDParams ItemOf(const World& world, const kubernetes::Pod& pod) {
  pods_api::NewPodX509SVIDParams item;
  item.set_pod_uid(pod.uid);
  item.set_pod_namespace(pod.namespace_name);
  item.set_pod_name(pod.name);
  item.set_csr(world.csr.data(), world.csr.size());
  return item;
}

}  // namespace

TEST_CASE("an agent gets the SVIDs of its node's pods with their entries, each with a status") {
  World world;
  const auto agent = world.AttestNode("node-1");
  const auto peer = World::TlsPeer(agent.svid.chain);
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.cluster.pods.Put(PodOn("node-2", "db-1"));
  pods_api::BatchNewPodX509SVIDRequest request;
  *request.add_params() = ItemOf(world, PodOn("node-1", "web-1"));
  *request.add_params() = ItemOf(world, PodOn("node-2", "db-1"));
  pods_api::BatchNewPodX509SVIDResponse response;
  const auto status = world.Unary(peer, kMethod, request, &response);
  INFO(status.message);
  REQUIRE(status.code == Code::kOk);
  REQUIRE(response.results_size() == 2);
  const auto& issued = response.results(0);
  CHECK(issued.status().code() == 0);
  CHECK(issued.svid().id().path() == "/ns/shop/sa/web");
  REQUIRE(issued.svid().cert_chain_size() == 1);
  CHECK(issued.entry().id() == "k8s-pod.uid-web-1");
  CHECK(issued.entry().spiffe_id().path() == "/ns/shop/sa/web");
  CHECK(issued.entry().parent_id().path() == agent.id.path());
  REQUIRE(issued.entry().selectors_size() == 1);
  CHECK(issued.entry().selectors(0).type() == "k8s");
  CHECK(issued.entry().selectors(0).value() == "pod-uid:uid-web-1");
  const auto& refused = response.results(1);
  CHECK(refused.status().code() == static_cast<int>(Code::kPermissionDenied));
  CHECK_FALSE(refused.has_svid());
  CHECK_FALSE(refused.has_entry());
}

TEST_CASE("the token of an item reaches its review") {
  World world(service::PodPolicyOptions{.require_workload_token = true});
  const auto agent = world.AttestNode("node-1");
  const auto pod = PodOn("node-1", "web-1");
  world.cluster.pods.Put(pod);
  world.cluster.tokens.emplace("good", test::TokenOf(pod, world.clock.Now()));
  pods_api::BatchNewPodX509SVIDRequest request;
  *request.add_params() = ItemOf(world, pod);
  *request.add_params() = ItemOf(world, pod);
  request.mutable_params(1)->set_workload_token("good");
  pods_api::BatchNewPodX509SVIDResponse response;
  REQUIRE(world.Unary(World::TlsPeer(agent.svid.chain), kMethod, request, &response).code ==
          Code::kOk);
  CHECK(response.results(0).status().code() == static_cast<int>(Code::kPermissionDenied));
  CHECK(response.results(1).status().code() == 0);
}

TEST_CASE("only an agent may ask for pods, with one to 500 items") {
  World world;
  const auto agent = world.AttestNode("node-1");
  const auto peer = World::TlsPeer(agent.svid.chain);
  pods_api::BatchNewPodX509SVIDRequest request;
  pods_api::BatchNewPodX509SVIDResponse response;
  CHECK(world.Unary(peer, kMethod, request, &response).code == Code::kInvalidArgument);
  for (int i = 0; i < 501; ++i) {
    request.add_params()->set_pod_uid("x");
  }
  CHECK(world.Unary(peer, kMethod, request, &response).code == Code::kInvalidArgument);
  request.mutable_params()->RemoveLast();
  CHECK(world.Unary(peer, kMethod, request, &response).code == Code::kOk);
  CHECK(response.results_size() == 500);
  CHECK(world.Unary(World::TlsPeer(), kMethod, request, &response).code == Code::kPermissionDenied);
  CHECK(world.Unary(world.local, kMethod, request, &response).code == Code::kPermissionDenied);
}

TEST_CASE("a batch draws from the signing rate of its address") {
  World world;
  const auto agent = world.AttestNode("node-1");
  REQUIRE_OK(world.limiter.Reserve(service::Bucket::kCsr, "192.0.2.1", 500, Duration::zero()));
  for (int i = 0; i < 30; ++i) {
    REQUIRE_OK(world.limiter.Reserve(service::Bucket::kCsr, "192.0.2.1", 500, Duration::max()));
  }
  pods_api::BatchNewPodX509SVIDRequest request;
  request.add_params()->set_pod_uid("x");
  pods_api::BatchNewPodX509SVIDResponse response;
  CHECK(world.Unary(World::TlsPeer(agent.svid.chain), kMethod, request, &response).code ==
        Code::kResourceExhausted);
}

TEST_CASE("a server without pods says so") {
  test::RpcWorld world;
  const auto agent = world.Attest("join");
  pods_api::BatchNewPodX509SVIDRequest request;
  pods_api::BatchNewPodX509SVIDResponse response;
  const auto status =
      world.Unary(test::RpcWorld::TlsPeer(agent.svid.chain), kMethod, request, &response);
  CHECK(status.code == Code::kUnimplemented);
  CHECK_THAT(status.message, Catch::Contains("kubernetes.clusters"));
}

TEST_CASE("a stock agent gets derived entries by GetAuthorizedEntries and their SVIDs by id") {
  World world;
  const auto agent = world.AttestNode("node-1");
  const auto peer = World::TlsPeer(agent.svid.chain);
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  entry_api::GetAuthorizedEntriesResponse entries;
  REQUIRE(world
              .Unary(peer, "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries",
                     entry_api::GetAuthorizedEntriesRequest{}, &entries)
              .code == Code::kOk);
  REQUIRE(entries.entries_size() == 1);
  svid_api::BatchNewX509SVIDRequest request;
  auto* item = request.add_params();
  item->set_entry_id(entries.entries(0).id());
  item->set_csr(world.csr.data(), world.csr.size());
  svid_api::BatchNewX509SVIDResponse response;
  REQUIRE(world.Unary(peer, "/spire.api.server.svid.v1.SVID/BatchNewX509SVID", request, &response)
              .code == Code::kOk);
  REQUIRE(response.results_size() == 1);
  CHECK(response.results(0).status().code() == 0);
  CHECK(response.results(0).svid().id().path() == "/ns/shop/sa/web");

  world.cluster.synced = false;
  CHECK(world
            .Unary(peer, "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries",
                   entry_api::GetAuthorizedEntriesRequest{}, &entries)
            .code == Code::kUnavailable);
}
