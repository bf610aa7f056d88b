#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

/// X509Provider gives the identities of the moment. Safe for several threads; never blocks.
class X509Provider {
 public:
  virtual ~X509Provider() = default;
  /// Current is null before the first message and after the agent took the identities away.
  virtual X509Snapshot Current() const = 0;
  /// Problem says what is known about why Current is null; for people.
  virtual Error Problem() const { return Unavailable("the source has none"); }
};

struct X509SourceOptions {
  std::string endpoint = {};  ///< URI; empty: SPIFFE_ENDPOINT_SOCKET
  SvidPicker picker = {};     ///< empty: the first identity is the default one
  /// on_update hears of every new snapshot, and null when the identities were taken away. It and
  /// on_problem run on the source's own thread, must not throw, and must not destroy the source.
  std::function<void(const X509Snapshot&)> on_update = {};
  /// on_problem hears why a stream ended or a message was dropped, before the next attempt.
  std::function<void(const Error&)> on_problem = {};
  /// PERMISSION_DENIED always takes the identities away; then the source asks again, unless this is
  /// false.
  bool retry_permission_denied = true;
  Duration min_backoff = std::chrono::milliseconds(50);
  Duration max_backoff = std::chrono::seconds(5);
};

/// X509Source keeps a stream to the Workload API open, for as long as it lives, and holds what was
/// said last. When the agent goes away it keeps the identities it has and comes back by itself.
///
///   auto source = signet::client::X509Source::Open({});
///   source->WaitUntilReady(deadline);
///   source->Current()->default_identity().id();
///
/// After fork() a source belongs to the parent. In the child it holds nothing (so handshakes fail)
/// and says why; open another one there, and make new SSL_CTX for it.
class X509Source final : public X509Provider {
 public:
  /// Open checks the endpoint and starts watching; it does not wait for the agent.
  static Result<std::shared_ptr<X509Source>> Open(X509SourceOptions options);
  /// Ends the stream; waits for a callback that is running.
  ~X509Source() override;
  X509Source(const X509Source&) = delete;
  X509Source& operator=(const X509Source&) = delete;

  X509Snapshot Current() const override;
  Error Problem() const override;
  /// WaitUntilReady returns as soon as there is an identity. DEADLINE_EXCEEDED carries the last
  /// problem; a source that will not try again says why at once.
  Status WaitUntilReady(MonoTime deadline) const;
  /// The same, from now.
  Status WaitUntilReady(Duration timeout) const;

 private:
  struct Impl;
  explicit X509Source(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::client
