#include "workload-api/reload/haproxy_runtime.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "workload-api/reload/kinds.h"
#include "workload-api/reload/pid_file.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxAnswer = 1024 * 1024;
constexpr auto kPatience = std::chrono::milliseconds(1000);  // with others, before the next step
constexpr std::size_t kLargePayload = 15 * 1024;
constexpr int kPauseMs = 50;

// A CA file that was replaced at runtime leaves instances behind that later certificates miss: with
// 2.6.12 and 2.8.0 those are answered with "Success!" and not served, and 2.6.12 and 3.0.11 end
// with a segmentation fault (haproxy/haproxy#3165; mended in 3.2.8 and 3.3; 3.2.26 and 3.4.0 were
// tried).
constexpr HaproxyVersion kTakesCas = {3, 2, 8};
// Before, a certificate without a DNS name was committed without what the bind line says of clients
// (2.6.12 and 2.8.0; not so 3.0.0 and 3.0.11).
constexpr HaproxyVersion kKeepsVerifying = {3, 0, 0};

HaproxyVersion ParseVersion(std::string_view text) {
  HaproxyVersion version = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (unsigned& part : version) {
    at = std::from_chars(at, end, part).ptr;
    if (at == end || *at != '.') {
      break;
    }
    ++at;
  }
  return version;
}

// HAProxy closes without a word when a command and its payload do not fit into its buffer.
Error NoAnswer(const HaproxyItem& item, const std::string& why) {
  return FailedPrecondition("HAProxy gave no answer to " +
                            std::to_string(item.pem.RevealSecret().size()) + " bytes for \"" +
                            item.name + "\"" + why +
                            ": it takes no more than tune.bufsize (16384 bytes, if not set) at "
                            "once; raise it");
}

}  // namespace

