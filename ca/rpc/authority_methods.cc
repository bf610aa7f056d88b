#include <google/protobuf/empty.pb.h>
#include "ca/rpc/method_tables.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/server/trustdomain/v1/trustdomain.pb.h"

namespace signet::ca_rpc {
namespace {

namespace local = spire::api::server::localauthority::v1;
namespace federation = spire::api::server::trustdomain::v1;
using rpc::AnswerOf;
using rpc::CallInfo;

void SetState(local::AuthorityState* out, const store::AuthoritySlot& slot) {
  out->set_authority_id(slot.authority_id);
  out->set_expires_at(slot.not_after);
}

AnswerOf<local::GetX509AuthorityStateResponse> X509State(Services& services) {
  const issuance::AuthorityState state = services.authorities.state();
  if (!state.active) {
    return Unavailable("no X.509 authority is active yet; try again");
  }
  local::GetX509AuthorityStateResponse response;
  SetState(response.mutable_active(), *state.active);
  if (state.prepared) {
    SetState(response.mutable_prepared(), *state.prepared);
  }
  if (state.old) {
    SetState(response.mutable_old(), *state.old);
  }
  return response;
}

Error SteeringNotOffered() {
  return Unimplemented(
      "steering rotation by hand is not offered by this version of the server; "
      "authorities rotate by themselves");
}
Error JwtNotOffered() {
  return Unimplemented("JWT authorities are not offered by this version of the server");
}
Error WitNotOffered() {
  return Unimplemented("WIT authorities are not offered by this version of the server");
}
Error FederationNotOffered() {
  return Unimplemented(
      "federation relationships are not offered by this version of the server; "
      "set federated bundles by hand");
}

template <class Request, class Response>
void Refuse(rpc::MethodTable& table, const std::string& method, Error error) {
  table.Add(method, Refusing<Request, Response>(std::move(error)));
}

}  // namespace

void AddLocalAuthorityMethods(rpc::MethodTable& table, Services& s) {
  const std::string base = "/spire.api.server.localauthority.v1.LocalAuthority/";
  table.Add(base + "GetX509AuthorityState",
            Inline<local::GetX509AuthorityStateRequest, local::GetX509AuthorityStateResponse>(
                [&s](const CallInfo&, const auto&) { return X509State(s); }));
#define SIGNET_REFUSE(method, error) \
  Refuse<local::method##Request, local::method##Response>(table, base + #method, error)
  SIGNET_REFUSE(PrepareX509Authority, SteeringNotOffered());
  SIGNET_REFUSE(ActivateX509Authority, SteeringNotOffered());
  SIGNET_REFUSE(TaintX509Authority, SteeringNotOffered());
  SIGNET_REFUSE(TaintX509UpstreamAuthority, SteeringNotOffered());
  SIGNET_REFUSE(RevokeX509Authority, SteeringNotOffered());
  SIGNET_REFUSE(RevokeX509UpstreamAuthority, SteeringNotOffered());
  SIGNET_REFUSE(GetJWTAuthorityState, JwtNotOffered());
  SIGNET_REFUSE(PrepareJWTAuthority, JwtNotOffered());
  SIGNET_REFUSE(ActivateJWTAuthority, JwtNotOffered());
  SIGNET_REFUSE(TaintJWTAuthority, JwtNotOffered());
  SIGNET_REFUSE(RevokeJWTAuthority, JwtNotOffered());
  SIGNET_REFUSE(GetWITAuthorityState, WitNotOffered());
  SIGNET_REFUSE(PrepareWITAuthority, WitNotOffered());
  SIGNET_REFUSE(ActivateWITAuthority, WitNotOffered());
  SIGNET_REFUSE(TaintWITAuthority, WitNotOffered());
  SIGNET_REFUSE(RevokeWITAuthority, WitNotOffered());
#undef SIGNET_REFUSE
}

void AddTrustDomainMethods(rpc::MethodTable& table) {
  const std::string base = "/spire.api.server.trustdomain.v1.TrustDomain/";
#define SIGNET_REFUSE(method)                                                              \
  Refuse<federation::method##Request, federation::method##Response>(table, base + #method, \
                                                                    FederationNotOffered())
  SIGNET_REFUSE(ListFederationRelationships);
  SIGNET_REFUSE(BatchCreateFederationRelationship);
  SIGNET_REFUSE(BatchUpdateFederationRelationship);
  SIGNET_REFUSE(BatchDeleteFederationRelationship);
#undef SIGNET_REFUSE
  Refuse<federation::GetFederationRelationshipRequest, spire::api::types::FederationRelationship>(
      table, base + "GetFederationRelationship", FederationNotOffered());
  Refuse<federation::RefreshBundleRequest, google::protobuf::Empty>(table, base + "RefreshBundle",
                                                                    FederationNotOffered());
}

}  // namespace signet::ca_rpc
