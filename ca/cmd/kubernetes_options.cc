#include "ca/cmd/kubernetes_options.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/spiffe/spiffe_id.h"

namespace signet::ca_cmd {
namespace {

using config::Values;

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Place is where an option was set, and its path, for a problem.
std::string Place(const Values& values, const std::string& path) {
  const std::string& place = values.cells.find(path)->second.place;
  return (place.empty() ? "" : place + ": ") + path + ": ";
}

std::int32_t SecondsOf(const Values& values, const std::string& path) {
  constexpr std::int64_t kCentury = 100LL * 365 * 24 * 3600;  // fits 32 bits only below 68 years
  return static_cast<std::int32_t>(std::min<std::int64_t>(values.Seconds(path), kCentury / 2));
}

service::PodPolicyOptions PolicyOptionsOf(const Values& values, const std::string& block) {
  service::PodPolicyOptions out{
      .spiffe_id_template = values.String(block + ".spiffe_id_template"),
      .allowed_namespaces = values.List(block + ".allowed_namespaces"),
      .denied_namespaces = values.List(block + ".denied_namespaces"),
      .allowed_service_accounts = values.List(block + ".allowed_service_accounts"),
      .denied_service_accounts = values.List(block + ".denied_service_accounts"),
      .x509_svid_ttl = SecondsOf(values, block + ".x509_svid_ttl"),
      .jwt_svid_ttl = SecondsOf(values, block + ".jwt_svid_ttl"),
      .dns_name_templates = values.List(block + ".dns_name_templates"),
      .hint = values.String(block + ".hint"),
      .require_workload_token = values.Bool(block + ".require_workload_token")};
  for (const std::string& text : values.List(block + ".federates_with")) {
    if (auto trust_domain = spiffe::TrustDomain::ParseNameOrId(text); trust_domain.ok()) {
      out.federates_with.push_back(std::move(trust_domain).value());
    }
  }
  return out;
}

/// PolicyOf gives the policy of a cluster's identities block.
Result<service::PodPolicy> PolicyOf(const Values& values, const std::string& name) {
  SIGNET_TRY_ASSIGN(const auto trust_domain,
                    spiffe::TrustDomain::ParseNameOrId(values.String("server.trust_domain")));
  const std::string block = Values::PathOf(kOurs, name) + ".identities";
  return service::PodPolicy::Create(PolicyOptionsOf(values, block), name, trust_domain);
}

void AddPolicyProblems(const Values& values, const std::string& name,
                       std::vector<std::string>& problems) {
  const std::string block = Values::PathOf(kOurs, name) + ".identities";
  const bool domain_known =
      spiffe::TrustDomain::ParseNameOrId(values.String("server.trust_domain")).ok();
  if (!values.Given(block) || !domain_known) {
    return;
  }
  if (values.Given(block + ".x509_svid_ttl") &&
      values.Milliseconds(block + ".x509_svid_ttl") > values.Milliseconds("server.ca_ttl")) {
    problems.push_back(Place(values, block + ".x509_svid_ttl") +
                       "is longer than server.ca_ttl: an SVID ends with its authority at the "
                       "latest");
  }
  if (const auto policy = PolicyOf(values, name); !policy.ok()) {
    std::string_view text = policy.error().message;
    const std::string place = values.cells.find(block)->second.place;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      problems.push_back(place + ": " + block + "." + std::string(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
}

void AddPsatProblems(const Values& values, const std::string& name,
                     std::vector<std::string>& problems) {
  const std::string cluster = Values::PathOf(kPsat, name);
  const std::size_t audiences = values.List(cluster + ".audience").size();
  if (audiences == 0) {
    problems.push_back(Place(values, cluster + ".audience") +
                       "is empty, which would accept tokens that pods show to the API server "
                       "itself; name one, such as \"spire-server\"");
  } else if (audiences > 1) {
    problems.push_back(Place(values, cluster + ".audience") +
                       "has more than one item; a token for several audiences can be replayed by "
                       "any of them, so name one");
  }
  if (values.List(cluster + ".service_account_allow_list").empty() &&
      values.Given(cluster + ".service_account_allow_list")) {
    problems.push_back(Place(values, cluster + ".service_account_allow_list") +
                       "is empty, so no agent could attest; name the agents' service account");
  }
}

void AddOurProblems(const Values& values, const std::string& name,
                    std::vector<std::string>& problems) {
  const std::string cluster = Values::PathOf(kOurs, name);
  if (!Has(values.Names(kPsat), name)) {
    problems.push_back(Place(values, cluster) + std::string(kPsat) +
                       " has no cluster of this name, so none of its agents could attest");
    return;
  }
  const std::string file = cluster + ".kube_config_file";
  const std::string other = Values::PathOf(kPsat, name) + ".kube_config_file";
  if (values.Given(file) && values.Given(other) && values.String(file) != values.String(other)) {
    problems.push_back(Place(values, file) + "is another file than " + other + "; keep one");
  }
  if (values.String(cluster + ".token_validation") == "jwks") {
    return;
  }
  for (const char* only_remote : {".issuer", ".jwks_path"}) {
    if (values.Given(cluster + only_remote)) {
      problems.push_back(Place(values, cluster + only_remote) +
                         "has a meaning only with token_validation \"jwks\"");
    }
  }
}

std::set<std::string> SetOf(const std::vector<std::string>& list) {
  return {list.begin(), list.end()};
}

kubernetes::TokenReuse ReuseOf(const std::string& text) {
  if (text == "never") {
    return kubernetes::TokenReuse::kNever;
  }
  return text == "always" ? kubernetes::TokenReuse::kAlways
                          : kubernetes::TokenReuse::kAfterHalfLife;
}

Status ReadOurs(const Values& values, ClusterConfig& out) {
  constexpr Duration kMaxRemoteTokenAge = std::chrono::minutes(15);
  const std::string cluster = Values::PathOf(kOurs, out.name);
  if (values.Given(cluster + ".kube_config_file")) {
    out.kube_config_file = values.String(cluster + ".kube_config_file");
  }
  out.remote = values.String(cluster + ".token_validation") == "jwks";
  out.max_token_age = std::chrono::milliseconds(values.Milliseconds(cluster + ".max_token_age"));
  if (out.remote && out.max_token_age == Duration::zero()) {
    out.max_token_age = kMaxRemoteTokenAge;
  }
  out.issuer = values.String(cluster + ".issuer");
  out.jwks_path = values.String(cluster + ".jwks_path");
  out.token_reuse = ReuseOf(values.String(cluster + ".token_reuse"));
  if (values.Given(cluster + ".identities") && values.Bool(cluster + ".identities.enabled")) {
    SIGNET_TRY_ASSIGN(out.identities, PolicyOf(values, out.name));
  }
  return {};
}

Result<ClusterConfig> ReadCluster(const Values& values, const std::string& name) {
  const std::string psat = Values::PathOf(kPsat, name);
  ClusterConfig out{.name = name,
                    .kube_config_file = values.String(psat + ".kube_config_file"),
                    .audience = values.List(psat + ".audience").front()};
  out.service_account_allow_list = SetOf(values.List(psat + ".service_account_allow_list"));
  out.allowed_node_label_keys = SetOf(values.List(psat + ".allowed_node_label_keys"));
  out.allowed_pod_label_keys = SetOf(values.List(psat + ".allowed_pod_label_keys"));
  out.use_pod_uid_for_agent_id = values.Bool(psat + ".use_pod_uid_for_agent_id");
  if (Has(values.Names(kOurs), name)) {
    SIGNET_TRY(ReadOurs(values, out));
  }
  return out;
}

}  // namespace

std::vector<std::string> KubernetesProblems(const Values& values) {
  std::vector<std::string> problems;
  for (const std::string& name : values.Names(kPsat)) {
    AddPsatProblems(values, name, problems);
  }
  if (values.Given("plugins.NodeAttestor.k8s_psat") && values.Names(kPsat).empty()) {
    problems.push_back(Place(values, "plugins.NodeAttestor.k8s_psat") +
                       "names no cluster; add plugin_data.clusters");
  }
  for (const std::string& name : values.Names(kOurs)) {
    AddOurProblems(values, name, problems);
    AddPolicyProblems(values, name, problems);
  }
  return problems;
}

Result<KubernetesConfig> KubernetesConfigOf(const Values& values) {
  KubernetesConfig out;
  for (const std::string& name : values.Names(kPsat)) {
    SIGNET_TRY_ASSIGN(ClusterConfig cluster, ReadCluster(values, name));
    out.clusters.push_back(std::move(cluster));
  }
  if (values.Given("plugins.Notifier.k8sbundle")) {
    const std::string data(kNotifier);
    out.bundle_config_map = {
        {values.String(data + ".namespace"), values.String(data + ".config_map"),
         values.String(data + ".config_map_key")},
        values.String(data + ".kube_config_file_path")};
  }
  return out;
}

}  // namespace signet::ca_cmd
