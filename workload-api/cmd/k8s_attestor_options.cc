#include "workload-api/cmd/k8s_attestor_options.h"

#include <charconv>

#include "attestor/kubernetes/names.h"
#include "core/config/option_checks.h"
#include "core/config/paths.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;

constexpr std::int64_t kMaxAttempts = 1000;

std::string Key(const char* name) {
  return std::string("plugins.WorkloadAttestor.k8s.plugin_data.") + name;
}

std::string SourceProblem(const std::string& text) {
  return text == "kubelet" || text == "pods_api" || text == "api_server"
             ? ""
             : "expects \"kubelet\", \"pods_api\" or \"api_server\"";
}

std::string AttemptsProblem(const std::string& text) {
  std::int64_t attempts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempts);
  const bool good = error == std::errc() && end == text.data() + text.size() && attempts >= 1 &&
                    attempts <= kMaxAttempts;
  return good ? "" : "expects a number from 1 to 1000";
}

std::string IntervalProblem(const std::string& text) {
  const Result<std::int64_t> duration = config::ParseDurationMs(text);
  return duration.ok() && *duration >= 100 ? "" : "must be at least 100ms";
}

std::string LocatorProblem(const std::string& text) {
  return text == "true" ? "" : "there is one locator here, for cgroups v1 and v2; remove it";
}

std::string SkipProblem(const std::string& text) {
  return text == "false" ? ""
                         : "the kubelet's certificate is always checked here: let kubelet_ca_path "
                           "name its certificate (/var/lib/kubelet/pki/kubelet.crt), or set "
                           "pod_source to \"pods_api\"";
}

std::string AbsoluteProblem(const std::string& text) {
  return text.starts_with("/") ? "" : "must be an absolute path";
}

void AddSourceOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "plugins.WorkloadAttestor.k8s",
       .type = Type::kBlock,
       .help = "Workloads are told apart by their pod and container too."},
      {.path = "plugins.WorkloadAttestor.k8s.plugin_data",
       .type = Type::kBlock,
       .help = "SPIRE's settings, and a few of Signet's."},
      {.path = Key("pod_source"),
       .default_value = "kubelet",
       .help = "Where the agent learns of its node's pods: kubelet (GET /pods, asked when an "
               "unknown pod turns up), pods_api (the kubelet's Pods API socket, Kubernetes 1.36, "
               "which tells of changes by itself and needs no right and no certificate) or "
               "api_server (a watch; its right covers the pods of all nodes).",
       .validate = SourceProblem},
      {.path = Key("pods_api_socket"),
       .default_value = "/var/lib/kubelet/pods-api/pods-api.sock",
       .help = "Unix socket of the kubelet's Pods API, for pod_source \"pods_api\".",
       .validate = config::CheckSocketPath},
      {.path = Key("kube_config_file"),
       .help = "Kubeconfig of the API server, for pod_source \"api_server\". Default: what "
               "Kubernetes gives each pod.",
       .validate = config::NotEmptyProblem},
      {.path = Key("node_name"),
       .help = "Name of this node. Default: the variable that node_name_env names; without it the "
               "kubelet is asked at 127.0.0.1.",
       .validate = config::NotEmptyProblem},
      {.path = Key("node_name_env"),
       .default_value = "MY_NODE_NAME",
       .help = "Environment variable that holds the name of this node.",
       .validate = config::NotEmptyProblem},
      {.path = Key("max_poll_attempts"),
       .type = Type::kInt,
       .default_value = "10",
       .help = "For how many poll_retry_intervals a process waits until its pod is known.",
       .validate = AttemptsProblem},
      {.path = Key("poll_retry_interval"),
       .type = Type::kDuration,
       .default_value = "500ms",
       .help = "Least time between two requests for the kubelet's list.",
       .validate = IntervalProblem},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddKubeletOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = Key("kubelet_secure_port"),
       .type = Type::kInt,
       .default_value = "10250",
       .help = "The kubelet's HTTPS port.",
       .validate = config::PortProblem},
      {.path = Key("kubelet_read_only_port"),
       .type = Type::kUnsupported,
       .help = "the port without TLS shows pods to everybody and believes anybody who listens on "
               "it; use kubelet_secure_port, or set pod_source to \"pods_api\""},
      {.path = Key("kubelet_ca_path"),
       .help = "Certificates that the kubelet's is checked against. Default: the cluster's "
               "ca.crt, as Kubernetes gives it to each pod.",
       .validate = config::NotEmptyProblem},
      {.path = Key("skip_kubelet_verification"),
       .type = Type::kBool,
       .default_value = "false",
       .help = "Not to be had.",
       .validate = SkipProblem},
      {.path = Key("token_path"),
       .help = "Bearer token for the kubelet. Default: the pod's own.",
       .validate = config::NotEmptyProblem},
      {.path = Key("certificate_path"),
       .help = "Client certificate for the kubelet, with private_key_path.",
       .validate = config::NotEmptyProblem},
      {.path = Key("private_key_path"), .help = "Its key.", .validate = config::NotEmptyProblem},
      {.path = Key("use_anonymous_authentication"),
       .type = Type::kBool,
       .default_value = "false",
       .help = "Show the kubelet no credential."},
      {.path = Key("reload_interval"),
       .type = Type::kDuration,
       .default_value = "1m",
       .help = "Changes nothing: files are read again when they change, and each minute."},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddSelectorOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = Key("disable_container_selectors"),
       .type = Type::kBool,
       .default_value = "false",
       .help = "Selectors of the pod alone."},
      {.path = Key("allow_ephemeral_containers"),
       .type = Type::kBool,
       .default_value = "false",
       .help = "Let ephemeral containers (kubectl debug) have the identity of their pod."},
      {.path = Key("cgroup_roots"),
       .type = Type::kStringList,
       .help = "Cgroup paths that pods must be under, e.g. \"/kubepods.slice\", or the kubelet's "
               "--cgroup-root. Default: any \"kubepods\" but in a login user's own tree.",
       .validate = AbsoluteProblem},
      {.path = Key("cgroup_mount"),
       .help = "Where the host's cgroup v2 tree is mounted, so that a process's group can be held "
               "against the kernel's word. Default: /sys/fs/cgroup or /sys/fs/cgroup/unified.",
       .validate = AbsoluteProblem},
      {.path = Key("use_new_container_locator"),
       .type = Type::kBool,
       .default_value = "true",
       .help = "Always on.",
       .validate = LocatorProblem},
      {.path = Key("verbose_container_locator_logs"),
       .type = Type::kBool,
       .default_value = "false",
       .help = "Each workload's cgroups in the debug log."},
      {.path = Key("enable_namespace_labels"),
       .type = Type::kUnsupported,
       .help = "select by namespace (k8s:ns); remove it"},
      {.path = Key("disable_kubelet_client"),
       .type = Type::kUnsupported,
       .help = "set pod_source to \"pods_api\" or \"api_server\"; remove it"},
      {.path = Key("sigstore"), .type = Type::kUnsupported, .help = "remove it"},
      {.path = Key("experimental"), .type = Type::kUnsupported, .help = "remove it"},
  };
  out.insert(out.end(), options.begin(), options.end());
}

