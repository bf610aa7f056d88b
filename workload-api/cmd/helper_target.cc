#include "workload-api/cmd/helper_target.h"

#include <csignal>
#include <map>
#include <utility>

#include "core/crypto/certificate.h"
#include "workload-api/cmd/child_process.h"

namespace signet::agent_cmd {
namespace {

using delivery::Content;
using delivery::FileSpec;
using delivery::Material;
using delivery::RenderedFile;

constexpr char kIntermediates[] = "intermediates of no file";

int SignalNumber(const std::string& name) {
  static const std::map<std::string, int> numbers = {
      {"", 0},           {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},
      {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}};
  return numbers.at(name);  // LoadHelperConfig has let only these through
}

/// Both runs two actions, both also if one fails, as spiffe-helper does.
class Both final : public reload::Action {
 public:
  Both(std::unique_ptr<Action> a, std::unique_ptr<Action> b) : a_(std::move(a)), b_(std::move(b)) {}
  Status Run(const Files& files, Duration timeout) override {
    const Status first = a_->Run(files, timeout);
    const Status second = b_->Run(files, timeout);
    return first.ok() ? second : first;
  }
  std::string Describe() const override { return a_->Describe() + " and " + b_->Describe(); }

 private:
  const std::unique_ptr<Action> a_;
  const std::unique_ptr<Action> b_;
};

Result<std::unique_ptr<reload::Action>> MakeAction(const HelperConfig& config,
                                                   const HelperRun& run) {
  std::unique_ptr<reload::Action> child;
  if (!config.command.empty()) {
    child = MakeChildAction({.command = config.command,
                             .signal = SignalNumber(config.renew_signal),
                             .umask = run.umask});
  }
  if (config.pid_file.empty()) {
    return child;
  }
  SIGNET_TRY_ASSIGN(auto signal, reload::MakeAction({.kind = "signal",
                                                     .signal = config.renew_signal,
                                                     .pid_file = config.pid_file}));
  return child == nullptr ? std::move(signal)
                          : std::unique_ptr<reload::Action>(
                                std::make_unique<Both>(std::move(child), std::move(signal)));
}

void DropExpired(std::vector<Bytes>& certificates, SystemTime now) {
  std::erase_if(certificates, [now](const Bytes& der) {
    const auto certificate = crypto::Certificate::Parse(der);
    return certificate.ok() && certificate->not_after < now;
  });
}

Material WithoutExpired(const Material& material, SystemTime now) {
  Material out{.id = material.id,
               .hint = material.hint,
               .chain = material.chain,
               .key = material.key.Clone(),
               .not_before = material.not_before,
               .not_after = material.not_after,
               .bundles = material.bundles,
               .cross_certificates = material.cross_certificates};
  for (auto* const set : {&out.bundles, &out.cross_certificates}) {
    for (auto& [trust_domain, certificates] : *set) {
      DropExpired(certificates, now);
    }
  }
  return out;
}

Secret Joined(const Secret& head, const Secret& tail) {
  Bytes bytes = ToBytes(head.RevealSecret());
  Append(bytes, tail.RevealSecret());
  return Secret(std::move(bytes));
}

}  // namespace

// Intermediates stand between our own roots and foreign ones in spiffe-helper's file; the order
// means nothing to those who read it.
Result<std::vector<RenderedFile>> HelperLayout(const HelperConfig& config, const Material& material,
                                               SystemTime now, std::vector<std::string>& left_out) {
  std::vector<FileSpec> specs;
  for (const FileSpec& file : config.target.files) {
    specs.push_back({.name = file.name, .content = file.content, .mode = file.mode});
  }
  const bool move_intermediates =
      config.add_intermediates_to_bundle && config.include_federated_domains;
  if (move_intermediates) {
    specs.push_back({.name = kIntermediates, .content = Content::kIntermediates});
  }
  SIGNET_TRY_ASSIGN(auto files, delivery::Render(config.omit_expired
                                                     ? WithoutExpired(material, now)
                                                     : WithoutExpired(material, SystemTime::min()),
                                                 specs, left_out));
  if (move_intermediates) {
    RenderedFile& bundle = files[files.size() - 2];
    bundle.content = Joined(bundle.content, files.back().content);
    files.pop_back();
  }
  return files;
}

Result<std::unique_ptr<delivery::Target>> MakeHelperTarget(HelperConfig config, HelperRun run,
                                                           const delivery::Target::World& world) {
  if (config.include_federated_domains) {
    config.target.files.back().content =
        run.unconstrained ? Content::kUnconstrainedBundles : Content::kConstrainedBundles;
  }
  delivery::SiteSpec site{.dir = config.target.dir};
  if (config.daemon) {
    SIGNET_TRY_ASSIGN(site.action, MakeAction(config, run));
  }
  const std::string name = config.target.name;
  const delivery::Pace pace = config.target.pace;
  const auto shared = std::make_shared<const HelperConfig>(std::move(config));
  site.render = [shared, &clock = world.clock](const Material& material,
                                               std::vector<std::string>& left_out) {
    return HelperLayout(*shared, material, clock.Now(), left_out);
  };
  return std::make_unique<delivery::Target>(name, delivery::MakeSite(std::move(site)), pace, world);
}

}  // namespace signet::agent_cmd
