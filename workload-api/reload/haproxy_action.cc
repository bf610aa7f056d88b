// HAProxy's runtime socket: `set ssl cert` opens a transaction, `commit ssl cert` makes its content
// the one that is served, in memory alone (the file on disk is what the next start reads).
//
// HAProxy has room for one transaction of certificates and one of CA files, whoever opened it, and
// version 2.6 puts a `set` for one certificate into the open transaction of another. Hence: look
// first, wait for others, and believe only an answer that names our certificate.
#include <poll.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <mutex>

#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/crypto/certificate.h"
#include "core/crypto/pem.h"
#include "workload-api/reload/kinds.h"
#include "workload-api/reload/pid_file.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxFile = 256 * 1024;
constexpr std::size_t kMaxAnswer = 1024 * 1024;
constexpr auto kPatience = std::chrono::milliseconds(1000);  // with others, before the next step
constexpr std::size_t kLargePayload = 15 * 1024;
constexpr int kPauseMs = 50;

// One exchange at a time: the transactions of two targets on one HAProxy would mix.
std::timed_mutex& ExchangeLock() {
  static std::timed_mutex lock;
  return lock;
}

// One of the two things that HAProxy replaces: "cert" or "ca-file".
struct Item {
  std::string type;
  std::string name;
  Secret pem;
};

class Runtime {
 public:
  Runtime(const std::string& socket, Deadline deadline) : socket_(socket), deadline_(deadline) {}

  /// Ask sends one command, with a payload if there is one, and gives the answer.
  Result<std::string> Ask(const std::string& command, ByteView payload = {}) {
    SIGNET_TRY_ASSIGN(Stream stream, Stream::Connect(socket_, deadline_));
    SIGNET_TRY(stream.Write(AsBytes(command + (payload.empty() ? "\n" : " <<\n"))));
    if (!payload.empty()) {
      SIGNET_TRY(stream.Write(payload));
      SIGNET_TRY(stream.Write(AsBytes("\n")));  // an empty line ends the payload
    }
    SIGNET_TRY_ASSIGN(std::string answer, stream.ReadAll(kMaxAnswer));
    if (answer.find("Permission denied") != std::string::npos) {
      return PermissionDenied("HAProxy does not let " + socket_ +
                              " change certificates: write `stats socket " + socket_ +
                              " level admin` into its global section");
    }
    return answer;
  }

  /// OpenTransaction gives the name that the open transaction is about, or nothing.
  Result<std::string> OpenTransaction(const std::string& type) {
    SIGNET_TRY_ASSIGN(const std::string listed, Ask("show ssl " + type));
    const std::size_t star = listed.find("# transaction\n*");
    if (star == std::string::npos) {
      return std::string();
    }
    const std::string_view line = std::string_view(listed).substr(star + 15);
    return std::string(line.substr(0, line.find_first_of(" \n")));
  }

  /// Pause returns false once there is no time left.
  bool Pause() const {
    ::poll(nullptr, 0, std::min(kPauseMs, deadline_.Left()));
    return deadline_.Left() > 0;
  }

 private:
  const std::string& socket_;
  Deadline deadline_;
};

// Whatever is open is over afterwards: ours from an attempt that broke off at once, another's after
// some patience. The latter is an error, so that somebody hears of it; the next attempt goes on.
Status ClearTransaction(Runtime& haproxy, const Item& item) {
  const Deadline patience = Deadline::In(kPatience);
  for (;;) {
    SIGNET_TRY_ASSIGN(const std::string open, haproxy.OpenTransaction(item.type));
    if (open.empty()) {
      return {};
    }
    const bool ours = open == item.name;
    if (!ours && patience.Left() > 0 && haproxy.Pause()) {
      continue;
    }
    SIGNET_TRY_ASSIGN(const std::string answer, haproxy.Ask("abort ssl " + item.type + " " + open));
    if (!ours) {
      return Unavailable("somebody had left a transaction on \"" + open +
                         "\" open in HAProxy; it was aborted (" + OneLine(answer, 200) +
                         "), and the next attempt can go on");
    }
    return {};
  }
}