PodSource SourceOf(const std::string& text) {
  if (text == "pods_api") {
    return PodSource::kPodsApi;
  }
  return text == "api_server" ? PodSource::kApiServer : PodSource::kKubelet;
}

kubelet::KubeletEndpoint ReadEndpoint(const config::Values& values) {
  kubelet::KubeletEndpoint out;
  out.port = static_cast<std::uint16_t>(values.Int(Key("kubelet_secure_port")));
  out.ca_path = values.String(Key("kubelet_ca_path"));
  out.token_path = values.String(Key("token_path"));
  out.certificate_path = values.String(Key("certificate_path"));
  out.private_key_path = values.String(Key("private_key_path"));
  out.anonymous = values.Bool(Key("use_anonymous_authentication"));
  return out;
}

}  // namespace

std::vector<Option> K8sAttestorOptions() {
  std::vector<Option> options;
  AddSourceOptions(options);
  AddKubeletOptions(options);
  AddSelectorOptions(options);
  return options;
}

std::vector<std::string> CheckK8sAttestor(const config::Values& values) {
  std::vector<std::string> problems;
  const auto add = [&](std::string_view path, const std::string& what) {
    problems.push_back(values.cells.find(path)->second.place + ": " + std::string(path) + ": " +
                       what);
  };
  if (values.Given(Key("certificate_path")) != values.Given(Key("private_key_path"))) {
    const bool certificate = values.Given(Key("certificate_path"));
    add(certificate ? Key("certificate_path") : Key("private_key_path"),
        certificate ? "private_key_path is missing" : "certificate_path is missing");
  }
  if (!values.Bool(Key("use_anonymous_authentication"))) {
    return problems;
  }
  for (const std::string& path : {Key("token_path"), Key("certificate_path")}) {
    if (values.Given(path)) {
      add(path, "use_anonymous_authentication is on; keep one of them");
    }
  }
  return problems;
}

Result<std::optional<K8sAttestorConfig>> ReadK8sAttestor(const config::Values& values,
                                                         const GetEnv& get_env) {
  if (!values.Given("plugins.WorkloadAttestor.k8s")) {
    return std::optional<K8sAttestorConfig>();
  }
  K8sAttestorConfig out;
  out.source = SourceOf(values.String(Key("pod_source")));
  out.kubelet = ReadEndpoint(values);
  const std::string variable = values.String(Key("node_name_env"));
  out.kubelet.node_name = values.String(Key("node_name"));
  if (out.kubelet.node_name.empty()) {
    out.kubelet.node_name = get_env(variable);
  }
  if (!out.kubelet.node_name.empty() && !kubernetes::IsDnsSubdomain(out.kubelet.node_name)) {
    return InvalidArgument(Key("node_name") + ": \"" + out.kubelet.node_name +
                           "\" is no name that a node can have");
  }
  if (out.source == PodSource::kApiServer && out.kubelet.node_name.empty()) {
    return InvalidArgument(Key("node_name") +
                           ": is required with pod_source \"api_server\"; set it, or let the "
                           "environment variable " +
                           variable + " hold it (spec.nodeName)");
  }
  out.pods_api_socket = values.String(Key("pods_api_socket"));
  out.kube_config_file = values.String(Key("kube_config_file"));
  out.waits.poll_interval =
      std::chrono::milliseconds(values.Milliseconds(Key("poll_retry_interval")));
  out.waits.patience = values.Int(Key("max_poll_attempts")) * out.waits.poll_interval;
  out.container_selectors = !values.Bool(Key("disable_container_selectors"));
  out.allow_ephemeral_containers = values.Bool(Key("allow_ephemeral_containers"));
  out.log_cgroups = values.Bool(Key("verbose_container_locator_logs"));
  out.cgroup_roots = values.List(Key("cgroup_roots"));
  out.cgroup_mount = values.String(Key("cgroup_mount"));
  return std::optional(std::move(out));
}

}  // namespace signet::agent_cmd
