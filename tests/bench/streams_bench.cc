// 1,000 FetchX509SVID streams at one real agent, each on a connection of its own: memory of the
// agent per stream, and how long a changed bundle takes to reach all of them. One line:
//
//   streams: kb_per_stream=… fanout_s=…
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_callback.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/crypto/pem.h"
#include "tests/bench/deployment.h"
#include "tests/support/pki.h"
#include "workload.grpc.pb.h"

namespace {

constexpr int kStreams = 1000;
constexpr char kForeign[] = "spiffe://other.org";

/// Reader counts what its stream got: a first message, and one with the new foreign bundle.
class Reader final : public grpc::ClientReadReactor<X509SVIDResponse> {
 public:
  Reader(const std::string& socket, std::atomic<int>& opened, std::atomic<int>& told)
      : opened_(opened), told_(told) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    stub_ = SpiffeWorkloadAPI::NewStub(
        grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
    context_.AddMetadata("workload.spiffe.io", "true");
    stub_->async()->FetchX509SVID(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }
  bool done() const { return done_; }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    const auto foreign = response_.federated_bundles().find(kForeign);
    const std::string bundle =
        foreign == response_.federated_bundles().end() ? "" : foreign->second;
    if (!first_) {
      first_ = bundle;
      ++opened_;
    } else if (bundle != *first_ && !counted_) {
      counted_ = true;
      ++told_;
    }
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { done_ = true; }

  std::atomic<int>& opened_;
  std::atomic<int>& told_;
  std::unique_ptr<SpiffeWorkloadAPI::Stub> stub_;
  grpc::ClientContext context_;
  X509SVIDRequest request_;
  X509SVIDResponse response_;
  std::optional<std::string> first_;
  bool counted_ = false;
  std::atomic<bool> done_ = false;
};

/// WriteRoot puts a fresh root of the foreign trust domain into a file.
void WriteRoot(const std::string& path) {
  const signet::test::TestCa ca("other.org", signet::RealClock().Now());
  std::ofstream(path) << signet::crypto::PemEncode("CERTIFICATE", ca.der());
}

void Await(const std::atomic<int>& count, const char* what) {
  for (int i = 0; i < 30'000 && count < kStreams; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  SIGNET_CHECK(count == kStreams,
               std::string(what) + ": only " + std::to_string(count) + " streams");
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

  std::atomic<int> opened = 0;
  std::atomic<int> told = 0;
  std::vector<std::unique_ptr<Reader>> readers;
  const auto before = signet::bench::RssKb(deployment.agent());
  for (int i = 0; i < kStreams; ++i) {
    readers.push_back(std::make_unique<Reader>(deployment.agent_socket(), opened, told));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  Await(opened, "opening");
  const auto after = signet::bench::RssKb(deployment.agent());

  WriteRoot(deployment.File("new.pem"));
  const auto begin = std::chrono::steady_clock::now();
  deployment.Admin({"bundle", "set", "-id", kForeign, "-path", deployment.File("new.pem")});
  Await(told, "fan-out");
  const std::chrono::duration<double> fanout = std::chrono::steady_clock::now() - begin;

  std::printf("streams: kb_per_stream=%.1f fanout_s=%.2f\n",
              static_cast<double>(after - before) / kStreams, fanout.count());
  std::fflush(stdout);
  for (auto& reader : readers) {
    reader->Cancel();
  }
  for (auto& reader : readers) {
    while (!reader->done()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return 0;
}
