#include "workload-api/reload/action.h"

#include <algorithm>
#include <span>

#include "workload-api/reload/kinds.h"

namespace signet::reload {
namespace {

using Words = std::vector<std::string_view>;

struct Field {
  std::string_view name;
  bool (*given)(const ActionSpec& spec);
};

constexpr Field kFields[] = {
    {"signal", [](const ActionSpec& s) { return !s.signal.empty(); }},
    {"pid_file", [](const ActionSpec& s) { return !s.pid_file.empty(); }},
    {"argv", [](const ActionSpec& s) { return !s.argv.empty(); }},
    {"unit", [](const ActionSpec& s) { return !s.unit.empty(); }},
    {"verb", [](const ActionSpec& s) { return !s.verb.empty(); }},
    {"socket", [](const ActionSpec& s) { return !s.socket.empty(); }},
    {"program", [](const ActionSpec& s) { return !s.program.empty(); }},
    {"certificate", [](const ActionSpec& s) { return !s.certificate.empty(); }},
    {"ca_file", [](const ActionSpec& s) { return !s.ca_file.empty(); }},
    {"data_dir", [](const ActionSpec& s) { return !s.data_dir.empty(); }},
    {"node", [](const ActionSpec& s) { return !s.node.empty(); }},
    {"user", [](const ActionSpec& s) { return !s.user.empty(); }},
    {"password_file", [](const ActionSpec& s) { return !s.password_file.empty(); }},
    {"files", [](const ActionSpec& s) { return !s.files.empty(); }},
};

struct Kind {
  std::string_view name;
  Words required;
  Words optional;
  Words roles;
  MadeAction (*make)(const ActionSpec& spec);
};

std::span<const Kind> Kinds() {
  static const Kind kKinds[] = {
      {"signal", {"pid_file"}, {"signal"}, {}, MakeSignalAction},
      {"exec", {"argv"}, {}, {}, MakeExecAction},
      {"systemd", {"unit"}, {"verb", "program"}, {}, MakeSystemdAction},
      {"haproxy",
       {"socket", "files"},
       {"certificate", "ca_file", "pid_file"},
       {"certificate", "key", "combined", "ca"},
       MakeHaproxyAction},
      {"postgresql", {"data_dir"}, {}, {}, MakePostgresqlAction},
      {"redis",
       {"socket", "files"},
       {"user", "password_file"},
       {"certificate", "key", "ca"},
       MakeRedisAction},
      {"mariadb", {}, {"socket", "user", "password_file", "program"}, {}, MakeMariadbAction},
      {"caddy", {"socket"}, {}, {}, MakeCaddyAction},
      {"rabbitmq", {}, {"node", "program"}, {}, MakeRabbitmqAction},
  };
  return kKinds;
}

bool Has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string List(const Words& words) {
  std::string text;
  for (const std::string_view word : words) {
    text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

Status CheckFields(const Kind& kind, const ActionSpec& spec) {
  const std::string action = "reload action \"" + std::string(kind.name) + "\"";
  for (const Field& field : kFields) {
    const bool given = field.given(spec);
    if (!given && Has(kind.required, field.name)) {
      return InvalidArgument(action + " needs \"" + std::string(field.name) + "\"");
    }
    if (given && !Has(kind.required, field.name) && !Has(kind.optional, field.name)) {
      const std::string needs = List(kind.required);
      const std::string may = List(kind.optional);
      return InvalidArgument(action + " does not take \"" + std::string(field.name) +
                             "\"; it needs: " + (needs.empty() ? "nothing" : needs) +
                             "; it may have: " + (may.empty() ? "nothing more" : may));
    }
  }
  for (const auto& [role, file] : spec.files) {
    if (!Has(kind.roles, role)) {
      return InvalidArgument(action + " has no use for a file in the role \"" + role +
                             "\"; it takes: " + List(kind.roles));
    }
  }
  return {};
}

}  // namespace

MadeAction MakeAction(const ActionSpec& spec) {
  for (const Kind& kind : Kinds()) {
    if (kind.name == spec.kind) {
      SIGNET_TRY(CheckFields(kind, spec));
      return kind.make(spec);
    }
  }
  std::string known;
  for (const std::string_view name : ActionKinds()) {
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return InvalidArgument("there is no reload action \"" + spec.kind + "\"; there are: " + known);
}

std::vector<std::string_view> ActionKinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : Kinds()) {
    names.push_back(kind.name);
  }
  return names;
}

Status CheckAbsolutePath(std::string_view field, const std::string& path) {
  const bool control = std::any_of(path.begin(), path.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < ' '; });
  if (!path.starts_with('/') || path.size() > 4000 || control) {
    return InvalidArgument("\"" + std::string(field) + "\" must be an absolute path");
  }
  return {};
}

Result<std::string> PathOf(const ActionSpec& spec, const std::string& role,
                           const Action::Files& files) {
  const auto name = spec.files.find(role);
  if (name == spec.files.end()) {
    return std::string();
  }
  const auto path = files.find(name->second);
  if (path == files.end()) {
    return InvalidArgument("reload action \"" + spec.kind + "\" takes \"" + role + "\" from \"" +
                           name->second + "\", but the target has no file of that name");
  }
  return path->second;
}

std::string OneLine(std::string_view said, std::size_t max) {
  std::string text(said.substr(0, max));
  for (char& c : text) {
    c = c < ' ' || c > '~' ? ' ' : c;
  }
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace signet::reload
