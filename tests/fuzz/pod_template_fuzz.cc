// Any text as a template of SPIFFE IDs and of DNS names: it is refused, or whatever it makes of a
// pod is a workload's ID of our own trust domain and a proper DNS name, or is refused.
#include "ca/service/dns_name.h"
#include "ca/service/input.h"
#include "ca/service/pod_policy.h"
#include "core/base/check.h"

namespace {

signet::kubernetes::Pod PodOf(const char* space, const char* account) {
  return {.uid = "8a3f5c1e-1111-4222-8333-444455556666",
          .namespace_name = space,
          .name = "web-0",
          .service_account = account,
          .node_name = "node-1",
          .host_ip = {}};
}

void CheckNames(const signet::service::PodPolicy& policy, const signet::kubernetes::Pod& pod,
                const signet::spiffe::TrustDomain& domain) {
  const auto names = policy.Judge(pod);
  if (!names.ok()) {
    return;
  }
  SIGNET_CHECK(signet::service::CheckWorkloadId(names->spiffe_id, domain).ok(),
               "an ID that no workload may have");
  for (const std::string& name : names->dns_names) {
    SIGNET_CHECK(signet::service::ValidateDnsName(name).ok(), "no DNS name");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto domain = signet::spiffe::TrustDomain::Parse("example.org").value();
  const auto template_of = signet::service::PodTemplate::Parse(text);
  SIGNET_CHECK(!template_of.ok() || template_of->text() == text, "a template is not its text");
  for (const bool dns : {false, true}) {
    signet::service::PodPolicyOptions options;
    (dns ? options.dns_name_templates.emplace_back() : options.spiffe_id_template) = text;
    const auto policy = signet::service::PodPolicy::Create(options, "prod", domain);
    if (policy.ok()) {
      CheckNames(*policy, PodOf("shop", "front.end"), domain);
      CheckNames(*policy, PodOf("spire", "agent"), domain);
      CheckNames(*policy, PodOf("a", "b"), domain);
    }
  }
  return 0;
}
