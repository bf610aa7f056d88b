#include "workload-api/cmd/agent_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "core/config/option_checks.h"
#include "workload-api/cmd/authorizer_options.h"
#include "workload-api/cmd/delivery_options.h"
#include "workload-api/cmd/k8s_attestor_options.h"
#include "workload-api/cmd/kubernetes_options.h"
#include "workload-api/cmd/sds_options.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;

std::string TrustDomainProblem(const std::string& text) {
  return config::ProblemOf(spiffe::TrustDomain::ParseNameOrId(text));
}

std::string LogLevelProblem(const std::string& text) {
  return config::ProblemOf(ParseLogLevel(text));
}

std::string FormatProblem(const std::string& text) {
  return text == "pem" || text == "spiffe" ? "" : "expects \"pem\" or \"spiffe\"";
}

std::string KeyTypeProblem(const std::string& text) {
  return config::ProblemOf(crypto::ParseKeyType(text));
}

std::string AlwaysTrueProblem(const std::string& text) {
  return text == "true" ? "" : "is always on here; remove it";
}

void AddAgentOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "agent.trust_domain",
       .flag = "trustDomain",
       .help = "Name of the trust domain that the agent belongs to, e.g. example.org.",
       .required = true,
       .validate = TrustDomainProblem},
      {.path = "agent.server_address",
       .flag = "serverAddress",
       .help = "Host name or address of the server.",
       .required = true,
       .validate = config::NotEmptyProblem},
      {.path = "agent.server_port",
       .type = Type::kInt,
       .default_value = "8081",
       .flag = "serverPort",
       .help = "TCP port of the server.",
       .validate = config::PortProblem},
      {.path = "agent.socket_path",
       .flag = "socketPath",
       .help = "Unix socket of the Workload API. Default: /run/signet/agent/api.sock as root, else "
               "$XDG_RUNTIME_DIR/signet/agent/api.sock.",
       .validate = config::CheckSocketPath},
      {.path = "agent.data_dir",
       .flag = "dataDir",
       .help = "Folder of the agent's identity and bundle. Default: /var/lib/signet/agent as root, "
               "else $XDG_STATE_HOME/signet/agent, else ~/.local/state/signet/agent.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.log_level",
       .default_value = "info",
       .flag = "logLevel",
       .help = "debug, info, warn or error.",
       .validate = LogLevelProblem},
      {.path = "agent.log_format",
       .default_value = "text",
       .flag = "logFormat",
       .help = "text or json.",
       .validate = config::LogFormatProblem},
      {.path = "agent.log_file",
       .flag = "logFile",
       .help = "File that the log is appended to. Default: standard error."},
      {.path = "agent.workload_x509_svid_key_type",
       .default_value = "ec-p256",
       .help =
           "Key of the workloads' X509-SVIDs: ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096.",
       .validate = KeyTypeProblem},
      {.path = "agent.experimental.sync_interval",
       .type = Type::kDuration,
       .default_value = "5s",
       .help = "How often the agent asks a server that does not tell of changes by itself.",
       .validate = config::PositiveDurationProblem},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddTrustOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "agent.trust_bundle_path",
       .flag = "trustBundle",
       .help = "File of the bundle that the server is checked against at first contact; from then "
               "on the agent keeps its own.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.trust_bundle_format",
       .default_value = "pem",
       .flag = "trustBundleFormat",
       .help = "Format of that file: pem or spiffe (a JWK set).",
       .validate = FormatProblem},
      {.path = "agent.insecure_bootstrap",
       .type = Type::kBool,
       .default_value = "false",
       .flag = "insecureBootstrap",
       .help = "Believe any server at first contact. For trials alone."},
      {.path = "agent.join_token",
       .flag = "joinToken",
       .help = "One-time token that admits the agent. Other users of the machine can see a flag; "
               "prefer join_token_file.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.join_token_file",
       .flag = "joinTokenFile",
       .help = "File that holds the one-time token.",
       .validate = config::NotEmptyProblem},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddPluginOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "plugins.NodeAttestor.join_token",
       .type = Type::kBlock,
       .help = "The agent attests by a one-time token. Always on; the block changes nothing."},
      {.path = "plugins.NodeAttestor.join_token.plugin_data",
       .type = Type::kBlock,
       .help = "Has no settings."},
      {.path = "plugins.KeyManager.disk",
       .type = Type::kBlock,
       .help = "The agent's key in a file of mode 0600 in data_dir. Always on; the block changes "
               "nothing."},
      {.path = "plugins.KeyManager.disk.plugin_data",
       .type = Type::kBlock,
       .help = "Has no settings yet."},
      {.path = "plugins.KeyManager.disk.plugin_data.directory",
       .type = Type::kUnsupported,
       .help = "the key is kept in agent.data_dir; remove it"},
      {.path = "plugins.KeyManager.memory",
       .type = Type::kUnsupported,
       .help = "the key is kept in agent.data_dir; remove it"},
      {.path = "plugins.WorkloadAttestor.unix",
       .type = Type::kBlock,
       .help = "Workloads are told apart by user, group and program. Always on."},
      {.path = "plugins.WorkloadAttestor.unix.plugin_data.discover_workload_path",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Selectors for the program's path and SHA-256. Always on.",
       .validate = AlwaysTrueProblem},
      {.path = "plugins.WorkloadAttestor.unix.plugin_data.workload_size_limit",
       .type = Type::kUnsupported,
       .help = "programs above 128 MiB get no sha256 selector; remove it"},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddUnsupported(std::vector<Option>& out) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"agent.admin_socket_path", "remove it"},
      {"agent.trust_bundle_url", "use trust_bundle_path"},
      {"agent.trust_bundle_unix_socket", "use trust_bundle_path"},
      {"agent.trust_bundle_spiffe_workload_api", "use trust_bundle_path"},
      {"agent.rebootstrap_mode", "remove it"},
      {"agent.rebootstrap_delay", "remove it"},
      {"agent.retry_bootstrap", "the agent always retries; remove it"},
      {"agent.availability_target", "remove it"},
      {"agent.x509_svid_cache_max_size", "remove it"},
      {"agent.jwt_svid_cache_max_size", "remove it"},
      {"agent.allow_unauthenticated_verifiers", "remove it"},
      {"agent.allowed_foreign_jwt_claims", "remove it"},
      {"agent.authorized_delegates", "remove it"},
      {"agent.log_selectors", "remove it"},
      {"agent.log_source_location", "remove it"},
      {"agent.disable_workload_api", "remove it"},
      {"agent.profiling_enabled", "remove it"},
      {"agent.profiling_port", "remove it"},
      {"agent.profiling_freq", "remove it"},
      {"agent.profiling_names", "remove it"},
      {"plugins.SVIDStore", "remove it"},
      {"telemetry", "remove it"},
      {"health_checks", "use \"signet-agent healthcheck\"; remove it"},
  };
  for (const auto& [path, help] : rows) {
    out.push_back({.path = path, .type = Type::kUnsupported, .help = help});
  }
}

