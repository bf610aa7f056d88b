#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ca/cmd/output.h"
#include "ca/cmd/server_api.h"
#include "core/base/result.h"
#include "core/config/command_line.h"

namespace spire::api::types {
class Selector;
}  // namespace spire::api::types

namespace signet::ca_cmd {

/// Session is one run of an administrative command. It connects at the first call, so that a wrong
/// flag is told without a server.
class Session {
 public:
  Session(const config::FlagValues& flag_values, config::Io& streams,
          const ServerConnector& connector)
      : flags(flag_values), io(streams), connect_(connector) {}

  const config::FlagValues& flags;
  config::Io& io;

  bool json() const { return flags.Get("output") == "json"; }
  Status Call(std::string_view method, const google::protobuf::Message& request,
              google::protobuf::Message& response);
  /// Print writes the response as JSON if asked for, else lets `pretty` write it.
  Status Print(const google::protobuf::Message& response, const std::function<Status()>& pretty);

 private:
  const ServerConnector& connect_;
  std::unique_ptr<ServerApi> api_;
};

/// Verb is an administrative command before the common flags are added.
struct Verb {
  std::string name;
  std::string summary;
  std::vector<config::Flag> flags;
  std::function<Status(Session&)> run;
};

/// AdminCommands lists every command that talks to a running server.
std::vector<config::Command> AdminCommands(ServerConnector connector);

std::vector<Verb> EntryVerbs();       ///< create, update, delete
std::vector<Verb> EntryQueryVerbs();  ///< show, count
std::vector<Verb> AgentVerbs();       ///< agents and join tokens
std::vector<Verb> BundleVerbs();
std::vector<Verb> AuthorityVerbs();  ///< authorities, minting, health

/// The rest reads flags; INVALID_ARGUMENT names the flag.

/// ReadId fills an ID from a flag that must be there.
Status ReadId(const config::FlagValues& flags, std::string_view flag,
              spire::api::types::SPIFFEID& out);
/// ParseId fills an ID from text.
Status ParseId(std::string_view text, spire::api::types::SPIFFEID& out);
Status ParseSelector(std::string_view text, spire::api::types::Selector& out);
Result<std::int64_t> ReadNumber(const config::FlagValues& flags, std::string_view flag,
                                std::int64_t max);
/// ReadMatch gives the number of a match behaviour ("exact", "any", "superset", "subset"), which is
/// the same for selectors and trust domains.
Result<int> ReadMatch(const config::FlagValues& flags, std::string_view flag);
/// ReadInput reads a file, or standard input for "-"; at most 16 MiB.
Result<std::string> ReadInput(const std::string& path, config::Io& io);

}  // namespace signet::ca_cmd
