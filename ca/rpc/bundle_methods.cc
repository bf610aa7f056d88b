#include <utility>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::bundle::v1;
using rpc::AnswerOf;
using rpc::CallInfo;

/// AnswerBundle gives one bundle through the request's mask.
template <class Request>
AnswerOf<types::Bundle> AnswerBundle(Result<service::BundlePtr> bundle, const Request& request) {
  if (!bundle.ok()) {
    return std::move(bundle).error();
  }
  types::Bundle response;
  SetBundle(&response, (*bundle)->bundle, OutputMaskOf(request));
  return response;
}

AnswerOf<types::Bundle> Append(Services& services, const api::AppendBundleRequest& request) {
  service::BundleInput input;
  for (const types::X509Certificate& certificate : request.x509_authorities()) {
    input.x509_authorities.push_back(ToBytes(certificate.asn1()));
  }
  for (const types::JWTKey& key : request.jwt_authorities()) {
    input.jwt_authorities.push_back(FromJwtKey(key));
  }
  return AnswerBundle(services.bundles.AppendOwn(input), request);
}

AnswerOf<api::ListFederatedBundlesResponse> List(Services& services,
                                                 const api::ListFederatedBundlesRequest& request) {
  SIGNET_TRY_ASSIGN(auto page,
                    services.bundles.ListFederated({request.page_size(), request.page_token()}));
  api::ListFederatedBundlesResponse response;
  for (const service::BundlePtr& bundle : page.items) {
    SetBundle(response.add_bundles(), bundle->bundle, OutputMaskOf(request));
  }
  response.set_next_page_token(page.next_token);
  return response;
}

/// AnswerBatch does one thing to each bundle of a batch.
template <class Response, class Request, class Function>
Response AnswerBatch(const Request& request, Function function) {
  Response response;
  for (const types::Bundle& bundle : request.bundle()) {
    const service::BundleResult result = function(FromBundle(bundle));
    auto* added = response.add_results();
    SetItemStatus(added->mutable_status(), result.status);
    if (result.bundle) {
      SetBundle(added->mutable_bundle(), result.bundle->bundle, OutputMaskOf(request));
    }
  }
  return response;
}

AnswerOf<api::BatchDeleteFederatedBundleResponse> Delete(
    Services& services, const api::BatchDeleteFederatedBundleRequest& request) {
  if (!api::BatchDeleteFederatedBundleRequest::Mode_IsValid(request.mode())) {
    return InvalidArgument("unhandled delete mode " + std::to_string(request.mode()));
  }
  const auto mode = static_cast<service::DeleteBundleMode>(request.mode());
  api::BatchDeleteFederatedBundleResponse response;
  for (const std::string& trust_domain : request.trust_domains()) {
    auto* added = response.add_results();
    SetItemStatus(added->mutable_status(), services.bundles.Delete(trust_domain, mode));
    added->set_trust_domain(trust_domain);
  }
  return response;
}

void AddFederatedMethods(rpc::MethodTable& table, Services& s, const std::string& base) {
  table.Add(base + "ListFederatedBundles",
            Pooled<api::ListFederatedBundlesRequest, api::ListFederatedBundlesResponse>(
                s, [&s](const CallInfo&, const auto& request) { return List(s, request); }));
  table.Add(base + "GetFederatedBundle",
            Inline<api::GetFederatedBundleRequest, types::Bundle>(
                [&s](const CallInfo&, const auto& request) {
                  return AnswerBundle(s.bundles.Federated(request.trust_domain()), request);
                }));
  table.Add(base + "BatchCreateFederatedBundle",
            Pooled<api::BatchCreateFederatedBundleRequest, api::BatchCreateFederatedBundleResponse>(
                s, [&s](const CallInfo&, const auto& request) {
                  return AnswerBatch<api::BatchCreateFederatedBundleResponse>(
                      request, [&s](const auto& input) { return s.bundles.Create(input); });
                }));
  table.Add(base + "BatchUpdateFederatedBundle",
            Pooled<api::BatchUpdateFederatedBundleRequest, api::BatchUpdateFederatedBundleResponse>(
                s, [&s](const CallInfo&, const auto& request) {
                  const service::BundleFields fields =
                      FromBundleMask(request.has_input_mask() ? &request.input_mask() : nullptr);
                  return AnswerBatch<api::BatchUpdateFederatedBundleResponse>(
                      request, [&](const auto& input) { return s.bundles.Update(input, fields); });
                }));
  table.Add(base + "BatchSetFederatedBundle",
            Pooled<api::BatchSetFederatedBundleRequest, api::BatchSetFederatedBundleResponse>(
                s, [&s](const CallInfo&, const auto& request) {
                  return AnswerBatch<api::BatchSetFederatedBundleResponse>(
                      request, [&s](const auto& input) { return s.bundles.Set(input); });
                }));
  table.Add(base + "BatchDeleteFederatedBundle",
            Pooled<api::BatchDeleteFederatedBundleRequest, api::BatchDeleteFederatedBundleResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Delete(s, request); }));
}

}  // namespace

void AddBundleMethods(rpc::MethodTable& table, Services& s) {
  const std::string base = "/spire.api.server.bundle.v1.Bundle/";
  table.Add(base + "GetBundle", Inline<api::GetBundleRequest, types::Bundle>(
                                    [&s](const CallInfo&, const auto& request) {
                                      return AnswerBundle(s.bundles.Own(), request);
                                    }));
  table.Add(base + "CountBundles",
            Inline<api::CountBundlesRequest, api::CountBundlesResponse>(
                [&s](const CallInfo&, const auto&) -> AnswerOf<api::CountBundlesResponse> {
                  api::CountBundlesResponse response;
                  response.set_count(s.bundles.Count());
                  return response;
                }));
  table.Add(base + "AppendBundle",
            Pooled<api::AppendBundleRequest, types::Bundle>(
                s, [&s](const CallInfo&, const auto& request) { return Append(s, request); }));
  table.Add(base + "PublishJWTAuthority",
            Refusing<api::PublishJWTAuthorityRequest, api::PublishJWTAuthorityResponse>(
                Unimplemented("JWT authorities are not offered by this version of the server")));
  table.Add(base + "PublishWITAuthority",
            Refusing<api::PublishWITAuthorityRequest, api::PublishWITAuthorityResponse>(
                Unimplemented("WIT authorities are not offered by this version of the server")));
  AddFederatedMethods(table, s, base);
}

}  // namespace signet::ca_rpc
