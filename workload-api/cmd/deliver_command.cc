#include "workload-api/cmd/deliver_command.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>

#include "core/base/process.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/cmd/deliver_options.h"
#include "workload-api/cmd/delivery_health.h"
#include "workload-api/cmd/delivery_source.h"
#include "workload-api/cmd/delivery_targets.h"
#include "workload-api/cmd/health_listener.h"
#include "workload-api/cmd/helper_target.h"

namespace signet::agent_cmd {
namespace {

using delivery::Condition;

std::vector<config::Flag> DeliverFlags() {
  std::vector<config::Flag> flags = {
      {.name = "config", .help = "Configuration file (JSON)."},
      {.name = "helperConfig",
       .help = "Configuration file of spiffe-helper (HCL), instead of -config."},
      {.name = "ignoreJWT",
       .help = "With -helperConfig: ignore its keys of JWT-SVIDs, which are not delivered yet.",
       .boolean = true},
      {.name = "unconstrainedBundles",
       .help = "With -helperConfig and include_federated_domains: write foreign roots as they are. "
               "Each federated trust domain can then forge the IDs of all others.",
       .boolean = true},
      {.name = "check",
       .help = "Check the configuration, report every problem at once, and do nothing.",
       .boolean = true},
      {.name = "once",
       .help = "Deliver once and end: 0 if every target was delivered, else 1.",
       .boolean = true},
      {.name = "timeout",
       .help = "With -once: how long to wait for identities and servers.",
       .default_value = "1m"}};
  const std::vector<config::Flag> more = config::SchemaFlags(DeliverOptions());
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::string EndpointVariable() {
  const char* const endpoint = std::getenv(client::kEndpointVariable);
  return endpoint == nullptr ? "" : endpoint;
}

/// Job is what to deliver, from either kind of file.
struct Job {
  using Targets = std::vector<std::unique_ptr<delivery::Target>>;
  std::string endpoint;
  HealthPlaces health = {};
  LogOptions log = {};
  std::vector<IdentityChoice> choices = {};
  bool constrained = false;  ///< some file holds cross-certificates
  bool once = false;
  std::function<Result<Targets>(const delivery::Target::World&)> targets = {};
};

bool HoldsCrossCertificates(const DeliveryTarget& target) {
  return std::ranges::any_of(target.files, [](const delivery::FileSpec& file) {
    return file.content == delivery::Content::kConstrainedBundles;
  });
}

Result<Job> JobOfConfig(const config::FlagValues& flags) {
  std::map<std::string, std::string> overrides;
  for (const config::Flag& flag : config::SchemaFlags(DeliverOptions())) {
    if (flags.Given(flag.name)) {
      overrides[flag.name] = flags.Get(flag.name);
    }
  }
  SIGNET_TRY_ASSIGN(DeliverConfig read,
                    LoadDeliverConfig(flags.Get("config"), overrides,
                                      {.paths = config::Environment::OfThisProcess(),
                                       .endpoint_variable = EndpointVariable()}));
  Job job{.endpoint = read.endpoint,
          .health = read.health,
          .log = read.log,
          .choices = Choices(read.targets)};
  job.constrained = std::ranges::any_of(read.targets, HoldsCrossCertificates);
  const auto targets = std::make_shared<std::vector<DeliveryTarget>>(std::move(read.targets));
  job.targets = [targets](const delivery::Target::World& world) {
    return MakeTargets(std::move(*targets), world);
  };
  return job;
}

Result<Job> JobOfHelper(const config::FlagValues& flags) {
  const mode_t mask = ::umask(0077);
  SIGNET_TRY_ASSIGN(
      HelperConfig read,
      LoadHelperConfig(flags.Get("helperConfig"),
                       {.ignore_jwt = flags.GetBool("ignoreJWT"),
                        .endpoint_variable = EndpointVariable(),
                        .working_directory = std::filesystem::current_path().string()}));
  Job job{.endpoint = read.endpoint,
          .health = read.health,
          .choices = {read.target.identity},
          .once = !read.daemon};
  job.constrained = read.include_federated_domains && !flags.GetBool("unconstrainedBundles");
  const HelperRun run{.unconstrained = flags.GetBool("unconstrainedBundles"), .umask = mask};
  const auto kept = std::make_shared<HelperConfig>(std::move(read));
  job.targets = [kept, run](const delivery::Target::World& world) -> Result<Job::Targets> {
    Job::Targets targets;
    SIGNET_TRY_ASSIGN(auto target, MakeHelperTarget(std::move(*kept), run, world));
    targets.push_back(std::move(target));
    return targets;
  };
  return job;
}

Result<Job> ReadJob(const config::FlagValues& flags) {
  const bool helper = flags.Given("helperConfig");
  if (helper == flags.Given("config")) {
    return InvalidArgument(
        "expects either -config or -helperConfig: a file that says what is delivered where; see "
        "docs/delivery.md");
  }
  for (const config::Flag& flag : config::SchemaFlags(DeliverOptions())) {
    if (helper && flags.Given(flag.name)) {
      return InvalidArgument("-" + flag.name + " does not go with -helperConfig");
    }
  }
  auto job = helper ? JobOfHelper(flags) : JobOfConfig(flags);
  return std::move(job).Context("the configuration has problems:\n");
}

/// Delivery is a driver and the source that feeds it.
struct Delivery {
  std::unique_ptr<delivery::Driver> driver;
  std::unique_ptr<DeliverySource> source;  // last: it uses the driver and ends first
};

Result<Delivery> Start(const Job& job, const delivery::Target::World& world) {
  SIGNET_TRY_ASSIGN(auto targets, job.targets(world));
  Delivery out;
  out.driver = std::make_unique<delivery::Driver>(std::move(targets));
  out.source = std::make_unique<DeliverySource>(job.choices,
                                                DeliverySource::World{*out.driver, world.logger});
  SIGNET_TRY(out.source->Open(job.endpoint, job.constrained));
  return out;
}

/// Outcome is what -once ends with: which targets failed, and why.
Status Outcome(const delivery::Health& health, const std::string& source_problem) {
  std::string problems;
  for (const delivery::TargetHealth& target : health.targets) {
    if (target.condition == Condition::kDelivered) {
      continue;
    }
    const std::string& why = target.problem.empty() ? source_problem : target.problem;
    problems += "\n" + target.name + ": " + (why.empty() ? "no answer within -timeout" : why) +
                (target.generation.empty() ? "" : " (its files are published)");
  }
  return problems.empty() ? Status() : Status(Unavailable("not delivered:" + problems));
}

Result<std::unique_ptr<HealthListener>> ServeHealth(const Delivery& delivery,
                                                    const HealthPlaces& places) {
  return HealthListener::Start(
      places.listen, [&delivery, places](std::string_view path) -> std::unique_ptr<HealthAnswer> {
        if (path != places.live_path && path != places.ready_path) {
          return nullptr;
        }
        const delivery::Health health = delivery.driver->GetHealth();
        const bool good = path == places.live_path ? health.live : health.ready;
        return std::make_unique<HealthAnswer>(
            HealthAnswer{good, places.brief ? BriefHealthJson(health)
                                            : HealthJson(health, delivery.source->Problem())});
      });
}

Status DeliverOnce(const Delivery& delivery, Duration timeout, config::Io& io) {
  delivery.driver->WaitSettled(timeout);
  const delivery::Health health = delivery.driver->GetHealth();
  for (const delivery::TargetHealth& target : health.targets) {
    if (target.condition == Condition::kDelivered) {
      io.out << target.name << ": delivered " << target.spiffe_id << ", serial " << target.serial
             << ", until " << FormatTime(target.not_after) << "\n";
    }
  }
  return Outcome(health, delivery.source->Problem());
}

Status Deliver(const Clock& clock, const config::FlagValues& flags, config::Io& io) {
  SIGNET_TRY_ASSIGN(const std::int64_t timeout_ms,
                    config::ParseDurationMs(flags.Get("timeout")).Context("-timeout"));
  SIGNET_TRY_ASSIGN(const Job job, ReadJob(flags));
  if (flags.GetBool("check")) {
    io.out << "The configuration is valid.\n";
    return {};
  }
  SIGNET_TRY(HardenProcess());
  BlockStopSignals();
  SIGNET_TRY_ASSIGN(const auto logger, MakeLogger(job.log));
  SIGNET_TRY_ASSIGN(const Delivery delivery, Start(job, {clock, *logger}));
  if (job.once || flags.GetBool("once")) {
    return DeliverOnce(delivery, std::chrono::milliseconds(timeout_ms), io);
  }
  std::unique_ptr<HealthListener> health;
  if (!job.health.listen.empty()) {
    SIGNET_TRY_ASSIGN(health, ServeHealth(delivery, job.health));
  }
  logger->Info("stopping", {{"signal", WaitForStopSignal()}});
  return {};
}

}  // namespace

config::Command DeliverCommand(const Clock& clock) {
  return {"deliver",
          "Writes identities as files for servers that read neither the Workload API nor SDS, "
          "reloads the servers, and looks whether they serve what was written.",
          DeliverFlags(), [&clock](const config::FlagValues& flags, config::Io& io) {
            return Deliver(clock, flags, io);
          }};
}

}  // namespace signet::agent_cmd
