#include <map>
#include <set>

#include "core/base/files.h"
#include "workload-api/cmd/delivery_options.h"

namespace signet::agent_cmd {
namespace {

using config::Values;

constexpr std::size_t kMaxPasswordBytes = 4096;

/// TargetReader reads one target of checked or half-checked values.
class TargetReader {
 public:
  TargetReader(const Values& values, std::string path, std::string name)
      : values_(values), path_(std::move(path)), name_(std::move(name)) {}

  std::string Text(const std::string& key) const { return values_.String(path_ + "." + key); }
  bool Given(const std::string& key) const { return values_.Given(path_ + "." + key); }
  /// Selectors: inside the agent alone.
  std::vector<std::string> Selectors() const { return values_.List(path_ + ".selectors"); }
  /// Place is "file.json:12: a.b: " of a key that was set.
  std::string Place(const std::string& key) const {
    const std::string path = path_ + (key.empty() ? "" : "." + key);
    return values_.cells.find(path)->second.place + ": " + path + ": ";
  }

  std::vector<delivery::FileSpec> Files() const {
    std::vector<delivery::FileSpec> files;
    for (const std::string& name : values_.Names(path_ + ".files")) {
      const std::string file = Values::PathOf(path_ + ".files", name);
      const auto content = delivery::ContentOf(values_.String(file + ".content"));
      const auto mode = ParseMode(values_.String(file + ".mode"));
      if (!content) {
        continue;  // it has had its message
      }
      files.push_back({.name = name,
                       .content = *content,
                       .mode = mode.value_or(0),
                       .owner = values_.String(file + ".owner"),
                       .group = values_.String(file + ".group")});
    }
    return files;
  }
  std::string PasswordFile(const std::string& name) const {
    return values_.String(Values::PathOf(path_ + ".files", name) + ".password_file");
  }

  std::optional<reload::ActionSpec> Reload() const {
    if (!Given("reload")) {
      return std::nullopt;
    }
    reload::ActionSpec spec{.kind = Text("reload.kind"),
                            .signal = Text("reload.signal"),
                            .pid_file = Text("reload.pid_file"),
                            .argv = values_.List(path_ + ".reload.argv"),
                            .unit = Text("reload.unit"),
                            .verb = Text("reload.verb"),
                            .socket = Text("reload.socket"),
                            .program = Text("reload.program"),
                            .certificate = Text("reload.certificate"),
                            .ca_file = Text("reload.ca_file"),
                            .data_dir = Text("reload.data_dir"),
                            .node = Text("reload.node"),
                            .user = Text("reload.user"),
                            .password_file = Text("reload.password_file")};
    for (const char* const role : kReloadRoles) {
      if (const std::string file = Text(std::string("reload.files.") + role); !file.empty()) {
        spec.files[role] = file;
      }
    }
    return spec;
  }

  std::optional<reload::ProbeSpec> Verify() const {
    if (!Given("verify")) {
      return std::nullopt;
    }
    return reload::ProbeSpec{.address = Text("verify.address"),
                             .protocol = Text("verify.protocol"),
                             .server_name = Text("verify.server_name"),
                             .timeout = Time("verify.timeout")};
  }

  Duration Time(const std::string& key) const {
    return std::chrono::milliseconds(values_.Milliseconds(path_ + "." + key));
  }

  Result<DeliveryTarget> Read(bool in_agent) const {
    DeliveryTarget target{.name = name_, .dir = Text("dir")};
    if (Given("spiffe_id")) {
      SIGNET_TRY_ASSIGN(target.identity.id, spiffe::SpiffeId::Parse(Text("spiffe_id")));
    }
    target.identity.hint = Text("hint");
    for (const std::string& text : in_agent ? Selectors() : std::vector<std::string>()) {
      SIGNET_TRY_ASSIGN(auto selector, spiffe::Selector::Parse(text));
      target.selectors.push_back(std::move(selector));
    }
    target.files = Files();
    target.reload = Reload();
    target.reload_timeout = Time("reload.timeout");
    target.verify = Verify();
    target.pace.verify_within = Time("verify.within");
    target.pace.verify_again = Time("verify.interval");
    return target;
  }

