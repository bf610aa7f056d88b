#include "workload-api/client/grpc_verifier.h"

#include <grpcpp/security/tls_certificate_verifier.h>

#include <utility>

namespace signet::client {
namespace {

namespace tls = grpc::experimental;

std::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

class Verifier final : public tls::ExternalCertificateVerifier {
 public:
  explicit Verifier(std::function<Status(const PresentedChain&)> judge)
      : judge_(std::move(judge)) {}

  // true: the answer is in sync_status, and no callback will follow.
  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    *sync_status = {grpc::StatusCode::UNAUTHENTICATED, "the peer was not judged"};
    try {
      const Status judged =
          judge_({View(request->peer_cert()), View(request->peer_cert_full_chain())});
      *sync_status = judged.ok()
                         ? grpc::Status::OK
                         : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, judged.error().message);
    } catch (...) {  // NOLINT(bugprone-empty-catch): it stays refused
    }
    return true;
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::function<Status(const PresentedChain&)> judge_;
};

}  // namespace

std::shared_ptr<tls::CertificateVerifier> MakeGrpcVerifier(
    std::function<Status(const PresentedChain&)> judge) {
  return tls::ExternalCertificateVerifier::Create<Verifier>(std::move(judge));
}

}  // namespace signet::client
