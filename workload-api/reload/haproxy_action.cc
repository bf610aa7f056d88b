// What goes to HAProxy by its runtime socket, and what only a reload of it can bring about.
#include <chrono>
#include <mutex>

#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/crypto/certificate.h"
#include "core/crypto/pem.h"
#include "workload-api/reload/haproxy_runtime.h"
#include "workload-api/reload/kinds.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxFile = 256 * 1024;

// One exchange at a time: the transactions of two targets on one HAProxy would mix.
std::timed_mutex& ExchangeLock() {
  static std::timed_mutex lock;
  return lock;
}

// A payload ends at the first empty line, and what follows would be commands.
Status CheckPayload(ByteView pem, const std::string& path) {
  const std::string_view text = AsText(pem);
  if (text.empty() || text.front() == '\n' || text.find("\n\n") != std::string_view::npos ||
      text.find('\r') != std::string_view::npos || text.find('\0') != std::string_view::npos ||
      text.back() != '\n') {
    return FailedPrecondition(path + " is not PEM without empty lines, so HAProxy cannot take it");
  }
  return {};
}

// Whether the leaf has a DNS name. What cannot be read here is left to HAProxy.
bool HasDnsName(ByteView pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  const std::string_view text = AsText(pem);
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd, begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) {
    return true;
  }
  const auto blocks = crypto::PemDecode(text.substr(begin, end + kEnd.size() - begin));
  if (!blocks.ok() || blocks->empty()) {
    return true;
  }
  const auto leaf = crypto::Certificate::Parse(blocks->front().content);
  return !leaf.ok() || !leaf->dns_sans.empty();
}

// A name becomes one word of a command.
Status CheckName(std::string_view field, const std::string& name) {
  for (const char c : name) {
    if (c <= ' ' || c > '~' || c == ';' || c == '<' || c == '\\') {
      return InvalidArgument("\"" + std::string(field) +
                             "\" holds a character that HAProxy's commands cannot");
    }
  }
  return {};
}

class HaproxyAction final : public Action {
 public:
  explicit HaproxyAction(const ActionSpec& spec) : spec_(spec) {}

  Status Run(const Files& files, Duration timeout) override {
    SIGNET_TRY_ASSIGN(const HaproxyItem ca, ReadItem(files, "ca-file", {"ca"}));
    SIGNET_TRY_ASSIGN(const HaproxyItem certificate,
                      ReadItem(files, "cert", {"combined", "certificate", "key"}));
    const bool new_cas = !Equal(ca.pem.RevealSecret(), applied_cas_);
    const Deadline deadline = Deadline::In(timeout);
    const std::unique_lock lock(ExchangeLock(), timeout);
    if (!lock.owns_lock()) {
      return Unavailable("another target's HAProxy takes all the time; this one had no turn");
    }
    HaproxyRuntime haproxy(spec_.socket, deadline);
    const Status harmless = CheckHarmless(haproxy, new_cas, certificate);
    if (harmless.code() == Code::kFailedPrecondition && !spec_.pid_file.empty()) {
      SIGNET_TRY(haproxy.ReloadMaster(spec_.pid_file));
      applied_cas_ = ToBytes(ca.pem.RevealSecret());
      return {};
    }
    SIGNET_TRY(harmless);
    if (new_cas) {
      SIGNET_TRY(haproxy.Replace(ca));
      applied_cas_ = ToBytes(ca.pem.RevealSecret());
    }
    return certificate.pem.empty() ? Status() : haproxy.Replace(certificate);
  }
  std::string Describe() const override { return "HAProxy transaction at " + spec_.socket; }

 private:
  // FAILED_PRECONDITION if this version of HAProxy can do it by a reload alone.
  static Status CheckHarmless(HaproxyRuntime& haproxy, bool new_cas,
                              const HaproxyItem& certificate) {
    if (new_cas) {
      SIGNET_TRY(haproxy.CheckTakesCas());
    }
    return HasDnsName(certificate.pem.RevealSecret()) ? Status() : haproxy.CheckKeepsVerifying();
  }
  // What the files of these roles hold; nothing if there are none.
  Result<HaproxyItem> ReadItem(const Files& files, const std::string& type,
                               const std::vector<std::string>& roles) {
    HaproxyItem item{type, type == "cert" ? spec_.certificate : spec_.ca_file, {}};
    Bytes pem;
    pem.reserve(2 * kMaxFile);  // no copy of a key is left behind by growing
    for (const std::string& role : roles) {
      SIGNET_TRY_ASSIGN(const std::string path, PathOf(spec_, role, files));
      if (path.empty()) {
        continue;
      }
      SIGNET_TRY_ASSIGN(Bytes content, ReadFile(path, kMaxFile));
      const Secret file(std::move(content));
      SIGNET_TRY(CheckPayload(file.RevealSecret(), path));
      Append(pem, file.RevealSecret());
      item.name = item.name.empty() ? path : item.name;
    }
    SIGNET_TRY(CheckName("name", item.name));
    item.pem = Secret(std::move(pem));
    return item;
  }

  ActionSpec spec_;
  Bytes applied_cas_;  // by this object; at first nobody knows what HAProxy has read
};

}  // namespace

MadeAction MakeHaproxyAction(const ActionSpec& spec) {
  SIGNET_TRY(CheckAbsolutePath("socket", spec.socket));
  SIGNET_TRY(CheckAddress(spec.socket).Context("\"socket\""));
  SIGNET_TRY(CheckName("certificate", spec.certificate));
  SIGNET_TRY(CheckName("ca_file", spec.ca_file));
  if (!spec.pid_file.empty()) {
    SIGNET_TRY(CheckAbsolutePath("pid_file", spec.pid_file));
  }
  const bool combined = spec.files.contains("combined");
  const bool certificate = spec.files.contains("certificate");
  const bool key = spec.files.contains("key");
  if (certificate != key || (combined && certificate)) {
    return InvalidArgument(
        "reload action \"haproxy\" takes either the file \"combined\", or \"certificate\" and "
        "\"key\"");
  }
  return Made<HaproxyAction>(spec);
}

}  // namespace signet::reload
