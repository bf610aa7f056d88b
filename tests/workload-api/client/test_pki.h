#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "workload-api/client/x509_context.h"

namespace signet::client::test {

/// LeafRequest says what a test SVID is like. Everything here is made by tests/support/pki.h,
/// without code of ours.
struct LeafRequest {
  std::vector<std::string> uris = {"spiffe://example.org/web"};
  std::chrono::seconds not_before = std::chrono::minutes(-1);  ///< from now
  std::chrono::seconds not_after = std::chrono::hours(1);
  bool through_intermediate = false;
  bool rsa = false;
};

/// Leaf is one certificate chain and its key, as the Workload API carries them.
struct Leaf {
  std::vector<Bytes> chain;
  Bytes pkcs8;
  Bytes Concatenated() const;
};

/// Authority is a root of a trust domain, good around the real now, and an intermediate below it.
class Authority {
 public:
  explicit Authority(const std::string& trust_domain);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  const Bytes& der() const;
  Leaf Issue(const LeafRequest& request = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// WireSvid is an identity as an agent sends it; its bundle is the authority.
X509Message::Svid WireSvid(const Authority& authority, const std::string& id,
                           const std::string& hint = "");

/// MessageFor has one identity.
X509Message MessageFor(const Authority& authority, const std::string& id);

/// SnapshotFor is what a source would hold after MessageFor.
X509Snapshot SnapshotFor(X509Message message);

}  // namespace signet::client::test
