#include "workload-api/authorizer/handler.h"

#include <utility>

namespace signet::authorizer {
namespace {

constexpr std::string_view kPrefix = "/authorize/";
constexpr double kDenialsPerSecond = 10;
constexpr double kDenialBurst = 50;
constexpr std::size_t kMaxReasonBytes = 240;

std::string_view PhraseOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return "Forbidden";
  }
}

/// HeaderText keeps one line of printable ASCII.
std::string HeaderText(std::string_view text) {
  std::string out(text.substr(0, kMaxReasonBytes));
  for (char& c : out) {
    c = c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

/// PolicyName gives what stands after /authorize/. A proxy may add its client's query (Caddy does);
/// it says nothing here.
std::string PolicyName(std::string_view target) {
  target = target.substr(0, target.find('?'));
  return target.starts_with(kPrefix) ? std::string(target.substr(kPrefix.size())) : "";
}

Verdict UnknownPolicy() {
  return {.status = 403,
          .reason = "there is no such policy",
          .help = "Ask for /authorize/<name> with a name below agent.authorizer.policies."};
}

}  // namespace

Handler::Handler(std::vector<Policy> policies, bool log_allowed, const World& world)
    : world_(world), log_allowed_(log_allowed), denials_(kDenialsPerSecond, kDenialBurst) {
  for (Policy& policy : policies) {
    std::string name = policy.name;
    policies_.emplace(std::move(name), std::move(policy));
  }
}

Verdict Handler::Handle(const RequestHead& request, const Caller& caller) {
  const std::string name = PolicyName(request.target);
  Verdict verdict = Ask(request, caller, name);
  Log(verdict, IsPolicyName(name) ? name : "", caller);
  return verdict;
}

Verdict Handler::Ask(const RequestHead& request, const Caller& caller, const std::string& name) {
  if (request.method != "GET") {
    return {.status = 405, .reason = "only GET is answered"};
  }
  const auto found = policies_.find(name);
  if (found == policies_.end()) {
    return UnknownPolicy();
  }
  const Policy& policy = found->second;
  if (!policy.MayAsk(caller.uid)) {
    return {.status = 403,
            .reason = "the asking user may not use this policy",
            .help = "Add the proxy's user to the policy's users."};
  }
  const auto snapshot = world_.hub.Newest();
  if (!snapshot.ok() || (*snapshot)->bundles.empty()) {
    return {.status = 503,
            .reason = snapshot.ok() ? "the agent has no bundle yet" : snapshot.error().message};
  }
  Presented presented{.certificate = request.All(policy.certificate_header)};
  if (!policy.chain_header.empty()) {
    presented.chain = request.All(policy.chain_header);
  }
  return judge_.Decide(policy, presented, **snapshot, world_.clock.Now());
}

void Handler::Log(const Verdict& verdict, const std::string& policy, const Caller& caller) {
  if (verdict.allowed() && !log_allowed_) {
    return;
  }
  if (!verdict.allowed() && !denials_.Take(world_.clock.Mono())) {
    ++unlogged_;
    return;
  }
  world_.logger.Info(verdict.allowed() ? "authorizer: allowed" : "authorizer: denied",
                     {{"policy", policy},
                      {"spiffe_id", verdict.id},
                      {"status", verdict.status},
                      {"reason", verdict.reason},
                      {"caller_uid", caller.uid},
                      {"caller_pid", caller.pid},
                      {"denials_not_logged", unlogged_}});
  unlogged_ = 0;
}

std::string Write(const Verdict& verdict, bool keep_alive) {
  const std::string body =
      verdict.reason + (verdict.help.empty() ? "" : ". " + verdict.help) + "\n";
  std::string out = "HTTP/1.1 " + std::to_string(verdict.status) + " ";
  out.append(PhraseOf(verdict.status)).append("\r\n");
  if (verdict.allowed()) {
    out += "X-Spiffe-Id: " + HeaderText(verdict.id) + "\r\n";
  } else {
    out += "X-Spiffe-Reason: " + HeaderText(verdict.reason) + "\r\n";
  }
  if (verdict.status == 405) {
    out += "Allow: GET\r\n";
  }
  out +=
      "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
      "Cache-Control: no-store\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\nConnection: ";
  out.append(keep_alive ? "keep-alive" : "close").append("\r\n\r\n").append(body);
  return out;
}

}  // namespace signet::authorizer
