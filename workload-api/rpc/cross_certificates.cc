#include "workload-api/rpc/cross_certificates.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signet/api/agent/v1/cross_certificates.pb.h"
#include "workload-api/rpc/stream.h"

namespace signet::agent_rpc {
namespace {

namespace api = signet::api::agent::v1;

/// Writer writes the whole state when it is another than before: most news of holdings are SVIDs.
class Writer final : public StreamWriter {
 public:
  explicit Writer(std::shared_ptr<rpc::Call> call) : call_(std::move(call)) {}
  svids::Topic topic() const override { return svids::Topic::kHoldings; }
  void Write(const svids::Update& state) override {
    const svids::CrossCertificates& now = state.holdings->cross_certificates;
    if (written_ == now) {
      return;
    }
    written_ = now;
    api::WatchCrossCertificatesResponse response;
    for (const auto& [trust_domain, certificates] : now) {
      auto& added = (*response.mutable_trust_domains())[trust_domain.name()];
      for (const Bytes& der : *certificates) {
        added.add_der(std::string(AsText(der)));
      }
    }
    call_->WriteLatest(std::make_shared<const std::string>(response.SerializeAsString()));
  }

 private:
  const std::shared_ptr<rpc::Call> call_;
  std::optional<svids::CrossCertificates> written_;
};

}  // namespace

rpc::HandlerFactory WatchCrossCertificates(const std::shared_ptr<WorkloadApi::Shared>& shared,
                                           const std::shared_ptr<const Door>& door) {
  return rpc::ServerStream(
      [shared, door](std::shared_ptr<rpc::Call> call,
                     std::string_view raw) -> std::unique_ptr<rpc::CallHandler> {
        api::WatchCrossCertificatesRequest request;
        if (!request.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
          call->Finish({Code::kInvalidArgument, "request message does not parse"});
          return nullptr;
        }
        return OpenStream(shared, door, call, std::make_shared<Writer>(call));
      });
}

}  // namespace signet::agent_rpc
