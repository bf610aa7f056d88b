#include "ca/cmd/kubernetes_options.h"
#include "core/config/option_checks.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::ca_cmd {
namespace {

using config::Option;
using config::Type;

std::string ClusterNameProblem(const std::string& name) {
  const Status valid = spiffe::ValidatePath("/" + name);
  const bool one_segment = name.find('/') == std::string::npos && !name.empty();
  return valid.ok() && one_segment
             ? ""
             : "a cluster's name becomes part of SPIFFE IDs: letters, digits, '.', '_' and '-'";
}

/// ObjectNameProblem: names of objects stand in paths of the API.
std::string ObjectNameProblem(const std::string& text) {
  const bool plain = text.find('*') == std::string::npos && text.find("..") == std::string::npos;
  return plain && service::CheckNamespacePattern(text).ok() ? ""
                                                            : "is no name of a Kubernetes object";
}

std::string AccountProblem(const std::string& text) {
  if (text.find('*') != std::string::npos) {
    return "agents are allowed by name; \"*\" has no meaning here";
  }
  return config::ProblemOf(service::CheckServiceAccountPattern(text));
}

std::string NamespacePatternProblem(const std::string& text) {
  return config::ProblemOf(service::CheckNamespacePattern(text));
}

std::string AccountPatternProblem(const std::string& text) {
  return config::ProblemOf(service::CheckServiceAccountPattern(text));
}

std::string ValidationProblem(const std::string& text) {
  return text == "review" || text == "jwks" ? "" : "expects \"review\" or \"jwks\"";
}

std::string ReuseProblem(const std::string& text) {
  return text == "after_half_life" || text == "never" || text == "always"
             ? ""
             : "expects \"after_half_life\", \"never\" or \"always\"";
}

std::string TrustDomainProblem(const std::string& text) {
  return config::ProblemOf(spiffe::TrustDomain::ParseNameOrId(text));
}

std::string JwksPathProblem(const std::string& text) {
  return text.starts_with('/') ? "" : "is a path at the API server, such as /openid/v1/jwks";
}

std::string IssuerProblem(const std::string& text) {
  return text.starts_with("https://") ? "" : "an issuer begins with https://";
}

void AddPsat(std::vector<Option>& out) {
  const std::string cluster = std::string(kPsat) + ".*";
  const std::vector<Option> options = {
      {.path = "plugins.NodeAttestor.k8s_psat",
       .type = Type::kBlock,
       .help = "Agents are admitted by the projected service account token of their pod."},
      {.path = cluster,
       .type = Type::kBlock,
       .help = "A cluster whose agents are admitted, under the name that the agents give it.",
       .validate = ClusterNameProblem},
      {.path = cluster + ".service_account_allow_list",
       .type = Type::kStringList,
       .help = "Service accounts that agents run as: namespace:name.",
       .required = true,
       .validate = AccountProblem},
      {.path = cluster + ".audience",
       .type = Type::kStringList,
       .default_value = "spire-server",
       .help = "The audience of the tokens; exactly one, since any of several could replay them.",
       .validate = config::NotEmptyProblem},
      {.path = cluster + ".kube_config_file",
       .help = "Kubeconfig of the cluster. Default: the server runs in the cluster.",
       .validate = config::NotEmptyProblem},
      {.path = cluster + ".allowed_node_label_keys",
       .type = Type::kStringList,
       .help = "Labels of the node that become selectors.",
       .validate = config::NotEmptyProblem},
      {.path = cluster + ".allowed_pod_label_keys",
       .type = Type::kStringList,
       .help = "Labels of the agent's pod that become selectors.",
       .validate = config::NotEmptyProblem},
      {.path = cluster + ".use_pod_uid_for_agent_id",
       .type = Type::kBool,
       .default_value = "false",
       .help = "The agent's ID names its pod's uid, not its node's."},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddClusters(std::vector<Option>& out) {
  const std::string cluster = std::string(kOurs) + ".*";
  const std::vector<Option> options = {
      {.path = cluster,
       .type = Type::kBlock,
       .help = "What Signet adds for a cluster of k8s_psat, under the same name.",
       .validate = ClusterNameProblem},
      {.path = cluster + ".kube_config_file",
       .help = "Kubeconfig of the cluster; may be given here or with k8s_psat.",
       .validate = config::NotEmptyProblem},
      {.path = cluster + ".token_validation",
       .default_value = "review",
       .help =
           "review: the API server judges each token, and pods and nodes are watched. jwks: for "
           "a cluster that cannot be watched, tokens are judged by its keys alone, deletions "
           "are not seen, and every pod must show its token.",
       .validate = ValidationProblem},
      {.path = cluster + ".max_token_age",
       .type = Type::kDuration,
       .help = "How long ago a token may have been issued. Default: 15m with jwks, else unbounded.",
       .validate = config::PositiveDurationProblem},
      {.path = cluster + ".issuer",
       .help = "Issuer of the tokens, with jwks. Default: what the cluster's discovery says.",
       .validate = IssuerProblem},
      {.path = cluster + ".jwks_path",
       .help = "Path of the keys at the API server, with jwks. Default: by discovery.",
       .validate = JwksPathProblem},
      {.path = cluster + ".token_reuse",
       .default_value = "after_half_life",
       .help = "When a token that one key or agent has used is taken from another: after_half_life "
               "of what the first one got for it, never, or always (as SPIRE does).",
       .validate = ReuseProblem},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddIdentityRules(std::vector<Option>& out, const std::string& block) {
  const std::vector<Option> options = {
      {.path = block + ".allowed_namespaces",
       .type = Type::kStringList,
       .help = "Namespaces whose pods have identities; a name may end in *. Default: all but "
               "kube-system, kube-public and kube-node-lease, which count only if named in full.",
       .validate = NamespacePatternProblem},
      {.path = block + ".denied_namespaces",
       .type = Type::kStringList,
       .help = "Namespaces whose pods have none, whatever else allows them.",
       .validate = NamespacePatternProblem},
      {.path = block + ".allowed_service_accounts",
       .type = Type::kStringList,
       .help = "Service accounts that have identities: namespace:name, each part may end in *. "
               "Default: all of the allowed namespaces.",
       .validate = AccountPatternProblem},
      {.path = block + ".denied_service_accounts",
       .type = Type::kStringList,
       .help = "Service accounts that have none, whatever else allows them.",
       .validate = AccountPatternProblem},
      {.path = block + ".require_workload_token",
       .type = Type::kBool,
       .default_value = "false",
       .help = "An agent must show a token of the pod's own service account (socket per pod)."},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddIdentities(std::vector<Option>& out) {
  const std::string block = std::string(kOurs) + ".*.identities";
  const std::vector<Option> options = {
      {.path = block,
       .type = Type::kBlock,
       .help = "Identities for pods without registration entries; the block turns them on."},
      {.path = block + ".enabled",
       .type = Type::kBool,
       .default_value = "true",
       .help = "false turns them off and keeps the block."},
      {.path = block + ".spiffe_id_template",
       .default_value = std::string(service::kDefaultPodIdTemplate),
       .help = "ID of a pod. Variables: trust_domain, cluster, namespace, service_account, "
               "pod_name, pod_uid, node_name."},
      {.path = block + ".x509_svid_ttl",
       .type = Type::kDuration,
       .help = "Life of their X509-SVIDs. Default: server.default_x509_svid_ttl.",
       .validate = config::PositiveDurationProblem},
      {.path = block + ".jwt_svid_ttl",
       .type = Type::kDuration,
       .help = "Life of their JWT-SVIDs. Default: server.default_jwt_svid_ttl.",
       .validate = config::PositiveDurationProblem},
      {.path = block + ".dns_name_templates",
       .type = Type::kStringList,
       .help = "DNS names of their X509-SVIDs, e.g. {{service_account}}.{{namespace}}.svc, with "
               "the same variables."},
      {.path = block + ".hint", .help = "Hint of their SVIDs for workloads that have several."},
      {.path = block + ".federates_with",
       .type = Type::kStringList,
       .help = "Trust domains whose bundles they get too.",
       .validate = TrustDomainProblem},
  };
  out.insert(out.end(), options.begin(), options.end());
  AddIdentityRules(out, block);
}

void AddNotifier(std::vector<Option>& out) {
  const std::string data(kNotifier);
  const std::vector<Option> options = {
      {.path = "plugins.Notifier.k8sbundle",
       .type = Type::kBlock,
       .help = "The bundle is kept in a ConfigMap, where agents take it from at their start."},
      {.path = data + ".namespace",
       .default_value = "spire",
       .help = "Namespace of the ConfigMap.",
       .validate = ObjectNameProblem},
      {.path = data + ".config_map",
       .default_value = "spire-bundle",
       .help = "Name of the ConfigMap.",
       .validate = ObjectNameProblem},
      {.path = data + ".config_map_key",
       .default_value = "bundle.crt",
       .help = "Key in the ConfigMap that holds the bundle (PEM).",
       .validate = config::NotEmptyProblem},
      {.path = data + ".kube_config_file_path",
       .help = "Kubeconfig of the cluster. Default: the server runs in the cluster.",
       .validate = config::NotEmptyProblem},
      {.path = data + ".webhook_label", .type = Type::kUnsupported, .help = "remove it"},
      {.path = data + ".api_service_label", .type = Type::kUnsupported, .help = "remove it"},
      {.path = data + ".clusters",
       .type = Type::kUnsupported,
       .help = "one ConfigMap is kept up to date; remove it"},
      {.path = "plugins.Notifier.gcs_bundle", .type = Type::kUnsupported, .help = "remove it"},
  };
  out.insert(out.end(), options.begin(), options.end());
}

}  // namespace

void AddKubernetesOptions(std::vector<Option>& options) {
  AddPsat(options);
  AddClusters(options);
  AddIdentities(options);
  AddNotifier(options);
}

}  // namespace signet::ca_cmd
