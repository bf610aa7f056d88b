#include "workload-api/cmd/api_commands.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "core/config/paths.h"
#include "core/config/schema.h"
#include "workload-api/cmd/received_svids.h"
#include "workload-api/cmd/sds_command.h"
#include "workload.pb.h"

namespace signet::agent_cmd {
namespace {

const config::Flag kSocketFlag = {
    .name = "socketPath",
    .help =
        "Unix socket of the agent. Default: /run/signet/agent/api.sock as root, else "
        "$XDG_RUNTIME_DIR/signet/agent/api.sock."};

Result<std::unique_ptr<WorkloadClient>> Connect(const ApiWorld& world,
                                                const config::FlagValues& flags) {
  std::string path = flags.Get("socketPath");
  if (path.empty()) {
    SIGNET_TRY_ASSIGN(path,
                      config::DefaultSocketPath("agent", config::Environment::OfThisProcess()));
  }
  return world.connect(path);
}

// Explain adds to the agent's refusal what a person can do about it.
Status Explain(Status status) {
  if (status.code() == Code::kPermissionDenied) {
    return std::move(status).Context(
        "the agent has no identity for this process; is there an entry whose selectors it "
        "matches?");
  }
  if (status.code() == Code::kDeadlineExceeded) {
    return Error{Code::kDeadlineExceeded,
                 "the agent did not answer in time; see its log, or wait longer with -timeout"};
  }
  return status;
}

Status PrintJson(const X509SVIDResponse& response, std::ostream& out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(response, &text, options);
  if (!status.ok()) {
    return Internal("the answer cannot be written as JSON: " + status.ToString());
  }
  out << nlohmann::json::parse(text, nullptr, false).dump() << "\n";
  return {};
}

struct FetchOptions {
  Duration timeout;
  std::string folder;
  bool json = false;
  bool silent = false;
};

Result<FetchOptions> ReadFetchOptions(const config::FlagValues& flags) {
  SIGNET_TRY_ASSIGN(const std::int64_t ms,
                    config::ParseDurationMs(flags.Get("timeout")).Context("-timeout"));
  const std::string output = flags.Get("output");
  if (output != "pretty" && output != "json") {
    return InvalidArgument("-output expects \"pretty\" or \"json\"");
  }
  FetchOptions out{.timeout = std::chrono::milliseconds(ms),
                   .folder = flags.Get("write"),
                   .json = output == "json",
                   .silent = flags.GetBool("silent")};
  if (out.json && !out.folder.empty()) {
    return InvalidArgument("-write and -output json do not go together");
  }
  return out;
}

Status FetchX509(const ApiWorld& world, const config::FlagValues& flags, config::Io& io) {
  SIGNET_TRY_ASSIGN(const FetchOptions options, ReadFetchOptions(flags));
  SIGNET_TRY_ASSIGN(const auto client, Connect(world, flags));
  const MonoTime start = world.clock.Mono();
  X509SVIDResponse response;
  SIGNET_TRY(Explain(client->WatchX509(options.timeout, [&](const X509SVIDResponse& received) {
    response = received;
    return false;
  })));
  const Duration after = world.clock.Mono() - start;
  SIGNET_TRY_ASSIGN(const ReceivedSvids received, ReadSvids(response, world.clock.Now()));
  if (options.json) {
    return PrintJson(response, io.out);
  }
  if (!options.silent) {
    PrintSvids(received, after, io.out);
  }
  return options.folder.empty() ? Status() : WriteSvids(received, options.folder, io.out);
}

Status Watch(const ApiWorld& world, const config::FlagValues& flags, config::Io& io) {
  MonoTime since = world.clock.Mono();
  do {
    auto client = Connect(world, flags);
    const Status ended = client.ok()
                             ? (*client)->WatchX509(Duration::zero(),
                                                    [&](const X509SVIDResponse& response) {
                                                      const auto read =
                                                          ReadSvids(response, world.clock.Now());
                                                      if (read.ok()) {
                                                        const MonoTime now = world.clock.Mono();
                                                        PrintSvids(*read, now - since, io.out);
                                                        io.out.flush();
                                                        since = now;
                                                      } else {
                                                        io.err << read.error().message << "\n";
                                                      }
                                                      return static_cast<bool>(io.out);
                                                    })
                             : Status(client.error());
    if (ended.ok()) {
      return {};  // nobody reads the output any more
    }
    io.err << Explain(ended).error().message << "\n";
  } while (world.pause());
  return {};
}

Status Healthcheck(const ApiWorld& world, const config::FlagValues& flags, config::Io& io) {
  if (flags.GetBool("verbose")) {
    io.out << "Checking agent health...\n";
  }
  const auto check = [&]() -> Status {
    SIGNET_TRY_ASSIGN(const auto client, Connect(world, flags));
    return client->Healthy();
  };
  SIGNET_TRY(check().Context("agent is unhealthy"));
  io.out << "Agent is healthy.\n";
  return {};
}

Status ListSecretStreams(const ApiWorld& world, const config::FlagValues& flags, config::Io& io) {
  const std::string output = flags.Get("output");
  if (output != "pretty" && output != "json") {
    return InvalidArgument("-output expects \"pretty\" or \"json\"");
  }
  SIGNET_TRY_ASSIGN(const auto client, Connect(world, flags));
  return ShowSecretStreams(*client, world.clock.Now(), output == "json", io.out);
}

}  // namespace

std::vector<config::Command> ApiCommands(const ApiWorld& world) {
  const auto bind = [&world](auto function) {
    return [world, function](const config::FlagValues& flags, config::Io& io) {
      return function(world, flags, io);
    };
  };
  return {
      {"healthcheck",
       "Asks the agent whether it serves.",
       {{.name = "shallow",
         .help = "Accepted for SPIRE's sake; the check is the same.",
         .boolean = true},
        {.name = "verbose", .help = "Say more.", .boolean = true},
        kSocketFlag},
       bind(Healthcheck)},
      {"api fetch x509",
       "Fetches this process's X509-SVIDs, checks and shows them.",
       {kSocketFlag,
        {.name = "timeout", .help = "How long to wait for the answer.", .default_value = "5s"},
        {.name = "write", .help = "Folder for the SVIDs, keys and bundles as PEM files."},
        {.name = "silent", .help = "Print nothing but what was written.", .boolean = true},
        {.name = "output", .help = "pretty or json.", .default_value = "pretty"}},
       bind(FetchX509)},
      {"api watch",
       "Shows this process's X509-SVIDs at every change, until it is interrupted.",
       {kSocketFlag},
       bind(Watch)},
      {"api sds",
       "Shows the open SDS streams, what each has and what it refused: all to root and the agent's "
       "user, to others their own.",
       {kSocketFlag, {.name = "output", .help = "pretty or json.", .default_value = "pretty"}},
       bind(ListSecretStreams)},
  };
}

}  // namespace signet::agent_cmd
