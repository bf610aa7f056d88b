#include "tests/workload-api/client/fake_workload_api.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "tests/support/result.h"
#include "workload.grpc.pb.h"

namespace signet::client::test {
namespace {

std::string Text(ByteView bytes) { return ToString(bytes); }

X509SVIDResponse Convert(const X509Message& message) {
  X509SVIDResponse response;
  for (const X509Message::Svid& svid : message.svids) {
    X509SVID* wire = response.add_svids();
    wire->set_spiffe_id(svid.spiffe_id);
    wire->set_x509_svid(Text(svid.x509_svid));
    wire->set_x509_svid_key(Text(svid.key.RevealSecret()));
    wire->set_bundle(Text(svid.bundle));
    wire->set_hint(svid.hint);
  }
  for (const auto& [name, bundle] : message.federated_bundles) {
    (*response.mutable_federated_bundles())[name] = Text(bundle);
  }
  return response;
}

}  // namespace

struct FakeWorkloadApi::Impl final : SpiffeWorkloadAPI::Service {
  grpc::Status FetchX509SVID(grpc::ServerContext* context, const X509SVIDRequest*,
                             grpc::ServerWriter<X509SVIDResponse>* writer) override {
    std::unique_lock lock(mutex);
    ++calls;
    header.clear();
    const auto [begin, end] = context->client_metadata().equal_range("workload.spiffe.io");
    for (auto it = begin; it != end; ++it) {
      header.emplace_back(it->second.data(), it->second.size());
    }
    int sent = 0;
    while (!ending && !context->IsCancelled()) {
      if (denial) {
        return {static_cast<grpc::StatusCode>(denial->code), denial->message};
      }
      if (version != sent) {
        sent = version;
        writer->Write(response);
      }
      // Cancellation has no event in the synchronous API, so look from time to time.
      changed.wait_for(lock, std::chrono::milliseconds(20));
    }
    return grpc::Status::OK;
  }

  std::mutex mutex;
  std::condition_variable changed;
  X509SVIDResponse response;
  int version = 0;
  std::optional<Error> denial;
  bool ending = false;
  int calls = 0;
  std::vector<std::string> header;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

FakeWorkloadApi::FakeWorkloadApi(const std::string& address) : impl_(std::make_unique<Impl>()) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &impl_->port);
  builder.RegisterService(impl_.get());
  impl_->server = builder.BuildAndStart();
  REQUIRE(impl_->server != nullptr);
}

FakeWorkloadApi::~FakeWorkloadApi() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    impl_->changed.notify_all();
  }
  impl_->server->Shutdown();
}

void FakeWorkloadApi::Say(const X509Message& message) {
  const std::lock_guard lock(impl_->mutex);
  impl_->response = Convert(message);
  ++impl_->version;
  impl_->denial.reset();
  impl_->changed.notify_all();
}

void FakeWorkloadApi::Deny(const Error& error) {
  const std::lock_guard lock(impl_->mutex);
  impl_->denial = error;
  impl_->changed.notify_all();
}

int FakeWorkloadApi::port() const { return impl_->port; }

int FakeWorkloadApi::calls() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->calls;
}

std::vector<std::string> FakeWorkloadApi::last_header() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->header;
}

}  // namespace signet::client::test