std::vector<Option> MakeOptions() {
  std::vector<Option> options;
  AddAgentOptions(options);
  AddTrustOptions(options);
  AddPluginOptions(options);
  std::ranges::move(K8sAttestorOptions(), std::back_inserter(options));
  std::ranges::move(SdsOptions(), std::back_inserter(options));
  std::ranges::move(AuthorizerOptions(), std::back_inserter(options));
  std::ranges::move(KubernetesOptions(), std::back_inserter(options));
  std::ranges::move(DeliveryTargetOptions(kAgentTargets), std::back_inserter(options));
  AddUnsupported(options);
  return options;
}

// CheckTogether finds what no single option shows.
std::vector<std::string> CheckTogether(const config::Values& values) {
  std::vector<std::string> problems = CheckSdsOptions(values);
  const auto at = [&](std::string_view path) {
    return values.cells.find(path)->second.place + ": " + std::string(path) + ": ";
  };
  if (values.Given("agent.join_token") && values.Given("agent.join_token_file")) {
    problems.push_back(at("agent.join_token_file") +
                       "agent.join_token is set too; keep one of them");
  }
  const bool insecure = values.Bool("agent.insecure_bootstrap");
  if (insecure && values.Given("agent.trust_bundle_path")) {
    problems.push_back(at("agent.insecure_bootstrap") +
                       "agent.trust_bundle_path is set too; remove insecure_bootstrap");
  }
  if (!insecure && !values.Given("agent.trust_bundle_path")) {
    problems.push_back(
        "agent.trust_bundle_path: is required; get the file with \"signet-server bundle show\" and "
        "set it here or with -trustBundle");
  }
  std::ranges::move(CheckK8sAttestor(values), std::back_inserter(problems));
  std::ranges::move(CheckKubernetes(values), std::back_inserter(problems));
  std::ranges::move(CheckDeliveryTargets(values, kAgentTargets), std::back_inserter(problems));
  std::ranges::move(CheckAuthorizer(values), std::back_inserter(problems));
  return problems;
}

