// The kinds that run a program: exec, and the three whose program and words are fixed.
#include <algorithm>
#include <functional>

#include "workload-api/reload/kinds.h"
#include "workload-api/reload/program.h"

namespace signet::reload {
namespace {

class ProgramAction final : public Action {
 public:
  /// `judge` looks at what a program printed that ended with status 0.
  using Judge = std::function<Status(const std::string& printed)>;
  ProgramAction(Program program, std::string description, Judge judge = {})
      : program_(std::move(program)),
        description_(std::move(description)),
        judge_(std::move(judge)) {}

  Status Run(const Files&, Duration timeout) override {
    SIGNET_TRY_ASSIGN(const std::string printed, RunProgram(program_, timeout));
    return judge_ ? judge_(printed) : Status();
  }
  std::string Describe() const override { return description_; }

 private:
  Program program_;
  std::string description_;
  Judge judge_;
};

MadeAction Make(Program program, std::string description, ProgramAction::Judge judge = {}) {
  SIGNET_TRY(CheckProgram(program.argv));
  return Made<ProgramAction>(std::move(program), std::move(description), std::move(judge));
}

std::string Or(const std::string& chosen, std::string_view standard) {
  return chosen.empty() ? std::string(standard) : chosen;
}

bool AllIn(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

std::vector<std::string> Rabbitmqctl(const std::string& program, const std::string& node) {
  std::vector<std::string> argv = {program, "--quiet"};
  if (!node.empty()) {
    argv.insert(argv.end(), {"--node", node});
  }
  argv.insert(argv.end(), {"eval", "ssl:clear_pem_cache()."});
  return argv;
}

// Erlang's own client in C. Unlike rabbitmqctl it starts no Erlang, and has to be told the name and
// whether it is a long one. The node names it (-R), so that two at once are not taken for one.
std::vector<std::string> ErlCall(const std::string& program, const std::string& node) {
  const bool long_name = node.find('.', std::min(node.find('@'), node.size())) != std::string::npos;
  return {program,
          "-R",
          long_name ? "-name" : "-sname",
          Or(node, "rabbit"),
          "-a",
          "ssl clear_pem_cache []"};
}

}  // namespace

MadeAction MakeExecAction(const ActionSpec& spec) {
  return Make({.argv = spec.argv}, "run of " + spec.argv[0]);
}

MadeAction MakeSystemdAction(const ActionSpec& spec) {
  // systemd.unit(5): what a name may hold. A leading '-' would be an option.
  if (spec.unit.size() > 255 || spec.unit.starts_with('-') || !AllIn(spec.unit, ":_.\\@-")) {
    return InvalidArgument("\"" + spec.unit.substr(0, 255) + "\" is no name of a systemd unit");
  }
  const std::string verb = Or(spec.verb, "reload");
  if (verb != "reload" && verb != "reload-or-restart" && verb != "restart") {
    return InvalidArgument("\"verb\" is reload, reload-or-restart or restart, not \"" + verb +
                           "\"");
  }
  return Make({.argv = {Or(spec.program, "/usr/bin/systemctl"), "--no-ask-password", verb, "--",
                        spec.unit}},
              "systemctl " + verb + " " + spec.unit);
}

MadeAction MakeMariadbAction(const ActionSpec& spec) {
  Program program{.argv = {Or(spec.program, "/usr/bin/mariadb")}};
  if (!spec.password_file.empty()) {
    SIGNET_TRY(CheckAbsolutePath("password_file", spec.password_file));
    program.argv.push_back("--defaults-extra-file=" + spec.password_file);  // must come first
  }
  if (!spec.socket.empty()) {
    SIGNET_TRY(CheckAbsolutePath("socket", spec.socket));
    program.argv.push_back("--socket=" + spec.socket);
  }
  if (!spec.user.empty()) {
    program.argv.push_back("--user=" + spec.user);
  }
  program.argv.insert(program.argv.end(), {"--batch", "--execute=FLUSH SSL"});
  return Make(std::move(program), "FLUSH SSL in MariaDB");
}

MadeAction MakeRabbitmqAction(const ActionSpec& spec) {
  if (spec.node.starts_with('-') || spec.node.size() > 255 || !AllIn(spec.node, "@._-")) {
    return InvalidArgument("\"" + spec.node.substr(0, 255) + "\" is no name of a RabbitMQ node");
  }
  const std::string path = Or(spec.program, "/usr/sbin/rabbitmqctl");
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  std::vector<std::string> argv =
      name == "erl_call" ? ErlCall(path, spec.node) : Rabbitmqctl(path, spec.node);
  return Make(
      {.argv = std::move(argv), .home = "/var/lib/rabbitmq"},  // where Debian keeps the cookie
      "clearing of RabbitMQ's certificate cache by " + std::string(name),
      [](const std::string& printed) -> Status {
        if (printed != "ok") {
          return FailedPrecondition("RabbitMQ did not clear its certificate cache: " + printed);
        }
        return {};
      });
}

}  // namespace signet::reload