 private:
  const Values& values_;
  const std::string path_;
  const std::string name_;
};

Result<Secret> ReadPassword(const std::string& path) {
  SIGNET_TRY_ASSIGN(Bytes file, ReadSecretFile(path, kMaxPasswordBytes));
  while (!file.empty() && (file.back() == '\n' || file.back() == '\r')) {
    file.pop_back();
  }
  return Secret(std::move(file));
}

/// AddPasswords is apart, so that a configuration is judged before files are opened.
Status AddPasswords(const TargetReader& reader, std::vector<delivery::FileSpec>& files) {
  for (delivery::FileSpec& file : files) {
    if (const std::string path = reader.PasswordFile(file.name); !path.empty()) {
      SIGNET_TRY_ASSIGN(file.password,
                        ReadPassword(path).Context("the password of file \"" + file.name + "\""));
    }
  }
  return {};
}

void CheckServer(const TargetReader& reader, const std::set<std::string>& names,
                 std::vector<std::string>& problems) {
  if (const auto reload = reader.Reload()) {
    const auto action =
        reload->kind.empty() ? InvalidArgument("kind: is required") : reload::MakeAction(*reload);
    if (!action.ok()) {
      problems.push_back(reader.Place("reload") + action.error().message);
    }
    for (const auto& [role, file] : reload->files) {
      if (names.count(file) == 0) {
        problems.push_back(reader.Place("reload.files." + role) + "the target has no file \"" +
                           file + "\"");
      }
    }
  }
  if (const auto probe = reader.Verify()) {
    const Status good = probe->address.empty() ? Status(InvalidArgument("address: is required"))
                                               : reload::CheckProbeSpec(*probe);
    if (!good.ok()) {
      problems.push_back(reader.Place("verify") + good.error().message);
    }
  }
}

void CheckTarget(const TargetReader& reader, bool in_agent, std::vector<std::string>& problems) {
  if (in_agent && reader.Given("selectors") && reader.Selectors().empty()) {
    problems.push_back(reader.Place("selectors") + "is required; name at least one selector");
  }
  std::vector<delivery::FileSpec> files = reader.Files();
  std::set<std::string> names;
  for (const delivery::FileSpec& file : files) {
    names.insert(file.name);
  }
  if (files.empty()) {
    problems.push_back(reader.Place("") + "files: is required; name at least one file");
  }
  Status good = AddPasswords(reader, files);
  if (good.ok()) {
    good = delivery::CheckFileSpecs(files);
  }
  if (!good.ok()) {
    problems.push_back(reader.Place("") + "files: " + good.error().message);
  }
  CheckServer(reader, names, problems);
}

}  // namespace

std::vector<std::string> CheckDeliveryTargets(const Values& values, const std::string& targets) {
  std::vector<std::string> problems;
  std::map<std::string, std::string> by_dir;
  for (const std::string& name : values.Names(targets)) {
    const std::string path = Values::PathOf(targets, name);
    if (!values.Given(path)) {
      continue;  // it is no object, and has had its message
    }
    const TargetReader reader(values, path, name);
    CheckTarget(reader, targets == kAgentTargets, problems);
    const std::string dir = reader.Text("dir");
    const auto [first, fresh] = by_dir.emplace(dir, name);
    if (!fresh && !dir.empty()) {
      problems.push_back(reader.Place("dir") + "target \"" + first->second +
                         "\" has this folder already");
    }
  }
  return problems;
}

Result<std::vector<DeliveryTarget>> ReadDeliveryTargets(const Values& values,
                                                        const std::string& targets) {
  std::vector<DeliveryTarget> out;
  for (const std::string& name : values.Names(targets)) {
    const TargetReader reader(values, Values::PathOf(targets, name), name);
    SIGNET_TRY_ASSIGN(DeliveryTarget target, reader.Read(targets == kAgentTargets));
    SIGNET_TRY(AddPasswords(reader, target.files).Context("target " + name));
    out.push_back(std::move(target));
  }
  return out;
}

}  // namespace signet::agent_cmd