// HAProxy closes without a word when a command and its payload do not fit into its buffer.
Error NoAnswer(const Item& item, const std::string& why) {
  return FailedPrecondition("HAProxy gave no answer to " +
                            std::to_string(item.pem.RevealSecret().size()) + " bytes for \"" +
                            item.name + "\"" + why +
                            ": it takes no more than tune.bufsize (16384 bytes, if not set) at "
                            "once; raise it");
}

// Somebody opened a transaction since we looked, and now it holds our payload: it must not be
// committed.
Error Mixed(Runtime& haproxy, const Item& item) {
  const auto open = haproxy.OpenTransaction(item.type);
  const auto aborted =
      open.ok() ? haproxy.Ask("abort ssl " + item.type + " " + *open) : Result<std::string>(open);
  return Unavailable("somebody else changes \"" + (open.ok() ? *open : "") +
                     "\" in HAProxy at the same time, and our \"" + item.name +
                     "\" went into that transaction; it " +
                     (aborted.ok() ? "was aborted: " + OneLine(*aborted, 200)
                                   : "could not be aborted: " + aborted.error().message));
}

Status Set(Runtime& haproxy, const Item& item) {
  const auto answer =
      haproxy.Ask("set ssl " + item.type + " " + item.name, item.pem.RevealSecret());
  if (!answer.ok()) {
    const bool large = item.pem.RevealSecret().size() > kLargePayload;
    return large ? NoAnswer(item, " (" + answer.error().message + ")") : answer.error();
  }
  if (answer->find("ransaction created for ") != std::string::npos &&
      answer->find(" " + item.name + "!") != std::string::npos) {
    return {};
  }
  if (answer->find("ransaction updated for ") != std::string::npos) {
    return Mixed(haproxy, item);
  }
  if (answer->find_first_not_of(" \n") == std::string::npos) {
    return NoAnswer(item, "");
  }
  return FailedPrecondition("HAProxy does not take a new \"" + item.name +
                            "\": " + OneLine(*answer, 500) + " (`show ssl " + item.type +
                            "` lists the names that it knows)");
}

// Nothing of ours stays open, whatever went wrong before.
Error Abandon(Runtime& haproxy, const Item& item, Error why) {
  const auto aborted = haproxy.Ask("abort ssl " + item.type + " " + item.name);
  if (!aborted.ok()) {
    why.message += "; and the transaction stays open: " + aborted.error().message;
  }
  return why;
}

