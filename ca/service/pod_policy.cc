#include "ca/service/pod_policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ca/service/dns_name.h"
#include "ca/service/input.h"

namespace signet::service {
namespace {

constexpr std::array<std::string_view, 3> kSystemNamespaces = {"kube-node-lease", "kube-public",
                                                               "kube-system"};
constexpr std::size_t kMaxHintBytes = 1024;
constexpr std::size_t kMaxDnsTemplates = 32;
/// The longest names that Kubernetes gives (RFC 1123 label and subdomain).
constexpr std::size_t kLongestNamespace = 63;
constexpr std::size_t kLongestName = 253;

bool MatchesPart(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) {
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  }
  return name == pattern;
}

bool MatchesNamespace(const std::vector<std::string>& patterns, const kubernetes::Pod& pod) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return MatchesPart(pattern, pod.namespace_name);
  });
}

bool MatchesAccount(const std::vector<std::string>& patterns, const kubernetes::Pod& pod) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    const std::size_t colon = pattern.find(':');
    return MatchesPart(pattern.substr(0, colon), pod.namespace_name) &&
           MatchesPart(pattern.substr(colon + 1), pod.service_account);
  });
}

/// NamesNamespace: a row of what is allowed has the namespace by its whole name.
bool NamesNamespace(const PodPolicyOptions& options, std::string_view name) {
  const auto& spaces = options.allowed_namespaces;
  const auto& accounts = options.allowed_service_accounts;
  return std::find(spaces.begin(), spaces.end(), name) != spaces.end() ||
         std::any_of(accounts.begin(), accounts.end(), [&](std::string_view pattern) {
           return pattern.substr(0, pattern.find(':')) == name;
         });
}

Status CheckPart(std::string_view part, const char* what) {
  if (part.empty()) {
    return InvalidArgument(std::string("the ") + what + " is empty");
  }
  const std::size_t star = part.find('*');
  if (star != std::string_view::npos && star + 1 != part.size()) {
    return InvalidArgument("\"*\" may only stand at the end of a name");
  }
  const std::string_view name = part.substr(0, star);
  const bool valid = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (!valid) {
    return InvalidArgument(std::string("\"") + std::string(part.substr(0, 64)) + "\" is no " +
                           what +
                           ": Kubernetes has lower-case letters, digits, '-' and '.' in names");
  }
  return {};
}

void AddProblems(std::vector<std::string>& problems, const char* option,
                 const std::vector<std::string>& patterns,
                 Status (*check)(std::string_view pattern)) {
  for (const std::string& pattern : patterns) {
    if (const Status checked = check(pattern); !checked.ok()) {
      problems.push_back(std::string(option) + ": " + checked.error().message);
    }
  }
}

std::vector<std::string> PlainProblems(const PodPolicyOptions& options) {
  std::vector<std::string> problems;
  AddProblems(problems, "allowed_namespaces", options.allowed_namespaces, CheckNamespacePattern);
  AddProblems(problems, "denied_namespaces", options.denied_namespaces, CheckNamespacePattern);
  AddProblems(problems, "allowed_service_accounts", options.allowed_service_accounts,
              CheckServiceAccountPattern);
  AddProblems(problems, "denied_service_accounts", options.denied_service_accounts,
              CheckServiceAccountPattern);
  if (options.hint.size() > kMaxHintBytes) {
    problems.emplace_back("hint: is longer than 1024 bytes");
  }
  if (options.dns_name_templates.size() > kMaxDnsTemplates) {
    problems.emplace_back("dns_name_templates: more than 32");
  }
  if (options.x509_svid_ttl < 0 || options.jwt_svid_ttl < 0) {
    problems.emplace_back("x509_svid_ttl, jwt_svid_ttl: is negative");
  }
  return problems;
}

/// SamplePod has names of every shape that Kubernetes allows: a service account has dots.
kubernetes::Pod SamplePod() {
  return {.uid = "0b6f0a5e-93e4-4d4a-9f53-5a1a3c4b2d10",
          .namespace_name = "shop-1",
          .name = "web-0.blue",
          .service_account = "front.end-1",
          .node_name = "ip-10-0-0-1.eu.internal",
          .host_ip = "10.0.0.1"};
}

kubernetes::Pod LongestPod() {
  kubernetes::Pod pod = SamplePod();
  pod.namespace_name = std::string(kLongestNamespace, 'a');
  pod.name = pod.service_account = pod.node_name = std::string(kLongestName, 'a');
  return pod;
}

Error JoinProblems(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) {
    text += (text.empty() ? "" : "\n") + problem;
  }
  return InvalidArgument(std::move(text));
}

}  // namespace

Status CheckNamespacePattern(std::string_view pattern) { return CheckPart(pattern, "namespace"); }

Status CheckServiceAccountPattern(std::string_view pattern) {
  const std::size_t colon = pattern.find(':');
  if (colon == std::string_view::npos) {
    return InvalidArgument("\"" + std::string(pattern.substr(0, 64)) +
                           "\": a service account is written as namespace:name");
  }
  SIGNET_TRY(CheckPart(pattern.substr(0, colon), "namespace"));
  return CheckPart(pattern.substr(colon + 1), "service account");
}

