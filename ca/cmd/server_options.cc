#include "ca/cmd/server_options.h"

#include "ca/cmd/kubernetes_options.h"
#include "core/config/option_checks.h"

namespace signet::ca_cmd {
namespace {

using config::Option;
using config::Type;

std::string KeyTypeProblem(const std::string& text) {
  return config::ProblemOf(crypto::ParseKeyType(text));
}

std::string TrustDomainProblem(const std::string& text) {
  return config::ProblemOf(spiffe::TrustDomain::ParseNameOrId(text));
}

std::string SpiffeIdProblem(const std::string& text) {
  return config::ProblemOf(spiffe::SpiffeId::Parse(text));
}

std::string LogLevelProblem(const std::string& text) {
  return config::ProblemOf(ParseLogLevel(text));
}

std::string CountryProblem(const std::string& text) {
  return text.empty() || text.size() == 2 ? "" : "a country is written with two letters";
}

std::string NameProblem(const std::string& text) {
  constexpr std::size_t kMax = 64;  // RFC 5280's bound on organisation and common name
  return text.size() <= kMax ? "" : "is longer than 64 bytes";
}

std::string DatabaseTypeProblem(const std::string& text) {
  return text == "sqlite3" ? "" : "only \"sqlite3\" is supported yet";
}

void AddServerOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "server.trust_domain",
       .flag = "trustDomain",
       .help = "Name of the trust domain that the server is the authority of, e.g. example.org.",
       .required = true,
       .validate = TrustDomainProblem},
      {.path = "server.bind_address",
       .default_value = "0.0.0.0",
       .flag = "bindAddress",
       .help = "Numeric address that agents connect to.",
       .validate = config::NumericAddressProblem},
      {.path = "server.bind_port",
       .type = Type::kInt,
       .default_value = "8081",
       .flag = "serverPort",
       .help = "TCP port that agents connect to; 0 lets the kernel choose.",
       .validate = config::PortOrZeroProblem},
      {.path = "server.socket_path",
       .flag = "socketPath",
       .help = "Unix socket of the administration API. Default: /run/signet/server/api.sock as "
               "root, else $XDG_RUNTIME_DIR/signet/server/api.sock.",
       .validate = config::CheckSocketPath},
      {.path = "server.data_dir",
       .flag = "dataDir",
       .help = "Folder of the database and the keys. Default: /var/lib/signet/server as root, else "
               "$XDG_STATE_HOME/signet/server, else ~/.local/state/signet/server.",
       .validate = config::NotEmptyProblem},
      {.path = "server.log_level",
       .default_value = "info",
       .flag = "logLevel",
       .help = "debug, info, warn or error.",
       .validate = LogLevelProblem},
      {.path = "server.log_format",
       .default_value = "text",
       .flag = "logFormat",
       .help = "text or json.",
       .validate = config::LogFormatProblem},
      {.path = "server.log_file",
       .flag = "logFile",
       .help = "File that the log is appended to. Default: standard error."},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddAuthorityOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "server.ca_key_type",
       .default_value = "ec-p256",
       .help = "Key of the authorities: ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096.",
       .validate = KeyTypeProblem},
      {.path = "server.ca_ttl",
       .type = Type::kDuration,
       .default_value = "24h",
       .help = "Life of an authority. The next one is prepared at half of it and used from five "
               "sixths on.",
       .validate = config::PositiveDurationProblem},
      {.path = "server.ca_subject.country",
       .default_value = "US",
       .help = "C of the authorities' subject.",
       .validate = CountryProblem},
      {.path = "server.ca_subject.organization",
       .default_value = "SPIFFE",
       .help = "O of the authorities' subject.",
       .validate = NameProblem},
      {.path = "server.ca_subject.common_name",
       .help = "CN of the authorities' subject.",
       .validate = NameProblem},
      {.path = "server.default_x509_svid_ttl",
       .type = Type::kDuration,
       .default_value = "1h",
       .help = "Life of X509-SVIDs whose entry states none.",
       .validate = config::PositiveDurationProblem},
      {.path = "server.default_jwt_svid_ttl",
       .type = Type::kDuration,
       .default_value = "5m",
       .help = "Life of JWT-SVIDs whose entry states none.",
       .validate = config::PositiveDurationProblem},
      {.path = "server.agent_ttl",
       .type = Type::kDuration,
       .help = "Life of agents' X509-SVIDs. Default: default_x509_svid_ttl.",
       .validate = config::PositiveDurationProblem},
      {.path = "server.admin_ids",
       .type = Type::kStringList,
       .help = "SPIFFE IDs that may administer the server over mutual TLS.",
       .validate = SpiffeIdProblem},
      {.path = "server.ratelimit.attestation",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Limit attestations to one a second for each address."},
      {.path = "server.ratelimit.signing",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Limit signing to 500 a second for each address."},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddPluginOptions(std::vector<Option>& out) {
  const std::vector<Option> options = {
      {.path = "plugins.KeyManager.disk",
       .type = Type::kBlock,
       .help = "Keys of the authorities in files of mode 0600 in data_dir. The default."},
      {.path = "plugins.KeyManager.disk.plugin_data",
       .type = Type::kBlock,
       .help = "Has no settings yet."},
      {.path = "plugins.KeyManager.disk.plugin_data.keys_path",
       .type = Type::kUnsupported,
       .help = "the keys are kept in server.data_dir; remove it"},
      {.path = "plugins.KeyManager.memory",
       .type = Type::kBlock,
       .help = "Keys of the authorities in memory alone: every start makes new ones."},
      {.path = "plugins.KeyManager.memory.plugin_data",
       .type = Type::kBlock,
       .help = "Has no settings."},
      {.path = "plugins.NodeAttestor.join_token",
       .type = Type::kBlock,
       .help = "Agents are admitted by one-time tokens. Always on; the block changes nothing."},
      {.path = "plugins.NodeAttestor.join_token.plugin_data",
       .type = Type::kBlock,
       .help = "Has no settings."},
      {.path = "plugins.DataStore.sql",
       .type = Type::kBlock,
       .help = "The database. Always on; the block changes nothing."},
      {.path = "plugins.DataStore.sql.plugin_data.database_type",
       .default_value = "sqlite3",
       .help = "Kind of database: sqlite3.",
       .validate = DatabaseTypeProblem},
      {.path = "plugins.DataStore.sql.plugin_data.connection_string",
       .type = Type::kUnsupported,
       .help = "the SQLite file is kept in server.data_dir; remove it"},
  };
  out.insert(out.end(), options.begin(), options.end());
}

void AddUnsupported(std::vector<Option>& out) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"server.jwt_key_type", "the server issues no JWT-SVIDs yet; remove it"},
      {"server.jwt_issuer", "the server issues no JWT-SVIDs yet; remove it"},
      {"server.disable_jwt_svids", "the server issues no JWT-SVIDs yet; remove it"},
      {"server.audit_log_enabled", "remove it"},
      {"server.proxy_protocol_trusted_cidrs", "remove it"},
      {"server.log_source_location", "remove it"},
      {"server.profiling_enabled", "remove it"},
      {"server.profiling_port", "remove it"},
      {"server.profiling_freq", "remove it"},
      {"server.profiling_names", "remove it"},
      {"server.max_attested_node_info_staleness",
       "node information is never stale here; remove it"},
      {"server.prune_attested_nodes_expired_for", "remove it"},
      {"server.prune_tofu_nodes", "remove it"},
      {"server.prune_attested_nodes_batch_size", "remove it"},
      {"server.federation",
       "bundles of other trust domains are set with \"bundle set\"; remove it"},
      {"server.experimental", "remove it"},
      {"plugins.UpstreamAuthority", "the authorities are self-signed; remove it"},
      {"plugins.BundlePublisher", "remove it"},
      {"plugins.CredentialComposer", "remove it"},
      {"telemetry", "remove it"},
      {"health_checks", "use \"signet-server healthcheck\"; remove it"},
  };
  for (const auto& [path, help] : rows) {
    out.push_back({.path = path, .type = Type::kUnsupported, .help = help});
  }
}

