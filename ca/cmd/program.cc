#include "ca/cmd/program.h"

#include <map>
#include <ostream>

#include "ca/cmd/commands.h"
#include "ca/cmd/serve.h"
#include "ca/cmd/server_options.h"
#include "core/base/process.h"

namespace signet::ca_cmd {
namespace {

std::vector<config::Flag> ConfigFlags() {
  std::vector<config::Flag> flags = {{.name = "config", .help = "Configuration file (JSON)."}};
  const std::vector<config::Flag> more = config::SchemaFlags(ServerOptions());
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

Result<ServerConfig> ReadConfig(const config::FlagValues& flags) {
  std::map<std::string, std::string> overrides;
  for (const auto& [name, value] : flags.given) {
    if (name != "config") {
      overrides[name] = value;
    }
  }
  return LoadServerConfig(flags.Get("config"), overrides, config::Environment::OfThisProcess())
      .Context("the configuration has problems:\n");
}

Status Run(const config::FlagValues& flags, config::Io&) {
  SIGNET_TRY_ASSIGN(const ServerConfig server_config, ReadConfig(flags));
  SIGNET_TRY(HardenProcess());
  BlockStopSignals();
  SIGNET_TRY_ASSIGN(const auto logger, MakeLogger(server_config.log));
  const RealClock clock;
  SystemRandom random;
  const auto wait = [&] { logger->Info("stopping", {{"signal", WaitForStopSignal()}}); };
  return Serve(
      server_config, {clock, random, *logger}, [](const RunningServer&) {}, wait);
}

Status Validate(const config::FlagValues& flags, config::Io& io) {
  SIGNET_TRY(ReadConfig(flags));
  io.out << "The configuration is valid.\n";
  return {};
}

}  // namespace

config::Program ServerProgram() {
  config::Program program{"signet-server", SIGNET_VERSION, {}};
  program.commands.push_back(
      {"run", "Runs the server until SIGTERM or SIGINT.", ConfigFlags(), Run});
  program.commands.push_back({"validate",
                              "Checks a configuration and reports every problem at once.",
                              ConfigFlags(), Validate});
  for (config::Command& command : AdminCommands(ConnectServer)) {
    program.commands.push_back(std::move(command));
  }
  return program;
}

}  // namespace signet::ca_cmd
