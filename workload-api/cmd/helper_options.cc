#include "workload-api/cmd/helper_options.h"

#include <filesystem>

#include "core/base/files.h"
#include "core/config/option_checks.h"
#include "workload-api/cmd/deliver_options.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;
using config::Values;

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr char kDefaultSocket[] = "/tmp/spire-agent/public/api.sock";
constexpr char kNoJwt[] =
    "JWT-SVIDs are not delivered yet; remove it, or ignore all such keys with -ignoreJWT";
constexpr mode_t kPermissionBits = 0777;

std::string ModeProblem(const std::string& text) {
  const std::int64_t mode = std::strtoll(text.c_str(), nullptr, 10);
  return mode >= 0 && mode <= kPermissionBits
             ? ""
             : "expects permission bits, in octal with a leading 0 as in 0644";
}

std::string PathProblem(const std::string& text) {
  return text.starts_with('/') || text.find('?') == std::string::npos
             ? ""
             : "expects a path or a unix:// URI";
}

std::string NameProblem(const std::string& text) {
  return config::ProblemOf(delivery::CheckFileName(text));
}

std::string ArgumentsProblem(const std::string& text) {
  return config::ProblemOf(SplitArguments(text));
}

void AddX509(std::vector<Option>& out) {
  const Option more[] = {
      {.path = "agent_address",
       .help = "Socket of the agent. Default: SPIFFE_ENDPOINT_SOCKET, else "
               "/tmp/spire-agent/public/api.sock.",
       .validate = PathProblem},
      {.path = "cert_dir",
       .help = "Folder of the files.",
       .required = true,
       .validate = config::NotEmptyProblem},
      {.path = "svid_file_name",
       .help = "File of the certificate chain.",
       .required = true,
       .validate = NameProblem},
      {.path = "svid_key_file_name",
       .help = "File of the key.",
       .required = true,
       .validate = NameProblem},
      {.path = "svid_bundle_file_name",
       .help = "File of the roots.",
       .required = true,
       .validate = NameProblem},
      {.path = "cert_file_mode",
       .type = Type::kInt,
       .help = "Default: 0644.",
       .validate = ModeProblem},
      {.path = "key_file_mode",
       .type = Type::kInt,
       .help = "Default: 0600.",
       .validate = ModeProblem},
      {.path = "add_intermediates_to_bundle",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Intermediates go to the roots' file instead of the chain's."},
      {.path = "include_federated_domains",
       .type = Type::kBool,
       .default_value = "false",
       .help = "The roots' file also holds those of federated trust domains."},
      {.path = "omit_expired",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Roots that have ended are left out."},
      {.path = "hint", .help = "Which identity, by the hint of its entry."},
  };
  out.insert(out.end(), std::begin(more), std::end(more));
}

void AddProcess(std::vector<Option>& out) {
  const Option more[] = {
      {.path = "daemon_mode",
       .type = Type::kBool,
       .default_value = "true",
       .help = "false: deliver once and end."},
      {.path = "cmd", .help = "Program to start after the first delivery."},
      {.path = "cmd_args",
       .help = "Its arguments, split at spaces except in double quotes.",
       .validate = ArgumentsProblem},
      {.path = "pid_file_name", .help = "File of a process to signal."},
      {.path = "renew_signal", .help = "Signal for both, e.g. SIGHUP."},
      {.path = "health_checks.listener_enabled",
       .type = Type::kBool,
       .default_value = "false",
       .help = "HTTP listener for probes."},
      {.path = "health_checks.bind_port",
       .type = Type::kInt,
       .default_value = "8081",
       .help = "Its port, on all addresses.",
       .validate = config::PortProblem},
      {.path = "health_checks.liveness_path",
       .default_value = "/live",
       .help = "Its paths.",
       .validate = config::NotEmptyProblem},
      {.path = "health_checks.readiness_path",
       .default_value = "/ready",
       .help = "Its paths.",
       .validate = config::NotEmptyProblem},
  };
  out.insert(out.end(), std::begin(more), std::end(more));
}

std::string Place(const Values& values, const std::string& path) {
  return values.cells.find(path)->second.place + ": " + path + ": ";
}

std::vector<std::string> CheckTogether(const Values& values) {
  std::vector<std::string> problems;
  const std::string signal = values.String("renew_signal");
  if (values.Given("pid_file_name") && !values.String("pid_file_name").empty() && signal.empty()) {
    problems.push_back(Place(values, "pid_file_name") + "needs renew_signal");
  }
  if (!signal.empty()) {
    const auto action =
        reload::MakeAction({.kind = "signal",
                            .signal = signal.substr(signal.starts_with("SIG") ? 3 : 0),
                            .pid_file = "/any"});
    if (!action.ok()) {
      problems.push_back(Place(values, "renew_signal") + action.error().message);
    }
  }
  return problems;
}

std::string Absolute(const std::string& path, const std::string& from) {
  return path.empty() ? "" : (std::filesystem::path(from) / path).lexically_normal().string();
}

std::string Endpoint(const Values& values, const HelperChoices& choices) {
  std::string address = values.String("agent_address");
  if (address.empty()) {
    address = choices.endpoint_variable.empty() ? kDefaultSocket : choices.endpoint_variable;
  }
  const bool uri = address.starts_with("unix:") || address.starts_with("tcp:");
  return uri ? address : SocketEndpoint(Absolute(address, choices.working_directory));
}

std::vector<delivery::FileSpec> Files(const Values& values) {
  using delivery::Content;
  const bool moved = values.Bool("add_intermediates_to_bundle");
  const auto mode = static_cast<mode_t>(values.Int("cert_file_mode"));
  const auto key_mode = static_cast<mode_t>(values.Int("key_file_mode"));
  std::vector<delivery::FileSpec> files;
  files.push_back({.name = values.String("svid_file_name"),
                   .content = moved ? Content::kLeaf : Content::kChain,
                   .mode = mode});
  files.push_back(
      {.name = values.String("svid_key_file_name"), .content = Content::kKey, .mode = key_mode});
  files.push_back({.name = values.String("svid_bundle_file_name"),
                   .content = moved ? Content::kBundleAndIntermediates : Content::kBundle,
                   .mode = mode});
  return files;
}

}  // namespace

std::vector<Option> HelperOptions(bool ignore_jwt) {
  std::vector<Option> options;
  AddX509(options);
  AddProcess(options);
  for (const char* const key :
       {"jwt_svids", "jwt_bundle_file_name", "jwt_bundle_file_mode", "jwt_svid_file_mode"}) {
    options.push_back(
        {.path = key, .type = ignore_jwt ? Type::kIgnored : Type::kUnsupported, .help = kNoJwt});
  }
  return options;
}

Result<HelperConfig> LoadHelperConfig(const std::string& file, const HelperChoices& choices) {
  SIGNET_TRY_ASSIGN(const Bytes text, ReadFile(file, kMaxFileBytes));
  const std::vector<Option> options = HelperOptions(choices.ignore_jwt);
  SIGNET_TRY_ASSIGN(const Values values,
                    config::LoadText(options,
                                     {.name = std::filesystem::path(file).filename().string(),
                                      .text = AsText(text),
                                      .hcl = true},
                                     {}, CheckTogether));
  HelperConfig out{.endpoint = Endpoint(values, choices)};
  if (values.Bool("health_checks.listener_enabled")) {
    out.health = {.listen = "0.0.0.0:" + std::to_string(values.Int("health_checks.bind_port")),
                  .live_path = values.String("health_checks.liveness_path"),
                  .ready_path = values.String("health_checks.readiness_path"),
                  .brief = true};
  }
  out.target.name = "spiffe-helper";
  out.target.dir = Absolute(values.String("cert_dir"), choices.working_directory);
  out.target.identity.hint = values.String("hint");
  out.target.files = Files(values);
  SIGNET_TRY(delivery::CheckFileSpecs(out.target.files).Context(file));
  if (!values.String("cmd").empty()) {
    SIGNET_TRY_ASSIGN(out.command, SplitArguments(values.String("cmd_args")));
    out.command.insert(out.command.begin(), values.String("cmd"));
  }
  const std::string signal = values.String("renew_signal");
  out.renew_signal = signal.substr(signal.starts_with("SIG") ? 3 : 0);
  out.pid_file = Absolute(values.String("pid_file_name"), choices.working_directory);
  out.add_intermediates_to_bundle = values.Bool("add_intermediates_to_bundle");
  out.include_federated_domains = values.Bool("include_federated_domains");
  out.omit_expired = values.Bool("omit_expired");
  out.daemon = values.Bool("daemon_mode");
  return out;
}

Result<std::vector<std::string>> SplitArguments(std::string_view text) {
  const Error bad = InvalidArgument(
      "a double quote must begin an argument, and its end must be the argument's end");
  std::vector<std::string> out;
  while (!text.empty()) {
    std::string argument;
    if (text.starts_with('"')) {
      std::size_t at = 1;
      for (; at < text.size() && (text[at] != '"' || text.substr(at, 2) == "\"\""); ++at) {
        at += text[at] == '"' ? 1 : 0;
        argument += text[at];
      }
      if (at >= text.size() || (at + 1 < text.size() && text[at + 1] != ' ')) {
        return bad;
      }
      text.remove_prefix(at + 1);
    } else {
      argument = text.substr(0, text.find(' '));
      if (argument.find('"') != std::string::npos) {
        return bad;
      }
      text.remove_prefix(argument.size());
    }
    out.push_back(std::move(argument));
    if (text == " ") {
      out.emplace_back();  // a separator with nothing behind it
    }
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return out;
}

}  // namespace signet::agent_cmd
