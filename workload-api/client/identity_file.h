#pragma once

#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

/// IdentityPem is a snapshot's default identity as the gRPC library takes it. FAILED_PRECONDITION
/// when key and certificate are not a pair.
struct IdentityPem {
  std::string key;
  std::string chain;  ///< leaf first

  static Result<IdentityPem> From(const X509Context& context);
  /// Wipes the key.
  ~IdentityPem();
  IdentityPem(IdentityPem&&) = default;
  IdentityPem& operator=(IdentityPem&&) = default;

 private:
  IdentityPem() = default;
};

/// IdentityFile carries the identity of the moment to gRPC servers: this version of the library
/// takes changing keys from files alone, and ends the program when one is empty. It is one file in
/// memory, without a name on any disk, that holds key and chain together, so that nobody can read
/// halves of two generations. For one thread.
class IdentityFile {
 public:
  /// Create makes it hold a placeholder: a self-signed certificate that has expired, names nobody,
  /// and whose key nobody else has.
  static Result<std::unique_ptr<IdentityFile>> Create();

  /// path is good within this process only.
  const std::string& path() const { return path_; }

  /// Update shows the snapshot's default identity. A pair that does not fit leaves the last good
  /// one in place; without a snapshot, or past the end of what is shown, the placeholder comes
  /// back. The error tells a change for the worse, once.
  Status Update(const X509Snapshot& snapshot, SystemTime now);

 private:
  IdentityFile(UniqueFd fd, std::string placeholder);
  Status Take(const X509Snapshot& snapshot);
  Status Retire(Error why);
  Status Replace(std::string_view content);

  const UniqueFd fd_;
  const std::string path_;
  const std::string placeholder_;
  X509Snapshot seen_;   // what Update was given last
  X509Snapshot shown_;  // whose identity the file holds; null: the placeholder
  long generation_ = 1;
};

}  // namespace signet::client
