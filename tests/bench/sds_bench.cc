// 500 Envoy-like SDS streams at one real agent, each on a connection of its own: half want the
// X509-SVID, half a foreign bundle. Memory of the agent per stream, and how many messages one
// changed bundle costs its subscribers and the others. One line:
//
//   sds: streams=500 kb_per_stream=… messages_per_change=… to_others=…
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_callback.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/crypto/pem.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "tests/bench/deployment.h"
#include "tests/support/pki.h"

namespace {

using namespace envoy::service::discovery::v3;
using envoy::service::secret::v3::SecretDiscoveryService;

constexpr int kStreams = 500;
constexpr char kForeign[] = "spiffe://other.org";
constexpr char kType[] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// Envoy subscribes to one secret and acknowledges whatever it gets.
class Envoy final : public grpc::ClientBidiReactor<DiscoveryRequest, DiscoveryResponse> {
 public:
  Envoy(const std::string& socket, const std::string& name) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    stub_ = SecretDiscoveryService::NewStub(
        grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
    request_.set_type_url(kType);
    request_.add_resource_names(name);
    request_.mutable_node()->set_id("envoy");
    stub_->async()->StreamSecrets(&context_, this);
    Send();
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }
  bool done() const { return done_; }
  int messages() const { return messages_; }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    ++messages_;
    {
      const std::lock_guard lock(mutex_);
      request_.clear_node();
      request_.set_version_info(response_.version_info());
      request_.set_response_nonce(response_.nonce());
    }
    Send();
    StartRead(&response_);
  }
  void OnWriteDone(bool ok) override {
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      again = ok && std::exchange(waiting_, false);
    }
    if (again) {
      Send();
    }
  }
  /// Send writes the request, or leaves that to the write that is under way.
  void Send() {
    {
      const std::lock_guard lock(mutex_);
      if (writing_) {
        waiting_ = true;
        return;
      }
      writing_ = true;
      sent_ = request_;
    }
    StartWrite(&sent_);
  }
  void OnDone(const grpc::Status&) override { done_ = true; }

  std::unique_ptr<SecretDiscoveryService::Stub> stub_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  bool writing_ = false;
  bool waiting_ = false;
  DiscoveryRequest request_;
  DiscoveryRequest sent_;
  DiscoveryResponse response_;
  std::atomic<int> messages_ = 0;
  std::atomic<bool> done_ = false;
};

using Envoys = std::vector<std::unique_ptr<Envoy>>;

void WriteRoot(const std::string& path) {
  const signet::test::TestCa ca("other.org", signet::RealClock().Now());
  std::ofstream(path) << signet::crypto::PemEncode("CERTIFICATE", ca.der());
}

int Messages(const Envoys& envoys) {
  int all = 0;
  for (const auto& envoy : envoys) {
    all += envoy->messages();
  }
  return all;
}

void Await(const Envoys& envoys, int messages, const char* what) {
  for (int i = 0; i < 30'000 && Messages(envoys) < messages; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  SIGNET_CHECK(Messages(envoys) >= messages,
               std::string(what) + ": only " + std::to_string(Messages(envoys)) + " messages");
}

}  // namespace

int main() {
  const signet::bench::Deployment deployment;
  const std::string bundle = deployment.File("foreign.pem");
  WriteRoot(bundle);
  deployment.Admin({"bundle", "set", "-id", kForeign, "-path", bundle});
  deployment.CreateEntry("/web", "unix:uid:" + std::to_string(::geteuid()),
                         {"-federatesWith", kForeign});
  std::this_thread::sleep_for(std::chrono::seconds(2));

  Envoys certificates;
  Envoys bundles;
  const auto before = signet::bench::RssKb(deployment.agent());
  for (int i = 0; i < kStreams; ++i) {
    Envoys& kind = i % 2 == 0 ? certificates : bundles;
    kind.push_back(
        std::make_unique<Envoy>(deployment.agent_socket(), i % 2 == 0 ? "default" : kForeign));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  Await(certificates, kStreams / 2, "opening");
  Await(bundles, kStreams / 2, "opening");
  const auto after = signet::bench::RssKb(deployment.agent());

  WriteRoot(deployment.File("new.pem"));
  deployment.Admin({"bundle", "set", "-id", kForeign, "-path", deployment.File("new.pem")});
  Await(bundles, kStreams, "change");
  std::this_thread::sleep_for(std::chrono::seconds(1));  // for a message too many

  std::printf("sds: streams=%d kb_per_stream=%.1f messages_per_change=%.2f to_others=%d\n",
              kStreams, static_cast<double>(after - before) / kStreams,
              static_cast<double>(Messages(bundles)) / (kStreams / 2.0) - 1,
              Messages(certificates) - kStreams / 2);
  std::fflush(stdout);
  for (Envoys* kind : {&certificates, &bundles}) {
    for (auto& envoy : *kind) {
      envoy->Cancel();
    }
    for (auto& envoy : *kind) {
      while (!envoy->done()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
  return 0;
}