Result<std::string> HaproxyRuntime::Ask(const std::string& command, ByteView payload) {
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

// The name that the open transaction is about, or nothing.
Result<std::string> HaproxyRuntime::OpenTransaction(const std::string& type) {
  SIGNET_TRY_ASSIGN(const std::string listed, Ask("show ssl " + type));
  const std::size_t star = listed.find("# transaction\n*");
  if (star == std::string::npos) {
    return std::string();
  }
  const std::string_view line = std::string_view(listed).substr(star + 15);
  return std::string(line.substr(0, line.find_first_of(" \n")));
}

// False once there is no time left.
bool HaproxyRuntime::Pause() const {
  ::poll(nullptr, 0, std::min(kPauseMs, deadline_.Left()));
  return deadline_.Left() > 0;
}

// Whatever is open is over afterwards: ours from an attempt that broke off at once, another's after
// some patience. The latter is an error, so that somebody hears of it; the next attempt goes on.
Status HaproxyRuntime::ClearTransaction(const HaproxyItem& item) {
  const Deadline patience = Deadline::In(kPatience);
  for (;;) {
    SIGNET_TRY_ASSIGN(const std::string open, OpenTransaction(item.type));
    if (open.empty()) {
      return {};
    }
    const bool ours = open == item.name;
    if (!ours && patience.Left() > 0 && Pause()) {
      continue;
    }
    SIGNET_TRY_ASSIGN(const std::string answer, Ask("abort ssl " + item.type + " " + open));
    if (!ours) {
      return Unavailable("somebody had left a transaction on \"" + open +
                         "\" open in HAProxy; it was aborted (" + OneLine(answer, 200) +
                         "), and the next attempt can go on");
    }
    return {};
  }
}

// Somebody opened a transaction since we looked, and now it holds our payload: it must not be
// committed.
Error HaproxyRuntime::Mixed(const HaproxyItem& item) {
  const auto open = OpenTransaction(item.type);
  const auto aborted =
      open.ok() ? Ask("abort ssl " + item.type + " " + *open) : Result<std::string>(open);
  return Unavailable("somebody else changes \"" + (open.ok() ? *open : "") +
                     "\" in HAProxy at the same time, and our \"" + item.name +
                     "\" went into that transaction; it " +
                     (aborted.ok() ? "was aborted: " + OneLine(*aborted, 200)
                                   : "could not be aborted: " + aborted.error().message));
}

Status HaproxyRuntime::Set(const HaproxyItem& item) {
  const auto answer = Ask("set ssl " + item.type + " " + item.name, item.pem.RevealSecret());
  if (!answer.ok()) {
    const bool large = item.pem.RevealSecret().size() > kLargePayload;
    return large ? NoAnswer(item, " (" + answer.error().message + ")") : answer.error();
  }
  if (answer->find("ransaction created for ") != std::string::npos &&
      answer->find(" " + item.name + "!") != std::string::npos) {
    return {};
  }
  if (answer->find("ransaction updated for ") != std::string::npos) {
    return Mixed(item);
  }
  if (answer->find_first_not_of(" \n") == std::string::npos) {
    return NoAnswer(item, "");
  }
  return FailedPrecondition("HAProxy does not take a new \"" + item.name +
                            "\": " + OneLine(*answer, 500) + " (`show ssl " + item.type +
                            "` lists the names that it knows)");
}

// Nothing of ours stays open, whatever went wrong before.
Error HaproxyRuntime::Abandon(const HaproxyItem& item, Error why) {
  const auto aborted = Ask("abort ssl " + item.type + " " + item.name);
  if (!aborted.ok()) {
    why.message += "; and the transaction stays open: " + aborted.error().message;
  }
  return why;
}

Status HaproxyRuntime::Replace(const HaproxyItem& item) {
  SIGNET_TRY(ClearTransaction(item));
  if (Status set = Set(item); !set.ok()) {
    return Abandon(item, std::move(set).error());
  }
  const auto answer = Ask("commit ssl " + item.type + " " + item.name);
  if (!answer.ok()) {
    return Abandon(item, answer.error());
  }
  if (answer->find("Success!") == std::string::npos) {
    return Abandon(item, FailedPrecondition("HAProxy refuses the new \"" + item.name +
                                            "\" and keeps the old: " + OneLine(*answer, 500)));
  }
  return {};
}

Status HaproxyRuntime::CheckIsAtLeast(const HaproxyVersion& least, const std::string& why_not) {
  SIGNET_TRY_ASSIGN(const std::string version, Ask("show version"));
  if (ParseVersion(version) >= least) {
    return {};
  }
  return FailedPrecondition("HAProxy " + OneLine(version, 40) + " " + why_not +
                            ", or give the action the \"pid_file\" of the master process "
                            "(haproxy -W -p FILE), which is then reloaded");
}

Status HaproxyRuntime::CheckTakesCas() {
  return CheckIsAtLeast(kTakesCas,
                        "breaks when its CA file is replaced at runtime: take 3.2.8 or later");
}

Status HaproxyRuntime::CheckKeepsVerifying() {
  return CheckIsAtLeast(kKeepsVerifying,
                        "would stop asking clients for certificates: a certificate without a DNS "
                        "name loses `verify required` when it is committed at runtime. Take 3.0 or "
                        "later, or give the entry a DNS name (-dns)");
}

Result<std::string> HaproxyRuntime::WorkerPid() {
  SIGNET_TRY_ASSIGN(const std::string info, Ask("show info"));
  const std::size_t at = info.find("\nPid: ");
  return at == std::string::npos ? std::string() : info.substr(at, info.find('\n', at + 1) - at);
}

// The new worker reads all files anew, the certificate's too. A master that cannot read them keeps
// the old worker, and one that is busy starting loses the signal: so wait for the new worker, and
// say it again from time to time.
Status HaproxyRuntime::ReloadMaster(const std::string& pid_file) {
  SIGNET_TRY_ASSIGN(const std::string old, WorkerPid());
  SIGNET_TRY_ASSIGN(const PinnedProcess master, PinByPidFile(pid_file));
  do {
    SIGNET_TRY(master.Signal(SIGUSR2));
    const Deadline patience = Deadline::In(kPatience);
    while (patience.Left() > 0 && Pause()) {
      const auto now = WorkerPid();  // may fail while one takes over from the other
      if (now.ok() && *now != old) {
        return {};
      }
    }
  } while (Pause());
  return Unavailable("HAProxy's master, process " + std::to_string(master.pid()) +
                     ", has not started a new worker: its log says why");
}

}  // namespace signet::reload
