#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/crypto/key.h"
#include "core/crypto/x509_svid.h"

namespace signet::client {

/// X509Identity is one identity that the agent granted: certificate chain, its key, and the
/// operator's hint.
struct X509Identity {
  crypto::X509Svid svid;
  std::shared_ptr<const crypto::PrivateKey> key;  ///< fits the leaf; never null
  std::string hint;                               ///< may be empty

  const spiffe::SpiffeId& id() const { return svid.id; }
};

/// X509Context is everything the Workload API said last: the whole state, never a difference
/// (WL-04, WL-07). Immutable once published; hold the shared_ptr as long as it is used.
struct X509Context {
  std::vector<X509Identity> identities;  ///< at least one, in the agent's order
  std::size_t default_index = 0;         ///< the first (WL-41), or the picker's choice
  crypto::TrustStores trust_stores;      ///< own and federated trust domains
  /// The authorities in those stores, DER, for whoever hands them on.
  std::map<spiffe::TrustDomain, std::vector<Bytes>> bundles;
  std::vector<std::string> warnings;  ///< what was left out of this message, and why

  const X509Identity& default_identity() const { return identities[default_index]; }
};

using X509Snapshot = std::shared_ptr<const X509Context>;

/// SvidPicker chooses the default identity out of several; an index past the end makes the message
/// invalid.
using SvidPicker = std::function<std::size_t(const std::vector<X509Identity>&)>;

/// X509Message is one FetchX509SVID answer as it came over the wire, before any check.
struct X509Message {
  struct Svid {
    std::string spiffe_id;
    Bytes x509_svid;  ///< concatenated DER
    Secret key;       ///< PKCS#8
    Bytes bundle;     ///< concatenated DER
    std::string hint;
  };
  std::vector<Svid> svids;
  std::map<std::string, Bytes> federated_bundles;
};

/// BuildX509Context checks a message and turns it into a context. INVALID_ARGUMENT, and the whole
/// message is to be dropped, when a mandatory field is empty or an identity or its own bundle does
/// not hold (WL-10). Of entries with the same hint the first wins (WL-19). A federated bundle that
/// is broken is left out with a warning: its domain is then not trusted, and the workload's own
/// rotation goes on.
Result<X509Context> BuildX509Context(X509Message message, const SvidPicker& picker = {});

}  // namespace signet::client
