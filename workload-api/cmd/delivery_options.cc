#include "workload-api/cmd/delivery_options.h"

#include <charconv>
#include <iterator>

#include "core/config/option_checks.h"

namespace signet::agent_cmd {
namespace {

using config::Option;
using config::Type;

constexpr int kOctal = 8;
constexpr mode_t kAllModeBits = 07777;

std::string AbsoluteProblem(const std::string& text) {
  return text.starts_with('/') && text.size() > 1 ? "" : "expects an absolute path";
}

std::string SpiffeIdProblem(const std::string& text) {
  return config::ProblemOf(spiffe::SpiffeId::Parse(text));
}

std::string SelectorProblem(const std::string& text) {
  return config::ProblemOf(spiffe::Selector::Parse(text));
}

std::string FileNameProblem(const std::string& text) {
  return config::ProblemOf(delivery::CheckFileName(text));
}

std::string ContentProblem(const std::string& text) {
  if (delivery::ContentOf(text)) {
    return "";
  }
  return "expects chain, leaf, intermediates, key, key_and_chain, chain_and_key, bundle, "
         "bundle_and_intermediates, constrained_bundles, unconstrained_bundles, "
         "trust_domain_bundles, bundle_map or pkcs12";
}

std::string ModeProblem(const std::string& text) {
  return ParseMode(text) ? "" : "expects an octal mode in quotes, such as \"0640\"";
}

void AddTarget(const std::string& target, bool in_agent, std::vector<Option>& out) {
  out.push_back({.path = target, .type = Type::kBlock, .help = "A folder that identities go to."});
  out.push_back({.path = target + ".dir",
                 .help =
                     "The folder; it is made if its parent is there. Others must not be able to "
                     "write to it.",
                 .required = true,
                 .validate = AbsoluteProblem});
  if (in_agent) {
    out.push_back({.path = target + ".selectors",
                   .type = Type::kStringList,
                   .help = "Selectors of the workload whose identities the target gets, e.g. "
                           "\"unix:user:nginx\".",
                   .required = true,
                   .validate = SelectorProblem});
  }
  out.push_back({.path = target + ".spiffe_id",
                 .help = "Which identity, if there are several. Default: the first.",
                 .validate = SpiffeIdProblem});
  out.push_back({.path = target + ".hint",
                 .help = "Which identity, by the hint of its entry.",
                 .validate = config::NotEmptyProblem});
}

void AddFiles(const std::string& file, std::vector<Option>& out) {
  out.insert(
      out.end(),
      {{.path = file,
        .type = Type::kBlock,
        .help = "One file of the folder; its name is the key.",
        .validate = FileNameProblem},
       {.path = file + ".content",
        .help = "What it holds, see docs/delivery.md: chain, leaf, intermediates, key, "
                "key_and_chain, chain_and_key, bundle, bundle_and_intermediates, "
                "constrained_bundles, unconstrained_bundles, trust_domain_bundles, bundle_map or "
                "pkcs12.",
        .required = true,
        .validate = ContentProblem},
       {.path = file + ".mode",
        .help = "Octal mode in quotes. Default: \"0600\" if it holds a key, else \"0644\".",
        .validate = ModeProblem},
       {.path = file + ".owner",
        .help = "User, name or number. Default: whoever runs this.",
        .validate = config::NotEmptyProblem},
       {.path = file + ".group",
        .help = "Group, name or number. Default: the owner's.",
        .validate = config::NotEmptyProblem},
       {.path = file + ".password_file",
        .help = "File of the password of a pkcs12, for its owner alone.",
        .validate = AbsoluteProblem}});
}

void AddReload(const std::string& reload, std::vector<Option>& out) {
  const auto text = [&](const char* key, const char* help) {
    out.push_back({.path = reload + "." + key, .help = help, .validate = config::NotEmptyProblem});
  };
  out.push_back({.path = reload,
                 .type = Type::kBlock,
                 .help = "How the server is told of new files. Without it the server looks by "
                         "itself."});
  text("kind",
       "signal, exec, systemd, haproxy, postgresql, redis, mariadb, caddy or rabbitmq. Required "
       "with the block.");
  text("signal", "signal: HUP (default), INT, QUIT, TERM, USR1, USR2 or WINCH.");
  text("pid_file", "signal: file of the server's process id.");
  out.push_back({.path = reload + ".argv",
                 .type = Type::kStringList,
                 .help = "exec: absolute program and its arguments; there is no shell."});
  text("unit", "systemd: the unit to reload.");
  text("verb", "systemd: reload (default), reload-or-restart or restart.");
  text("socket", "haproxy, redis, mariadb: Unix socket; redis, caddy: also host:port.");
  text("program",
       "systemd, mariadb, rabbitmq: the client, if it is not where Debian has it. For rabbitmq an "
       "erl_call is called as such.");
  text("certificate", "haproxy: the certificate's name in \"show ssl cert\".");
  text("ca_file", "haproxy: the CA file's name in \"show ssl ca-file\".");
  text("data_dir", "postgresql: its data directory.");
  text("node", "rabbitmq: name of the node. Default: the client's.");
  text("user", "redis, mariadb: who signs in.");
  text("password_file", "redis: file of the password; mariadb: option file.");
  out.push_back({.path = reload + ".timeout",
                 .type = Type::kDuration,
                 .default_value = "10s",
                 .help = "How long one attempt may take.",
                 .validate = config::PositiveDurationProblem});
  for (const char* const role : kReloadRoles) {
    out.push_back({.path = reload + ".files." + role,
                   .help = "haproxy, redis: the target's file that the server knows as this.",
                   .validate = FileNameProblem});
  }
}

void AddVerify(const std::string& verify, std::vector<Option>& out) {
  const Option more[] = {
      {.path = verify,
       .type = Type::kBlock,
       .help = "Where the server can be seen to serve the new certificate."},
      {.path = verify + ".address",
       .help = "host:port, [v6]:port, or the absolute path of a Unix socket. Required with the "
               "block.",
       .validate = config::NotEmptyProblem},
      {.path = verify + ".protocol",
       .default_value = "tls",
       .help = "tls, or what is spoken before TLS: postgresql, mysql, nats, smtp, imap or ldap."},
      {.path = verify + ".server_name",
       .help = "Server name to ask for (SNI). Default: none.",
       .validate = config::NotEmptyProblem},
      {.path = verify + ".timeout",
       .type = Type::kDuration,
       .default_value = "5s",
       .help = "How long one look may take.",
       .validate = config::PositiveDurationProblem},
      {.path = verify + ".within",
       .type = Type::kDuration,
       .default_value = "10s",
       .help = "How long after the reload the server may still show the old certificate; then the "
               "target is unhealthy and the reload is repeated.",
       .validate = config::PositiveDurationProblem},
      {.path = verify + ".interval",
       .type = Type::kDuration,
       .default_value = "1m",
       .help = "How often a server that was seen to serve is looked at again. 0s: never."},
  };
  out.insert(out.end(), std::begin(more), std::end(more));
}

}  // namespace

std::optional<mode_t> ParseMode(const std::string& text) {
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, kOctal);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  return whole && mode != 0 && mode <= kAllModeBits ? std::optional(mode) : std::nullopt;
}

std::vector<Option> DeliveryTargetOptions(const std::string& targets) {
  std::vector<Option> options;
  const std::string target = targets + ".*";
  AddTarget(target, targets == kAgentTargets, options);
  AddFiles(target + ".files.*", options);
  AddReload(target + ".reload", options);
  AddVerify(target + ".verify", options);
  return options;
}

}  // namespace signet::agent_cmd