std::vector<Option> MakeOptions() {
  std::vector<Option> options;
  AddServerOptions(options);
  AddAuthorityOptions(options);
  AddPluginOptions(options);
  AddKubernetesOptions(options);
  AddUnsupported(options);
  return options;
}

// CheckTogether finds what no single option shows.
std::vector<std::string> CheckTogether(const config::Values& values) {
  std::vector<std::string> problems;
  const auto at = [&](std::string_view path) {
    const std::string& place = values.cells.find(path)->second.place;
    return (place.empty() ? "" : place + ": ") + std::string(path) + ": ";
  };
  if (values.Given("plugins.KeyManager.disk") && values.Given("plugins.KeyManager.memory")) {
    problems.push_back(at("plugins.KeyManager.memory") +
                       "plugins.KeyManager.disk is there too; keep one of them");
  }
  for (const char* path : {"server.default_x509_svid_ttl", "server.agent_ttl"}) {
    // A default that is too long is capped in silence, as SPIRE does; a stated one is a mistake.
    if (values.Given(path) && values.Milliseconds(path) > values.Milliseconds("server.ca_ttl")) {
      problems.push_back(at(path) + "is longer than server.ca_ttl, which is " +
                         std::to_string(values.Seconds("server.ca_ttl")) +
                         " s: an SVID ends with its authority at the latest");
    }
  }
  const std::vector<std::string> kubernetes = KubernetesProblems(values);
  problems.insert(problems.end(), kubernetes.begin(), kubernetes.end());
  return problems;
}

