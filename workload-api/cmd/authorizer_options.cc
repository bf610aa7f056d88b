#include "workload-api/cmd/authorizer_options.h"

#include <grp.h>
#include <pwd.h>

#include <array>
#include <charconv>

#include "core/config/option_checks.h"
#include "core/config/paths.h"
#include "workload-api/authorizer/http_request.h"

namespace signet::agent_cmd {
namespace {

using authorizer::Format;
using config::Option;
using config::Type;

constexpr char kBlock[] = "agent.authorizer";
constexpr char kPolicies[] = "agent.authorizer.policies";
constexpr std::size_t kMaxAllow = 1000;

std::optional<std::uint32_t> Number(const std::string& text, int base) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::string ModeProblem(const std::string& text) {
  const auto mode = Number(text, 8);
  return mode && *mode <= 0777 && (*mode & 0111) == 0 && (*mode & 0600) == 0600
             ? ""
             : "expects an octal file mode that lets the agent's user read and write, e.g. 0660";
}

std::string HeaderProblem(const std::string& text) {
  return authorizer::IsToken(text) ? "" : "expects the name of an HTTP header";
}

std::string NameProblem(const std::string& text) {
  return authorizer::IsPolicyName(text)
             ? ""
             : "a policy's name is 1 to 64 of letters, digits, '.', '-' and '_'";
}

template <class Parse>
std::function<std::string(const std::string&)> Problem(Parse parse) {
  return [parse](const std::string& text) { return config::ProblemOf(parse(text)); };
}

template <class Entry, class Find>
Result<std::uint32_t> LookUp(const std::string& name, const char* what, Find find) {
  if (const auto number = Number(name, 10)) {
    return *number;
  }
  std::array<char, 16 * 1024> buffer{};
  Entry entry{};
  Entry* found = nullptr;
  find(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return InvalidArgument("there is no " + std::string(what) + " \"" + name +
                           "\" on this machine");
  }
  if constexpr (std::is_same_v<Entry, passwd>) {
    return found->pw_uid;
  } else {
    return found->gr_gid;
  }
}

Result<std::uint32_t> UserId(const std::string& name) {
  return LookUp<passwd>(name, "user", ::getpwnam_r);
}
Result<std::uint32_t> GroupId(const std::string& name) {
  return LookUp<group>(name, "group", ::getgrnam_r);
}

std::vector<Option> PolicyOptions() {
  const std::string any = std::string(kPolicies) + ".*";
  return {
      {.path = any,
       .type = Type::kBlock,
       .help = "What one kind of question is judged by: GET /authorize/<name>.",
       .validate = NameProblem},
      {.path = any + ".allow",
       .type = Type::kStringList,
       .help =
           "SPIFFE IDs that may pass: spiffe://td/web, spiffe://td/shop/* for all below a path, "
           "spiffe://td/* for a whole trust domain. All others are denied. Required.",
       .validate = Problem(authorizer::IdPattern::Parse)},
      {.path = any + ".certificate_header",
       .help = "The one header that the certificate is taken from. The proxy must replace it in "
               "every request. Default: X-SSL-Client-Cert; Client-Cert with rfc9440, "
               "X-Forwarded-Client-Cert with xfcc.",
       .validate = HeaderProblem},
      {.path = any + ".chain_header",
       .help = "A second header, for intermediate certificates in the same format. Default: none; "
               "Client-Cert-Chain with rfc9440.",
       .validate = HeaderProblem},
      {.path = any + ".format",
       .default_value = "pem",
       .help =
           "pem (URL-encoded, or blanks for line ends), der (base64, joined by commas), rfc9440 "
           "or xfcc (Envoy).",
       .validate = Problem(authorizer::ParseFormat)},
      {.path = any + ".chain",
       .default_value = "verify",
       .help = "verify: every certificate must chain to the bundle of its trust domain. "
               "leaf_only_trusts_proxy: one whose issuer is not in it passes on the proxy's word; "
               "with a CA file of several trust domains each can then forge the others.",
       .validate = Problem(authorizer::ParseChain)},
      {.path = any + ".users",
       .type = Type::kStringList,
       .help = "Users (names or uids) that may ask under this name. Default: whoever can reach the "
               "socket.",
       .validate = Problem(UserId)},
  };
}

/// Place is where a block was written.
std::string PlaceOf(const config::Values& values, const std::string& path) {
  const auto cell = values.cells.find(path);
  return cell == values.cells.end() || cell->second.place.empty() ? "" : cell->second.place + ": ";
}

std::string OrElse(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

const char* DefaultHeader(Format format) {
  switch (format) {
    case Format::kRfc9440:
      return "Client-Cert";
    case Format::kXfcc:
      return "X-Forwarded-Client-Cert";
    default:
      return "X-SSL-Client-Cert";
  }
}

Result<authorizer::Policy> ReadPolicy(const config::Values& values, const std::string& name) {
  const std::string at = config::Values::PathOf(kPolicies, name);
  authorizer::Policy policy{.name = name};
  for (const std::string& text : values.List(at + ".allow")) {
    SIGNET_TRY_ASSIGN(authorizer::IdPattern pattern, authorizer::IdPattern::Parse(text));
    policy.allow.push_back(std::move(pattern));
  }
  SIGNET_TRY_ASSIGN(policy.format, authorizer::ParseFormat(values.String(at + ".format")));
  SIGNET_TRY_ASSIGN(policy.chain, authorizer::ParseChain(values.String(at + ".chain")));
  policy.certificate_header =
      OrElse(values.String(at + ".certificate_header"), DefaultHeader(policy.format));
  policy.chain_header = OrElse(values.String(at + ".chain_header"),
                               policy.format == Format::kRfc9440 ? "Client-Cert-Chain" : "");
  for (const std::string& user : values.List(at + ".users")) {
    SIGNET_TRY_ASSIGN(const std::uint32_t uid, UserId(user));
    policy.users.push_back(uid);
  }
  return policy;
}

}  // namespace

std::vector<Option> AuthorizerOptions() {
  std::vector<Option> options = {
      {.path = kBlock,
       .type = Type::kBlock,
       .help = "An HTTP service on a Unix socket that tells proxies whether a client's certificate "
               "may pass, see authorizer.md. Off without the block."},
      {.path = "agent.authorizer.socket_path",
       .help = "Its socket. Default: authz.sock beside the Workload API's.",
       .validate = config::CheckSocketPath},
      {.path = "agent.authorizer.socket_mode",
       .default_value = "0660",
       .help = "File mode of the socket, octal, as a string.",
       .validate = ModeProblem},
      {.path = "agent.authorizer.socket_group",
       .help = "Group of the socket (name or gid), e.g. www-data. Default: the agent's own.",
       .validate = Problem(GroupId)},
      {.path = "agent.authorizer.log_allowed",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Log the decisions that let pass too. Denials are always logged, at most ten a "
               "second."},
  };
  for (Option& option : PolicyOptions()) {
    options.push_back(std::move(option));
  }
  return options;
}

std::vector<std::string> CheckAuthorizer(const config::Values& values) {
  std::vector<std::string> problems;
  const auto block = values.cells.find(kBlock);
  if (block == values.cells.end() || !block->second.given) {
    return problems;
  }
  const std::vector<std::string> names = values.Names(kPolicies);
  if (names.empty()) {
    problems.push_back(PlaceOf(values, kBlock) + kPolicies +
                       ": is required; name at least one policy");
  }
  for (const std::string& name : names) {
    const std::string path = config::Values::PathOf(kPolicies, name);
    const std::string at = PlaceOf(values, path) + path;
    const std::size_t allowed = values.List(path + ".allow").size();
    if (allowed == 0 && !values.Given(path + ".allow")) {
      problems.push_back(at + ".allow: is required; list the SPIFFE IDs that may pass");
    }
    if (allowed > kMaxAllow) {
      problems.push_back(at + ".allow: has more than 1000 IDs; use spiffe://td/path/*");
    }
  }
  return problems;
}

Result<std::optional<authorizer::Options>> ReadAuthorizer(const config::Values& values) {
  if (!values.Given(kBlock)) {
    return std::optional<authorizer::Options>();
  }
  authorizer::Options out{.socket_path = values.String("agent.authorizer.socket_path")};
  out.socket_mode = *Number(values.String("agent.authorizer.socket_mode"), 8);
  const std::string& group = values.String("agent.authorizer.socket_group");
  if (!group.empty()) {
    SIGNET_TRY_ASSIGN(out.socket_group, GroupId(group));
  }
  out.log_allowed = values.Bool("agent.authorizer.log_allowed");
  for (const std::string& name : values.Names(kPolicies)) {
    SIGNET_TRY_ASSIGN(authorizer::Policy policy, ReadPolicy(values, name));
    out.policies.push_back(std::move(policy));
  }
  return std::optional(std::move(out));
}

}  // namespace signet::agent_cmd
