#include "workload-api/cmd/program.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <ostream>
#include <thread>

#include "core/base/process.h"
#include "workload-api/cmd/agent_options.h"
#include "workload-api/cmd/api_commands.h"
#include "workload-api/cmd/deliver_command.h"
#include "workload-api/cmd/serve.h"

namespace signet::agent_cmd {
namespace {

std::vector<config::Flag> ConfigFlags() {
  std::vector<config::Flag> flags = {{.name = "config", .help = "Configuration file (JSON)."}};
  const std::vector<config::Flag> more = config::SchemaFlags(AgentOptions());
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

Result<AgentConfig> ReadConfig(const config::FlagValues& flags) {
  std::map<std::string, std::string> overrides;
  for (const auto& [name, value] : flags.given) {
    if (name != "config") {
      overrides[name] = value;
    }
  }
  return LoadAgentConfig(flags.Get("config"), overrides, config::Environment::OfThisProcess())
      .Context("the configuration has problems:\n");
}

// WaitForEnd returns when a stop signal came or the agent cannot go on.
Status WaitForEnd(RunningAgent& agent, Logger& logger) {
  std::thread signals([&] {
    logger.Info("stopping", {{"signal", WaitForStopSignal()}});
    agent.Stop();
  });
  const Status ended = agent.Wait();
  if (!ended.ok()) {
    ::kill(::getpid(), SIGTERM);  // lets the thread above go; the signal is blocked everywhere else
  }
  signals.join();
  return ended;
}

Status Run(const Clock& clock, const config::FlagValues& flags) {
  SIGNET_TRY_ASSIGN(AgentConfig agent_config, ReadConfig(flags));
  SIGNET_TRY(HardenProcess());
  BlockStopSignals();
  SIGNET_TRY_ASSIGN(const auto logger, MakeLogger(agent_config.log));
  SystemRandom random;
  SIGNET_TRY_ASSIGN(const auto agent,
                    RunningAgent::Start(std::move(agent_config), {clock, random, *logger}));
  return WaitForEnd(*agent, *logger);
}

Status Validate(const config::FlagValues& flags, config::Io& io) {
  SIGNET_TRY(ReadConfig(flags));
  io.out << "The configuration is valid.\n";
  return {};
}

bool PauseOneSecond() {
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return true;
}

}  // namespace

config::Program AgentProgram(const Clock& clock) {
  config::Program program{"signet-agent", SIGNET_VERSION, {}};
  program.commands.push_back(
      {"run", "Runs the agent until SIGTERM or SIGINT.", ConfigFlags(),
       [&clock](const config::FlagValues& flags, config::Io&) { return Run(clock, flags); }});
  program.commands.push_back({"validate",
                              "Checks a configuration and reports every problem at once.",
                              ConfigFlags(), Validate});
  program.commands.push_back(DeliverCommand(clock));
  for (config::Command& command : ApiCommands({clock, ConnectAgent, PauseOneSecond})) {
    program.commands.push_back(std::move(command));
  }
  return program;
}

}  // namespace signet::agent_cmd
