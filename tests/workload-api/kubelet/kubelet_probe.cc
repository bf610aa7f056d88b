// Shows what our feeds make of a kubelet's pods; tests/interop points it at a real one.
//
//   kubelet_probe pods_api SOCKET
//   kubelet_probe api_server KUBECONFIG NODE
//   kubelet_probe kubelet PORT CA CERTIFICATE KEY
//
// For each pod uid on standard input: one line of JSON-free words, "uid namespace/name
// service-account phase container=id …", "uid unknown", or "problem …" when nothing is known and
// something is wrong.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "attestor/kubernetes/api_config.h"
#include "core/base/random.h"
#include "workload-api/kubelet/api_server_feed.h"
#include "workload-api/kubelet/kubelet_endpoint.h"
#include "workload-api/kubelet/kubelet_poll.h"
#include "workload-api/kubelet/pods_watch.h"

namespace {

using namespace signet;

struct World {
  const Clock& clock;
  Random& random;
  Logger& logger;
};

std::unique_ptr<attestor::PodFacts> Open(char** arguments, const World& world) {
  const auto& [clock, random, logger] = world;
  const std::string kind = arguments[1];
  if (kind == "api_server") {
    auto api = kubernetes::OpenApi(kubernetes::LoadApiConfig(arguments[2]).value(), clock, logger);
    return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
      return kubelet::MakeApiServerFeed({.api = std::move(api).value(), .node_name = arguments[3]},
                                        {world.clock, world.random, world.logger}, std::move(sink));
    });
  }
  if (kind == "pods_api") {
    return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
      return kubelet::MakePodsApiFeed(kubelet::OpenPodsClient(arguments[2]), logger,
                                      std::move(sink));
    });
  }
  kubelet::KubeletEndpoint endpoint;
  endpoint.port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
  endpoint.ca_path = arguments[3];
  endpoint.certificate_path = arguments[4];
  endpoint.private_key_path = arguments[5];
  auto api = kubernetes::OpenApi(
      std::make_shared<const kubernetes::ApiConfig>(kubelet::KubeletApiConfig(endpoint)), clock,
      logger);
  return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
    return kubelet::MakeKubeletFeed({.api = std::move(api).value()}, clock, logger,
                                    std::move(sink));
  });
}

/// Ask waits until the facts are as of now, as an attestation does.
void Ask(attestor::PodFacts& facts, const Clock& clock, const std::string& uid) {
  const MonoTime now = clock.Mono();
  for (int i = 0; i < 100 && !facts.IsAsOf(now); ++i) {
    facts.Refresh();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const kubernetes::PodPtr pod = facts.Find(uid);
  if (pod == nullptr) {
    const std::string problem = facts.Problem();
    std::cout << (problem.empty() ? uid + " unknown" : "problem " + problem) << std::endl;
    return;
  }
  std::cout << pod->uid << " " << pod->namespace_name << "/" << pod->name << " "
            << pod->service_account << " phase" << static_cast<int>(pod->phase)
            << (pod->deletion ? " deleting" : "");
  for (const kubernetes::ContainerStatus& status : pod->statuses) {
    std::cout << " " << status.name << "=" << status.container_id;
  }
  std::cout << std::endl;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string kind = count > 1 ? arguments[1] : "";
  if (!(kind == "pods_api" && count == 3) && !(kind == "api_server" && count == 4) &&
      !(kind == "kubelet" && count == 6)) {
    std::cerr << "usage: kubelet_probe pods_api SOCKET | api_server KUBECONFIG NODE | kubelet PORT "
                 "CA CERTIFICATE KEY\n";
    return 2;
  }
  const RealClock clock;
  const auto logger = MakeLogger({});
  if (!logger.ok()) {
    return 1;
  }
  SystemRandom random;
  const auto facts = Open(arguments, {clock, random, **logger});
  for (std::string uid; std::getline(std::cin, uid);) {
    Ask(*facts, clock, uid);
  }
  return 0;
}
