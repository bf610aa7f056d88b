#include "ca/cmd/commands.h"

#include <charconv>
#include <istream>
#include <utility>

#include "core/base/files.h"
#include "core/config/paths.h"
#include "core/spiffe/selector.h"
#include "core/spiffe/spiffe_id.h"
#include "spire/api/types/selector.pb.h"
#include "spire/api/types/spiffeid.pb.h"

namespace signet::ca_cmd {
namespace {

constexpr std::size_t kMaxInputBytes = 16 * 1024 * 1024;

std::string FlagName(std::string_view flag) { return "-" + std::string(flag); }

config::Command MakeCommand(Verb verb, const ServerConnector& connector) {
  config::Command command{
      .name = verb.name, .summary = verb.summary, .flags = verb.flags, .run = {}};
  command.flags.push_back(
      {.name = "socketPath",
       .help = "Unix socket of the server. Default: /run/signet/server/api.sock as root, else "
               "$XDG_RUNTIME_DIR/signet/server/api.sock."});
  command.flags.push_back({.name = "output", .help = "pretty or json.", .default_value = "pretty"});
  command.run = [run = std::move(verb.run), connector](const config::FlagValues& flags,
                                                       config::Io& io) -> Status {
    const std::string output = flags.Get("output");
    if (output != "pretty" && output != "json") {
      return InvalidArgument("-output expects \"pretty\" or \"json\"");
    }
    Session session(flags, io, connector);
    return run(session);
  };
  return command;
}

}  // namespace

Status Session::Call(std::string_view method, const google::protobuf::Message& request,
                     google::protobuf::Message& response) {
  if (api_ == nullptr) {
    std::string path = flags.Get("socketPath");
    if (path.empty()) {
      SIGNET_TRY_ASSIGN(path,
                        config::DefaultSocketPath("server", config::Environment::OfThisProcess()));
    }
    SIGNET_TRY_ASSIGN(api_, connect_(path));
  }
  return api_->Call(method, request, response);
}

Status Session::Print(const google::protobuf::Message& response,
                      const std::function<Status()>& pretty) {
  return json() ? PrintJson(response, io.out) : pretty();
}

std::vector<config::Command> AdminCommands(ServerConnector connector) {
  std::vector<config::Command> commands;
  for (auto* verbs : {&EntryVerbs, &EntryQueryVerbs, &AgentVerbs, &BundleVerbs, &AuthorityVerbs}) {
    for (Verb& verb : verbs()) {
      commands.push_back(MakeCommand(std::move(verb), connector));
    }
  }
  return commands;
}

Status ParseId(std::string_view text, spire::api::types::SPIFFEID& out) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id, spiffe::SpiffeId::Parse(text));
  out.set_trust_domain(id.trust_domain().name());
  out.set_path(id.path());
  return {};
}

Status ReadId(const config::FlagValues& flags, std::string_view flag,
              spire::api::types::SPIFFEID& out) {
  const std::string text = flags.Get(flag);
  if (text.empty()) {
    return InvalidArgument(FlagName(flag) + " is required");
  }
  return ParseId(text, out).Context(FlagName(flag));
}

Status ParseSelector(std::string_view text, spire::api::types::Selector& out) {
  SIGNET_TRY_ASSIGN(const spiffe::Selector selector, spiffe::Selector::Parse(text));
  out.set_type(selector.type);
  out.set_value(selector.value);
  return {};
}

Result<std::int64_t> ReadNumber(const config::FlagValues& flags, std::string_view flag,
                                std::int64_t max) {
  const std::string text = flags.Get(flag);
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > max) {
    return InvalidArgument(FlagName(flag) + " takes a whole number from 0 to " +
                           std::to_string(max));
  }
  return number;
}

Result<int> ReadMatch(const config::FlagValues& flags, std::string_view flag) {
  using spire::api::types::SelectorMatch;
  const std::string text = flags.Get(flag);
  if (text == "exact") {
    return static_cast<int>(SelectorMatch::MATCH_EXACT);
  }
  if (text == "any") {
    return static_cast<int>(SelectorMatch::MATCH_ANY);
  }
  if (text == "superset") {
    return static_cast<int>(SelectorMatch::MATCH_SUPERSET);
  }
  if (text == "subset") {
    return static_cast<int>(SelectorMatch::MATCH_SUBSET);
  }
  return InvalidArgument(FlagName(flag) + " expects exact, any, superset or subset");
}

Result<std::string> ReadInput(const std::string& path, config::Io& io) {
  if (path != "-") {
    SIGNET_TRY_ASSIGN(const Bytes content, ReadFile(path, kMaxInputBytes));
    return ToString(content);
  }
  std::string content(kMaxInputBytes + 1, '\0');
  io.in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(io.in.gcount()));
  if (content.size() > kMaxInputBytes) {
    return InvalidArgument("standard input is larger than " + std::to_string(kMaxInputBytes) +
                           " bytes");
  }
  return content;
}

}  // namespace signet::ca_cmd
