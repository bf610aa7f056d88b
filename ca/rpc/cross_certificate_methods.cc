#include <set>
#include <string>
#include <utility>

#include "ca/rpc/method_tables.h"
#include "ca/rpc/unary.h"
#include "signet/api/server/v1/cross_certificates.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = signet::api::server::v1;
using Response = rpc::AnswerOf<api::ListCrossCertificatesResponse>;

constexpr int kMaxTrustDomains = 500;
/// gRPC clients take 4 MiB, unless they are told otherwise.
constexpr std::size_t kMaxAnswerBytes = 3 * 1024 * 1024;

/// Add gives the bytes that were added.
std::size_t Add(const spiffe::TrustDomain& trust_domain,
                const service::CrossCertificates::OfTrustDomain& of,
                api::ListCrossCertificatesResponse& response) {
  api::CrossCertificate& added = *response.add_cross_certificates();
  added.set_trust_domain(trust_domain.name());
  for (const Bytes& der : of.certificates) {
    added.add_certificates(std::string(AsText(der)));
  }
  for (const std::string& reason : of.left_out) {
    added.add_left_out(reason);
  }
  return added.ByteSizeLong();
}

Response List(const service::CrossCertificates& cross_certificates,
              const api::ListCrossCertificatesRequest& request) {
  if (request.trust_domains_size() > kMaxTrustDomains) {
    return InvalidArgument("trust_domains: at most " + std::to_string(kMaxTrustDomains));
  }
  std::set<spiffe::TrustDomain> wanted;
  for (const std::string& name : request.trust_domains()) {
    SIGNET_TRY_ASSIGN(spiffe::TrustDomain trust_domain,
                      spiffe::TrustDomain::ParseNameOrId(name).Context("trust_domains"));
    wanted.insert(std::move(trust_domain));
  }
  const auto snapshot = cross_certificates.current();
  api::ListCrossCertificatesResponse response;
  std::size_t bytes = 0;
  for (const auto& [trust_domain, of] : *snapshot) {
    if (!wanted.empty() && !wanted.contains(trust_domain)) {
      continue;
    }
    bytes += Add(trust_domain, *of, response);
    if (bytes > kMaxAnswerBytes) {
      return ResourceExhausted("the answer would be longer than 3 MiB; name fewer trust domains");
    }
  }
  return response;
}

}  // namespace

void AddCrossCertificateMethods(rpc::MethodTable& table, Services& s) {
  table.Add("/signet.api.server.v1.CrossCertificates/ListCrossCertificates",
            Inline<api::ListCrossCertificatesRequest, api::ListCrossCertificatesResponse>(
                [&s](const rpc::CallInfo&, const auto& request) {
                  return List(s.cross_certificates, request);
                }));
}

}  // namespace signet::ca_rpc