Duration Ms(std::int64_t milliseconds) { return std::chrono::milliseconds(milliseconds); }

Result<ServerConfig> FromValues(const config::Values& values) {
  SIGNET_TRY_ASSIGN(auto trust_domain,
                    spiffe::TrustDomain::ParseNameOrId(values.String("server.trust_domain")));
  ServerConfig out{.trust_domain = std::move(trust_domain),
                   .socket_path = values.String("server.socket_path"),
                   .data_dir = values.String("server.data_dir")};
  out.bind_address = values.String("server.bind_address");
  out.bind_port = static_cast<std::uint16_t>(values.Int("server.bind_port"));
  out.key_manager = values.Given("plugins.KeyManager.memory") ? "memory" : "disk";
  SIGNET_TRY_ASSIGN(out.ca_key_type, crypto::ParseKeyType(values.String("server.ca_key_type")));
  out.ca_ttl = Ms(values.Milliseconds("server.ca_ttl"));
  out.ca_subject = {values.String("server.ca_subject.country"),
                    values.String("server.ca_subject.organization"),
                    values.String("server.ca_subject.common_name")};
  out.default_x509_svid_ttl = Ms(values.Milliseconds("server.default_x509_svid_ttl"));
  out.default_jwt_svid_ttl = Ms(values.Milliseconds("server.default_jwt_svid_ttl"));
  out.agent_ttl = Ms(values.Milliseconds("server.agent_ttl"));
  for (const std::string& text : values.List("server.admin_ids")) {
    SIGNET_TRY_ASSIGN(auto id, spiffe::SpiffeId::Parse(text));
    out.admin_ids.push_back(std::move(id));
  }
  out.ratelimit_attestation = values.Bool("server.ratelimit.attestation");
  out.ratelimit_signing = values.Bool("server.ratelimit.signing");
  SIGNET_TRY_ASSIGN(out.log.level, ParseLogLevel(values.String("server.log_level")));
  out.log.json = values.String("server.log_format") == "json";
  out.log.file = values.String("server.log_file");
  SIGNET_TRY_ASSIGN(out.kubernetes, KubernetesConfigOf(values));
  return out;
}

}  // namespace

const std::vector<Option>& ServerOptions() {
  static const std::vector<Option> options = MakeOptions();
  return options;
}

Result<ServerConfig> LoadServerConfig(const std::string& file,
                                      const std::map<std::string, std::string>& flags,
                                      const config::Environment& environment) {
  SIGNET_TRY_ASSIGN(const config::Values values,
                    config::Load(ServerOptions(), file, flags, CheckTogether));
  SIGNET_TRY_ASSIGN(ServerConfig out, FromValues(values));
  if (out.socket_path.empty()) {
    SIGNET_TRY_ASSIGN(out.socket_path, config::DefaultSocketPath("server", environment));
  }
  if (out.data_dir.empty()) {
    SIGNET_TRY_ASSIGN(out.data_dir, config::DefaultDataDir("server", environment));
  }
  return out;
}

}  // namespace signet::ca_cmd