std::string Variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Result<AgentConfig> FromValues(const config::Values& values) {
  SIGNET_TRY_ASSIGN(auto trust_domain,
                    spiffe::TrustDomain::ParseNameOrId(values.String("agent.trust_domain")));
  AgentConfig out{.trust_domain = std::move(trust_domain),
                  .server_address = values.String("agent.server_address"),
                  .data_dir = values.String("agent.data_dir"),
                  .socket_path = values.String("agent.socket_path")};
  out.server_port = static_cast<std::uint16_t>(values.Int("agent.server_port"));
  out.join_token = Secret(ToBytes(values.String("agent.join_token")));
  out.join_token_file = values.String("agent.join_token_file");
  out.trust_bundle_path = values.String("agent.trust_bundle_path");
  out.trust_bundle_format = values.String("agent.trust_bundle_format") == "spiffe"
                                ? BundleFormat::kSpiffe
                                : BundleFormat::kPem;
  out.insecure_bootstrap = values.Bool("agent.insecure_bootstrap");
  SIGNET_TRY_ASSIGN(out.workload_x509_svid_key_type,
                    crypto::ParseKeyType(values.String("agent.workload_x509_svid_key_type")));
  out.sync_interval =
      std::chrono::milliseconds(values.Milliseconds("agent.experimental.sync_interval"));
  SIGNET_TRY_ASSIGN(out.k8s_attestor, ReadK8sAttestor(values, Variable));
  out.k8s_psat = ReadK8sPsat(values);
  out.csi = ReadCsi(values, Variable, HostName());
  SIGNET_TRY_ASSIGN(out.log.level, ParseLogLevel(values.String("agent.log_level")));
  out.log.json = values.String("agent.log_format") == "json";
  out.disable_sds_api = values.Bool("agent.disable_sds_api");
  out.sds = ReadSdsOptions(values);
  SIGNET_TRY_ASSIGN(out.delivery, ReadDeliveryTargets(values, kAgentTargets));
  SIGNET_TRY_ASSIGN(out.authorizer, ReadAuthorizer(values));
  out.log.file = values.String("agent.log_file");
  return out;
}

}  // namespace

const std::vector<Option>& AgentOptions() {
  static const std::vector<Option> options = MakeOptions();
  return options;
}

Result<AgentConfig> LoadAgentConfig(const std::string& file,
                                    const std::map<std::string, std::string>& flags,
                                    const config::Environment& environment) {
  SIGNET_TRY_ASSIGN(const config::Values values,
                    config::Load(AgentOptions(), file, flags, CheckTogether));
  SIGNET_TRY_ASSIGN(AgentConfig out, FromValues(values));
  if (out.socket_path.empty()) {
    SIGNET_TRY_ASSIGN(out.socket_path, config::DefaultSocketPath("agent", environment));
  }
  if (out.authorizer && out.authorizer->socket_path.empty()) {
    out.authorizer->socket_path =
        (std::filesystem::path(out.socket_path).parent_path() / "authz.sock").string();
  }
  if (out.data_dir.empty()) {
    SIGNET_TRY_ASSIGN(out.data_dir, config::DefaultDataDir("agent", environment));
  }
  return out;
}

}  // namespace signet::agent_cmd