Status Replace(Runtime& haproxy, const Item& item) {
  SIGNET_TRY(ClearTransaction(haproxy, item));
  if (Status set = Set(haproxy, item); !set.ok()) {
    return Abandon(haproxy, item, std::move(set).error());
  }
  const auto answer = haproxy.Ask("commit ssl " + item.type + " " + item.name);
  if (!answer.ok()) {
    return Abandon(haproxy, item, answer.error());
  }
  if (answer->find("Success!") == std::string::npos) {
    return Abandon(haproxy, item,
                   FailedPrecondition("HAProxy refuses the new \"" + item.name +
                                      "\" and keeps the old: " + OneLine(*answer, 500)));
  }
  return {};
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

// Without a DNS name in it, a certificate is committed without what the bind line says of clients:
// from then on HAProxy asks nobody for a certificate (tried with 2.6.12). What cannot be read here
// is left to HAProxy.
Status CheckKeepsVerifying(ByteView pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  const std::string_view text = AsText(pem);
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd, begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) {
    return {};
  }
  const auto blocks = crypto::PemDecode(text.substr(begin, end + kEnd.size() - begin));
  if (!blocks.ok() || blocks->empty()) {
    return {};
  }
  const auto leaf = crypto::Certificate::Parse(blocks->front().content);
  if (!leaf.ok() || !leaf->dns_sans.empty()) {
    return {};
  }
  return FailedPrecondition(
      "HAProxy would stop asking clients for certificates: a certificate without a DNS name loses "
      "`verify required` when it is committed at runtime. Give the entry a DNS name (-dns), or "
      "reload the master process: {\"kind\": \"signal\", \"signal\": \"USR2\", …}");
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

// After a CA file was replaced at runtime, HAProxy 2.6 ignores every later certificate though it
// answers "Success!", and dies at the next replacement (tried with 2.6.12; haproxy/haproxy#3165).
Status CheckTakesCas(Runtime& haproxy) {
  SIGNET_TRY_ASSIGN(const std::string version, haproxy.Ask("show version"));
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = version.data() + version.size();
  const char* dot = std::from_chars(version.data(), end, major).ptr;
  if (dot != end && *dot == '.') {
    std::from_chars(dot + 1, end, minor);
  }
  if (major > 2 || (major == 2 && minor >= 8)) {
    return {};
  }
  return FailedPrecondition(
      "HAProxy " + OneLine(version, 40) +
      " breaks when its CA file is replaced at runtime: give the action the \"pid_file\" of the "
      "master process (haproxy -W -p FILE), which is then reloaded when CAs change");
}

Result<std::string> WorkerPid(Runtime& haproxy) {
  SIGNET_TRY_ASSIGN(const std::string info, haproxy.Ask("show info"));
  const std::size_t at = info.find("\nPid: ");
  return at == std::string::npos ? std::string() : info.substr(at, info.find('\n', at + 1) - at);
}

// The new worker reads all files anew, the certificate's too. A master that cannot read them keeps
// the old worker, and one that is busy starting loses the signal: so wait for the new worker, and
// say it again from time to time.
Status ReloadMaster(Runtime& haproxy, const std::string& pid_file) {
  SIGNET_TRY_ASSIGN(const std::string old, WorkerPid(haproxy));
  SIGNET_TRY_ASSIGN(const PinnedProcess master, PinByPidFile(pid_file));
  do {
    SIGNET_TRY(master.Signal(SIGUSR2));
    const Deadline patience = Deadline::In(kPatience);
    while (patience.Left() > 0 && haproxy.Pause()) {
      const auto now = WorkerPid(haproxy);  // may fail while one takes over from the other
      if (now.ok() && *now != old) {
        return {};
      }
    }
  } while (haproxy.Pause());
  return Unavailable("HAProxy's master, process " + std::to_string(master.pid()) +
                     ", has not started a new worker: its log says why");
}

class HaproxyAction final : public Action {
 public:
  explicit HaproxyAction(const ActionSpec& spec) : spec_(spec) {}

  Status Run(const Files& files, Duration timeout) override {
    SIGNET_TRY_ASSIGN(const Item ca, ReadItem(files, "ca-file", {"ca"}));
    SIGNET_TRY_ASSIGN(const Item certificate,
                      ReadItem(files, "cert", {"combined", "certificate", "key"}));
    const bool new_cas = !Equal(ca.pem.RevealSecret(), applied_cas_);
    const Deadline deadline = Deadline::In(timeout);
    const std::unique_lock lock(ExchangeLock(), timeout);
    if (!lock.owns_lock()) {
      return Unavailable("another target's HAProxy takes all the time; this one had no turn");
    }
    Runtime haproxy(spec_.socket, deadline);
    if (new_cas && !spec_.pid_file.empty()) {
      SIGNET_TRY(ReloadMaster(haproxy, spec_.pid_file));
      applied_cas_ = ToBytes(ca.pem.RevealSecret());
      return {};
    }
    SIGNET_TRY(CheckKeepsVerifying(certificate.pem.RevealSecret()));
    if (new_cas) {
      SIGNET_TRY(CheckTakesCas(haproxy));
      SIGNET_TRY(Replace(haproxy, ca));
      applied_cas_ = ToBytes(ca.pem.RevealSecret());
    }
    return certificate.pem.empty() ? Status() : Replace(haproxy, certificate);
  }
  std::string Describe() const override { return "HAProxy transaction at " + spec_.socket; }

 private:
  // What the files of these roles hold; nothing if there are none.
  Result<Item> ReadItem(const Files& files, const std::string& type,
                        const std::vector<std::string>& roles) {
    Item item{type, type == "cert" ? spec_.certificate : spec_.ca_file, {}};
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
