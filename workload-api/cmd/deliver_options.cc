#include "workload-api/cmd/deliver_options.h"

#include <algorithm>
#include <iterator>

#include "core/base/encoding.h"
#include "core/config/option_checks.h"
#include "workload-api/cmd/delivery_options.h"
#include "workload-api/cmd/health_listener.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;

std::string LogLevelProblem(const std::string& text) {
  return config::ProblemOf(ParseLogLevel(text));
}

std::vector<Option> MakeOptions() {
  std::vector<Option> options = {
      {.path = "deliver.socket_path",
       .flag = "socketPath",
       .help = "Unix socket of the agent, Signet's or SPIRE's. Default: that of "
               "SPIFFE_ENDPOINT_SOCKET, else /run/signet/agent/api.sock as root, else "
               "$XDG_RUNTIME_DIR/signet/agent/api.sock.",
       .validate = config::CheckSocketPath},
      {.path = "deliver.log_level",
       .default_value = "info",
       .flag = "logLevel",
       .help = "debug, info, warn or error.",
       .validate = LogLevelProblem},
      {.path = "deliver.log_format",
       .default_value = "text",
       .flag = "logFormat",
       .help = "text or json.",
       .validate = config::LogFormatProblem},
      {.path = "deliver.log_file",
       .flag = "logFile",
       .help = "File that the log is appended to. Default: standard error."},
      {.path = "deliver.health.listen",
       .help = "Numeric address:port of GET /live and /ready, e.g. 127.0.0.1:8083. Default: none. "
               "Whoever reaches it can read the targets' names, IDs and errors.",
       .validate = CheckHealthAddress},
  };
  std::ranges::move(DeliveryTargetOptions(kDeliverTargets), std::back_inserter(options));
  return options;
}

std::vector<std::string> CheckTogether(const config::Values& values) {
  std::vector<std::string> problems = CheckDeliveryTargets(values, kDeliverTargets);
  if (values.Names(kDeliverTargets).empty()) {
    problems.push_back(std::string(kDeliverTargets) + ": is required; name at least one target");
  }
  return problems;
}

Result<std::string> EndpointOf(const std::string& socket_path,
                               const DeliverEnvironment& environment) {
  if (!socket_path.empty()) {
    return SocketEndpoint(socket_path);
  }
  if (!environment.endpoint_variable.empty()) {
    return environment.endpoint_variable;
  }
  SIGNET_TRY_ASSIGN(const std::string path, config::DefaultSocketPath("agent", environment.paths));
  return SocketEndpoint(path);
}

}  // namespace

const std::vector<Option>& DeliverOptions() {
  static const std::vector<Option> options = MakeOptions();
  return options;
}

Result<DeliverConfig> LoadDeliverConfig(const std::string& file,
                                        const std::map<std::string, std::string>& flags,
                                        const DeliverEnvironment& environment) {
  SIGNET_TRY_ASSIGN(const config::Values values,
                    config::Load(DeliverOptions(), file, flags, CheckTogether));
  DeliverConfig out;
  SIGNET_TRY_ASSIGN(out.endpoint, EndpointOf(values.String("deliver.socket_path"), environment));
  SIGNET_TRY_ASSIGN(out.log.level, ParseLogLevel(values.String("deliver.log_level")));
  out.log.json = values.String("deliver.log_format") == "json";
  out.log.file = values.String("deliver.log_file");
  out.health.listen = values.String("deliver.health.listen");
  SIGNET_TRY_ASSIGN(out.targets, ReadDeliveryTargets(values, kDeliverTargets));
  return out;
}

std::string SocketEndpoint(const std::string& path) {
  std::string uri = "unix://";
  for (const char c : path) {
    const bool plain = static_cast<unsigned char>(c) > ' ' && c != '%' && c != '?' && c != '#' &&
                       static_cast<unsigned char>(c) < 0x7f;
    uri += plain ? std::string(1, c) : "%" + HexEncode(AsBytes(std::string_view(&c, 1)));
  }
  return uri;
}

}  // namespace signet::agent_cmd
