// Caddy reads its certificates only when it loads a configuration, and takes a configuration that
// it has already for no change. So it is handed its own back, with the header that makes it load
// all the same (`caddy reload --force` sends the same).
#include <algorithm>
#include <charconv>

#include "core/base/secret.h"
#include "workload-api/reload/kinds.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxConfig = 16 * 1024 * 1024;

struct Answer {
  int status = 0;
  std::string body;
};

// HTTP/1.0: the answer ends where the connection does, and is never chunked.
Result<Answer> ReadAnswer(Stream& stream) {
  SIGNET_TRY_ASSIGN(std::string all, stream.ReadAll(kMaxConfig));
  constexpr std::string_view kVersion = "HTTP/1.";
  const std::size_t head = all.find("\r\n\r\n");
  Answer answer;
  const char* digits = all.data() + std::min(all.size(), kVersion.size() + 2);
  const char* end = all.data() + all.size();
  if (!all.starts_with(kVersion) || head == std::string::npos ||
      std::from_chars(digits, end, answer.status).ptr != digits + 3) {
    return Unavailable(stream.address() +
                       " does not answer in HTTP: is it the address of Caddy's admin endpoint?");
  }
  answer.body = all.substr(head + 4);
  return answer;
}

class CaddyAction final : public Action {
 public:
  explicit CaddyAction(std::string address) : address_(std::move(address)) {}

  Status Run(const Files&, Duration timeout) override {
    const Deadline deadline = Deadline::In(timeout);
    SIGNET_TRY_ASSIGN(const Answer config, Exchange("GET /config/", "", "", deadline));
    if (!config.body.starts_with('{')) {
      return FailedPrecondition("Caddy at " + address_ + " has no configuration to load again");
    }
    const std::string headers =
        "Content-Type: application/json\r\nCache-Control: must-revalidate\r\n";
    const auto loaded = Exchange("POST /load", headers, config.body, deadline);
    return loaded.ok() ? Status() : Status(loaded.error());
  }
  std::string Describe() const override { return "load of Caddy's configuration at " + address_; }

 private:
  Result<Answer> Exchange(const std::string& request, const std::string& headers,
                          const std::string& body, Deadline deadline) {
    SIGNET_TRY_ASSIGN(Stream stream, Stream::Connect(address_, deadline));
    // The admin endpoint refuses hosts other than its own; on a Unix socket that is the empty one.
    const std::string host = address_.starts_with('/') ? "" : address_;
    std::string text = request + " HTTP/1.0\r\nHost: " + host + "\r\n" + headers;
    if (!body.empty()) {
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    SIGNET_TRY(stream.Write(AsBytes(text + "\r\n" + body)));
    SIGNET_TRY_ASSIGN(Answer answer, ReadAnswer(stream));
    if (answer.status != 200) {
      return FailedPrecondition("Caddy answers " + std::to_string(answer.status) + " to " +
                                request + ": " + OneLine(answer.body, 1024));
    }
    return answer;
  }

  std::string address_;
};

}  // namespace

MadeAction MakeCaddyAction(const ActionSpec& spec) {
  SIGNET_TRY(CheckAddress(spec.socket).Context("\"socket\""));
  return Made<CaddyAction>(spec.socket);
}

}  // namespace signet::reload
