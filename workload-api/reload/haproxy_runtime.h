#pragma once

#include <array>
#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {

/// HaproxyItem is one of the two things that HAProxy replaces at runtime.
struct HaproxyItem {
  std::string type;  ///< "cert" or "ca-file"
  std::string name;  ///< as HAProxy lists it
  Secret pem;        ///< without empty lines: one ends a payload
};

/// HaproxyVersion is major, minor and patch, as `show version` begins.
using HaproxyVersion = std::array<unsigned, 3>;

/// HaproxyRuntime speaks to a `stats socket`, one connection for each command. `set ssl cert` opens
/// a transaction, `commit ssl cert` makes its content the one that is served, in memory alone (the
/// file on disk is what the next start reads).
///
/// HAProxy has room for one transaction of certificates and one of CA files, whoever opened it, and
/// version 2.6 puts a `set` for one certificate into the open transaction of another. Hence: look
/// first, wait for others, and believe only an answer that names our certificate.
class HaproxyRuntime {
 public:
  HaproxyRuntime(const std::string& socket, Deadline deadline)
      : socket_(socket), deadline_(deadline) {}

  /// Replace runs the whole transaction. Whatever goes wrong, HAProxy keeps what it had and nothing
  /// of ours stays open.
  Status Replace(const HaproxyItem& item);
  /// CheckTakesCas refuses the versions that break when a CA file is replaced.
  Status CheckTakesCas();
  /// CheckKeepsVerifying refuses the versions that let everybody in once a certificate without a
  /// DNS name was replaced.
  Status CheckKeepsVerifying();
  /// ReloadMaster has the process of the pid file start a new worker, which reads all files anew.
  /// Returns when it is there.
  Status ReloadMaster(const std::string& pid_file);

 private:
  Result<std::string> Ask(const std::string& command, ByteView payload = {});
  Status CheckIsAtLeast(const HaproxyVersion& least, const std::string& why_not);
  Result<std::string> OpenTransaction(const std::string& type);
  Result<std::string> WorkerPid();
  Status ClearTransaction(const HaproxyItem& item);
  Status Set(const HaproxyItem& item);
  Error Mixed(const HaproxyItem& item);
  Error Abandon(const HaproxyItem& item, Error why);
  bool Pause() const;

  std::string socket_;
  Deadline deadline_;
};

}  // namespace signet::reload