Result<PodPolicy> PodPolicy::Create(PodPolicyOptions options, std::string cluster,
                                    const spiffe::TrustDomain& trust_domain) {
  PodPolicy policy(std::move(options), std::move(cluster), trust_domain);
  std::vector<std::string> problems = PlainProblems(policy.options_);
  std::vector<std::string> of_templates = policy.ParseTemplates();
  if (of_templates.empty()) {
    of_templates = policy.TryOut();
  }
  problems.insert(problems.end(), of_templates.begin(), of_templates.end());
  if (!problems.empty()) {
    return JoinProblems(problems);
  }
  return policy;
}

std::vector<std::string> PodPolicy::ParseTemplates() {
  std::vector<std::string> problems;
  Result<PodTemplate> id = PodTemplate::Parse(options_.spiffe_id_template);
  if (id.ok()) {
    id_template_ = std::move(id).value();
  } else {
    problems.push_back("spiffe_id_template: " + id.error().message);
  }
  for (const std::string& text : options_.dns_name_templates) {
    Result<PodTemplate> name = PodTemplate::Parse(text);
    if (name.ok()) {
      dns_templates_.push_back(std::move(name).value());
    } else {
      problems.push_back("dns_name_templates: " + name.error().message);
    }
  }
  return problems;
}

std::vector<std::string> PodPolicy::TryOut() const {
  if (const Result<PodNames> names = Render(SamplePod()); !names.ok()) {
    return {names.error().message};
  }
  // Long names are rare, so a name in the DNS may fail for them; an ID may not.
  const std::size_t longest = id_template_.Render(ValuesOf(LongestPod())).size();
  if (longest > spiffe::kMaxIdBytes) {
    return {"spiffe_id_template: the longest names of Kubernetes make it " +
            std::to_string(longest) + " bytes long; a SPIFFE ID has at most 2048"};
  }
  return {};
}

TemplateValues PodPolicy::ValuesOf(const kubernetes::Pod& pod) const {
  return {.trust_domain = trust_domain_.name(),
          .cluster = cluster_,
          .namespace_name = pod.namespace_name,
          .service_account = pod.service_account,
          .pod_name = pod.name,
          .pod_uid = pod.uid,
          .node_name = pod.node_name};
}

Status PodPolicy::CheckLists(const kubernetes::Pod& pod) const {
  const std::string account = pod.namespace_name + ":" + pod.service_account;
  const auto denied = [&](const std::string& what, const char* why) {
    return PermissionDenied(what + " " + why);
  };
  const std::string space = "namespace \"" + pod.namespace_name + "\"";
  const std::string whose = "service account \"" + account + "\"";
  if (MatchesNamespace(options_.denied_namespaces, pod)) {
    return denied(space, "is denied by denied_namespaces");
  }
  if (MatchesAccount(options_.denied_service_accounts, pod)) {
    return denied(whose, "is denied by denied_service_accounts");
  }
  const bool system = std::find(kSystemNamespaces.begin(), kSystemNamespaces.end(),
                                pod.namespace_name) != kSystemNamespaces.end();
  if (system && !NamesNamespace(options_, pod.namespace_name)) {
    return denied(space, "is Kubernetes' own; it has identities if allowed_namespaces names it");
  }
  if (!options_.allowed_namespaces.empty() && !MatchesNamespace(options_.allowed_namespaces, pod)) {
    return denied(space, "is not among allowed_namespaces");
  }
  if (!options_.allowed_service_accounts.empty() &&
      !MatchesAccount(options_.allowed_service_accounts, pod)) {
    return denied(whose, "is not among allowed_service_accounts");
  }
  return {};
}

Result<PodNames> PodPolicy::Render(const kubernetes::Pod& pod) const {
  const TemplateValues values = ValuesOf(pod);
  const std::string text = id_template_.Render(values);
  const auto refuse = [](const std::string& what, const Error& why) {
    return PermissionDenied(what + ": " + why.message);
  };
  Result<spiffe::SpiffeId> id = spiffe::SpiffeId::Parse(text);
  const std::string id_place = "spiffe_id_template gives \"" + text + "\"";
  if (!id.ok()) {
    return refuse(id_place, id.error());
  }
  if (const Status workload = CheckWorkloadId(*id, trust_domain_); !workload.ok()) {
    return refuse(id_place, workload.error());
  }
  PodNames names{std::move(id).value(), {}};
  for (const PodTemplate& dns : dns_templates_) {
    std::string name = dns.Render(values);
    if (const Status valid = ValidateDnsName(name); !valid.ok()) {
      return refuse("dns_name_templates gives \"" + name + "\"", valid.error());
    }
    if (std::find(names.dns_names.begin(), names.dns_names.end(), name) == names.dns_names.end()) {
      names.dns_names.push_back(std::move(name));
    }
  }
  return names;
}

Result<PodNames> PodPolicy::Judge(const kubernetes::Pod& pod) const {
  if (pod.service_account.empty()) {
    return PermissionDenied("the pod has no service account");
  }
  SIGNET_TRY(CheckLists(pod));
  return Render(pod);
}

}  // namespace signet::service
