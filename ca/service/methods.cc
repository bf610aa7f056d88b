#include "ca/service/methods.h"

#include <algorithm>
#include <array>

namespace signet::service {
namespace {

// Sorted by name, for FindMethod; a test compares it with every descriptor that the server serves.
constexpr std::array kMethods = {
    MethodRule{"/grpc.health.v1.Health/Check", kLocal},
    MethodRule{"/grpc.health.v1.Health/List", kLocal},
    MethodRule{"/grpc.health.v1.Health/Watch", kLocal},
    MethodRule{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", kLocal},
    MethodRule{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kLocal},
    MethodRule{"/signet.api.server.v1.Changes/Watch", kAgent},
    MethodRule{"/signet.api.server.v1.CrossCertificates/ListCrossCertificates",
               kLocal | kAdmin | kAgent},
    MethodRule{"/signet.api.server.v1.Pods/BatchNewX509SVID", kAgent, Bucket::kCsr},
    MethodRule{"/spire.api.server.agent.v1.Agent/AttestAgent", kAny, Bucket::kAttest},
    MethodRule{"/spire.api.server.agent.v1.Agent/BanAgent", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/CountAgents", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/CreateJoinToken", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/DeleteAgent", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/GetAgent", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/ListAgents", kLocal | kAdmin},
    MethodRule{"/spire.api.server.agent.v1.Agent/PostStatus", kAgent, Bucket::kStatus},
    MethodRule{"/spire.api.server.agent.v1.Agent/RenewAgent", kAgent, Bucket::kCsr},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/AppendBundle", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/BatchCreateFederatedBundle", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/BatchDeleteFederatedBundle", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/BatchSetFederatedBundle", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/BatchUpdateFederatedBundle", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/CountBundles", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/GetBundle", kAny},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/GetFederatedBundle", kLocal | kAdmin | kAgent},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/ListFederatedBundles", kLocal | kAdmin},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority", kDownstream,
               Bucket::kPushKey},
    MethodRule{"/spire.api.server.bundle.v1.Bundle/PublishWITAuthority", kDownstream,
               Bucket::kPushKey},
    MethodRule{"/spire.api.server.debug.v1.Debug/GetInfo", kLocal},
    MethodRule{"/spire.api.server.entry.v1.Entry/BatchCreateEntry", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/BatchDeleteEntry", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/BatchUpdateEntry", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/CountEntries", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/GetAuthorizedEntries", kAgent},
    MethodRule{"/spire.api.server.entry.v1.Entry/GetEntry", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/ListEntries", kLocal | kAdmin},
    MethodRule{"/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries", kAgent},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/ActivateJWTAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/ActivateWITAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/ActivateX509Authority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/GetJWTAuthorityState",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/GetWITAuthorityState",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/PrepareJWTAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/PrepareWITAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/PrepareX509Authority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/RevokeJWTAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/RevokeWITAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509Authority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/TaintJWTAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/TaintWITAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/TaintX509Authority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.logger.v1.Logger/GetLogger", kLocal},
    MethodRule{"/spire.api.server.logger.v1.Logger/ResetLogLevel", kLocal},
    MethodRule{"/spire.api.server.logger.v1.Logger/SetLogLevel", kLocal},
    MethodRule{"/spire.api.server.svid.v1.SVID/BatchNewWITSVID", kAgent, Bucket::kWit},
    MethodRule{"/spire.api.server.svid.v1.SVID/BatchNewX509SVID", kAgent, Bucket::kCsr},
    MethodRule{"/spire.api.server.svid.v1.SVID/MintJWTSVID", kLocal | kAdmin},
    MethodRule{"/spire.api.server.svid.v1.SVID/MintWITSVID", kLocal | kAdmin},
    MethodRule{"/spire.api.server.svid.v1.SVID/MintX509SVID", kLocal | kAdmin},
    MethodRule{"/spire.api.server.svid.v1.SVID/NewDownstreamX509CA", kDownstream, Bucket::kCsr},
    MethodRule{"/spire.api.server.svid.v1.SVID/NewJWTSVID", kAgent, Bucket::kJwt},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/BatchCreateFederationRelationship",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/GetFederationRelationship",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships",
               kLocal | kAdmin},
    MethodRule{"/spire.api.server.trustdomain.v1.TrustDomain/RefreshBundle", kLocal | kAdmin},
};

static_assert(std::is_sorted(kMethods.begin(), kMethods.end(),
                             [](const MethodRule& a, const MethodRule& b) {
                               return a.method < b.method;
                             }));

}  // namespace

std::span<const MethodRule> AllMethods() { return kMethods; }

const MethodRule* FindMethod(std::string_view method) {
  const auto* found =
      std::lower_bound(kMethods.begin(), kMethods.end(), method,
                       [](const MethodRule& rule, std::string_view m) { return rule.method < m; });
  return found != kMethods.end() && found->method == method ? found : nullptr;
}

}  // namespace signet::service
