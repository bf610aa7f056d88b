#include "workload-api/cmd/kubernetes_options.h"

#include "attestor/kubernetes/names.h"
#include "attestor/node/k8s_psat/k8s_psat.h"
#include "core/config/option_checks.h"
#include "core/config/paths.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;

constexpr std::size_t kMaxDriverName = 63;
constexpr char kPsatCluster[] = "plugins.NodeAttestor.k8s_psat.plugin_data.cluster";
constexpr char kNodeNameVariable[] = "MY_NODE_NAME";

std::string FolderProblem(const std::string& text) {
  const bool plain = text.starts_with('/') && !text.ends_with('/') &&
                     text.find("//") == std::string::npos &&
                     (text + "/").find("/../") == std::string::npos &&
                     (text + "/").find("/./") == std::string::npos;
  return plain ? "" : "expects an absolute path without \"..\" and without a slash at its end";
}

std::string DriverNameProblem(const std::string& text) {
  return kubernetes::IsDnsSubdomain(text) && text.size() <= kMaxDriverName
             ? ""
             : "expects the name of a CSIDriver object, e.g. csi.signet.internal";
}

void AddPsatOptions(std::vector<Option>& out) {
  const std::string block = "plugins.NodeAttestor.k8s_psat";
  out.insert(
      out.end(),
      {{.path = block,
        .type = Type::kBlock,
        .help = "The agent attests by the projected service account token of its own pod, again "
                "at half of its SVID's life."},
       {.path = block + ".plugin_data", .type = Type::kBlock, .help = "SPIRE's settings."},
       {.path = kPsatCluster,
        .help = "What the server's configuration calls this cluster. Required with the block.",
        .validate = config::NotEmptyProblem},
       {.path = block + ".plugin_data.token_path",
        .default_value = std::string(attestor::kK8sPsatTokenPath),
        .help = "File of the token; the kubelet replaces it from time to time.",
        .validate = config::NotEmptyProblem}});
}

void AddCsiOptions(std::vector<Option>& out) {
  out.insert(
      out.end(),
      {{.path = "csi",
        .type = Type::kBlock,
        .help = "The agent as a CSI node driver: each pod with a volume of it has a socket of its "
                "own, which is its attestation."},
       {.path = "csi.enabled",
        .type = Type::kBool,
        .default_value = "false",
        .help = "Turns it on."},
       {.path = "csi.driver_name",
        .default_value = "csi.signet.internal",
        .help =
            "Name of the CSIDriver object, which must have podInfoOnMount: true; without it the "
            "authors of pods could write what the kubelet should say.",
        .validate = DriverNameProblem},
       {.path = "csi.socket_path",
        .help = "Unix socket that the kubelet calls; both must see it under this path. Default: "
                "plugins/<driver_name>/csi.sock in kubelet_dir.",
        .validate = config::CheckSocketPath},
       {.path = "csi.registration_dir",
        .help = "Folder that the kubelet watches for plugins. Default: plugins_registry in "
                "kubelet_dir.",
        .validate = FolderProblem},
       {.path = "csi.pods_dir",
        .default_value = "/run/signet/pods",
        .help = "Folder of the pods' sockets, for the agent's user alone. It must outlive the "
                "agent's container (a hostPath), or running pods lose their sockets.",
        .validate = FolderProblem},
       {.path = "csi.kubelet_dir",
        .default_value = "/var/lib/kubelet",
        .help = "The kubelet's root directory. Its pods folder needs mountPropagation: "
                "Bidirectional.",
        .validate = FolderProblem},
       {.path = "csi.node_name",
        .help = "Name of this node. Default: the environment variable MY_NODE_NAME, else the host "
                "name.",
        .validate = config::NotEmptyProblem},
       {.path = "csi.token_audience",
        .help = "Which of the pod's tokens is shown to the server: the audience in the CSIDriver's "
                "tokenRequests. Default: the only token there is.",
        .validate = config::NotEmptyProblem},
       {.path = "csi.verify_cgroup",
        .type = Type::kBool,
        .default_value = "false",
        .help = "Whoever calls on a pod's socket must also be in that pod's cgroup, if the agent "
                "can see its pid (hostPID). Leave it off for sandboxes such as gVisor."}});
}

std::string OrElse(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

}  // namespace

std::vector<Option> KubernetesOptions() {
  std::vector<Option> options;
  AddPsatOptions(options);
  AddCsiOptions(options);
  return options;
}

std::vector<std::string> CheckKubernetes(const config::Values& values) {
  std::vector<std::string> problems;
  const auto psat = values.cells.find("plugins.NodeAttestor.k8s_psat");
  if (psat == values.cells.end() || !psat->second.given) {
    return problems;
  }
  if (!values.Given(kPsatCluster)) {
    problems.push_back(psat->second.place + ": " + kPsatCluster +
                       ": is required; it is the cluster's name in the server's configuration");
  }
  for (const char* const token : {"agent.join_token", "agent.join_token_file"}) {
    if (values.Given(token)) {
      problems.push_back(values.cells.find(token)->second.place + ": " + token +
                         ": plugins.NodeAttestor.k8s_psat is set too; keep one of them");
    }
  }
  return problems;
}

std::optional<K8sPsatConfig> ReadK8sPsat(const config::Values& values) {
  if (!values.Given("plugins.NodeAttestor.k8s_psat")) {
    return std::nullopt;
  }
  return K8sPsatConfig{
      .cluster = values.String(kPsatCluster),
      .token_path = values.String("plugins.NodeAttestor.k8s_psat.plugin_data.token_path")};
}

std::optional<CsiConfig> ReadCsi(const config::Values& values,
                                 const std::function<std::string(const std::string&)>& get_env,
                                 const std::string& host_name) {
  if (!values.Bool("csi.enabled")) {
    return std::nullopt;
  }
  CsiConfig csi{.driver_name = values.String("csi.driver_name"),
                .socket_path = {},
                .registration_dir = {},
                .pods_dir = values.String("csi.pods_dir"),
                .kubelet_dir = values.String("csi.kubelet_dir"),
                .node_name = values.String("csi.node_name")};
  csi.socket_path = OrElse(values.String("csi.socket_path"),
                           csi.kubelet_dir + "/plugins/" + csi.driver_name + "/csi.sock");
  csi.registration_dir =
      OrElse(values.String("csi.registration_dir"), csi.kubelet_dir + "/plugins_registry");
  csi.node_name = OrElse(OrElse(csi.node_name, get_env(kNodeNameVariable)), host_name);
  csi.token_audience = values.String("csi.token_audience");
  csi.verify_cgroup = values.Bool("csi.verify_cgroup");
  return csi;
}

}  // namespace signet::agent_cmd
