#pragma once

// Private to attestor/kubernetes.

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/api.h"
#include "core/base/clock.h"
#include "core/crypto/jws.h"

namespace signet::kubernetes {

/// IssuerKeys knows with which keys a cluster signs tokens (kubernetes.md §1.3). It asks the API
/// server when it has to: at first use, once an hour, and when a token names a key that it does not
/// know, but never twice in 10 s. While the API server is away it goes on with what it has. Safe
/// for several threads; Check may block on the network.
class IssuerKeys {
 public:
  struct Options {
    std::string issuer;     ///< empty: what discovery says
    std::string jwks_path;  ///< empty: the API server's own
    /// keep is how long a key that is no longer published stays good: as long as a token that was
    /// signed with it before may still be shown.
    Duration keep;
  };
  IssuerKeys(Api& api, Options options, const Clock& clock, Logger& logger)
      : api_(api), options_(std::move(options)), clock_(clock), logger_(logger) {}

  /// Check: OK if the message comes from the cluster's issuer. PERMISSION_DENIED if it does not.
  /// UNAVAILABLE if that cannot be told: discovery is not permitted, or the API server is away.
  Status Check(const crypto::Jws& jws, std::string_view issuer);

 private:
  struct Key {
    crypto::JwsKey key;
    std::optional<MonoTime> gone_since = {};  ///< no longer published
  };
  struct Published {
    std::string issuer;
    std::vector<crypto::JwsKey> keys;
  };

  bool MustAsk(std::string_view key_id) const;
  void Ask();
  Result<Published> Fetch() const;
  Result<std::string> Get(const std::string& path, std::string_view what) const;
  void Take(Published published);
  void NoteFailure(Error error);
  std::vector<crypto::JwsKey> Candidates(std::string_view key_id) const;

  Api& api_;
  const Options options_;
  const Clock& clock_;
  Logger& logger_;

  std::mutex asking_;  ///< held while the API server is asked; before mutex_
  mutable std::mutex mutex_;
  std::vector<Key> keys_;
  std::string issuer_;
  std::optional<MonoTime> fetched_;
  std::optional<MonoTime> ask_after_;  ///< not before this moment; nullopt: never asked
  std::string problem_;                ///< of the last attempt; empty: it worked
};

}  // namespace signet::kubernetes
