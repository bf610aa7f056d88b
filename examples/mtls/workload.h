#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/result.h"
#include "examples/mtls/flags.h"
#include "workload-api/client/tls.h"
#include "workload-api/client/x509_source.h"

namespace example {

/// Say prints "12:34:56.789  name      text", one line at a time, from any thread.
void Say(const std::string& name, const std::string& text);

/// Workload is what both programs share: an identity from the agent that renews itself, told as it
/// happens.
class Workload {
 public:
  /// kNoIdentity is the exit code of a program that the agent gave no identity.
  static constexpr int kNoIdentity = 3;

  /// name stands in front of each line.
  explicit Workload(std::string name) : name_(std::move(name)) {}

  /// Start asks the agent, and waits until there is an identity.
  signet::Status Start(const Flags& flags);

  const std::shared_ptr<signet::client::X509Source>& source() const { return source_; }
  const std::string& name() const { return name_; }
  /// id is the SPIFFE ID that Start got.
  const std::string& id() const { return id_; }
  /// resumption is what the flag -resumption says: "off" or "epoch".
  signet::client::Resumption resumption() const { return resumption_; }
  /// Changes gives "leaf_changes=N ca_changes=M", as seen since the first identity.
  std::string Changes() const;

 private:
  void OnUpdate(const signet::client::X509Snapshot& snapshot);
  void OnProblem(const signet::Error& problem);

  std::string name_;
  std::string id_;
  signet::client::Resumption resumption_ = signet::client::Resumption::kOff;
  std::atomic<int> leaf_changes_ = 0;
  std::atomic<int> ca_changes_ = 0;
  signet::Bytes serial_;  // these two: on the source's thread only
  signet::Bytes issuer_;
  std::string last_problem_;
  std::shared_ptr<signet::client::X509Source> source_;  // last: its callbacks use the others
};

/// RunProgram is what both programs do: flags, identity, and then `run`, which says whether all
/// went well. It gives the exit code.
int RunProgram(const Flags& flags,
               const std::function<signet::Result<bool>(Workload&, const Flags&)>& run);

/// BlockSignals keeps SIGTERM and SIGINT for WaitForEnd, and ignores SIGPIPE. Before any thread
/// starts.
void BlockSignals();
/// WaitForEnd returns after the time (0: never) or at a signal.
void WaitForEnd(std::chrono::milliseconds time);

}  // namespace example
