#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/objects.h"
#include "ca/service/pod_template.h"
#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::service {

inline constexpr std::string_view kDefaultPodIdTemplate =
    "spiffe://{{trust_domain}}/ns/{{namespace}}/sa/{{service_account}}";

/// PodPolicyOptions says which pods of a cluster have an identity without a registration entry, and
/// what it is like. A pattern is a name that may end in "*"; of a service account it is
/// "namespace:name", each part with or without "*". Denied wins. An empty list of what is allowed
/// allows everything, except that Kubernetes' own namespaces (kube-system, kube-public,
/// kube-node-lease) must be allowed by name.
struct PodPolicyOptions {
  std::string spiffe_id_template = std::string(kDefaultPodIdTemplate);
  std::vector<std::string> allowed_namespaces = {};
  std::vector<std::string> denied_namespaces = {};
  std::vector<std::string> allowed_service_accounts = {};
  std::vector<std::string> denied_service_accounts = {};
  std::int32_t x509_svid_ttl = 0;  ///< seconds; 0: the server's default
  std::int32_t jwt_svid_ttl = 0;
  std::vector<std::string> dns_name_templates = {};
  std::string hint = {};
  std::vector<spiffe::TrustDomain> federates_with = {};
  bool require_workload_token = false;
};

/// PodNames is what the policy calls a pod.
struct PodNames {
  spiffe::SpiffeId spiffe_id;
  std::vector<std::string> dns_names;
};

/// PodPolicy decides, for one cluster, which pods have an identity and renders it: the authority
/// alone chooses IDs. Immutable; reads nothing but its arguments.
class PodPolicy {
 public:
  /// Create refuses what could never give a valid identity. INVALID_ARGUMENT has one problem a
  /// line, each with the option's name in front.
  static Result<PodPolicy> Create(PodPolicyOptions options, std::string cluster,
                                  const spiffe::TrustDomain& trust_domain);

  /// Judge gives the pod's names. PERMISSION_DENIED names the rule that it does not fulfil. Whether
  /// it runs, and where, is not looked at.
  Result<PodNames> Judge(const kubernetes::Pod& pod) const;
  const PodPolicyOptions& options() const { return options_; }

 private:
  PodPolicy(PodPolicyOptions options, std::string cluster, const spiffe::TrustDomain& trust_domain)
      : options_(std::move(options)), cluster_(std::move(cluster)), trust_domain_(trust_domain) {}
  std::vector<std::string> ParseTemplates();
  std::vector<std::string> TryOut() const;
  TemplateValues ValuesOf(const kubernetes::Pod& pod) const;
  Status CheckLists(const kubernetes::Pod& pod) const;
  Result<PodNames> Render(const kubernetes::Pod& pod) const;

  PodPolicyOptions options_;
  std::string cluster_;
  spiffe::TrustDomain trust_domain_;
  PodTemplate id_template_;
  std::vector<PodTemplate> dns_templates_;
};

/// CheckNamespacePattern and CheckServiceAccountPattern say what is wrong with one item of the
/// lists above.
Status CheckNamespacePattern(std::string_view pattern);
Status CheckServiceAccountPattern(std::string_view pattern);

}  // namespace signet::service
