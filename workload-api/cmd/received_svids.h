#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/crypto/certificate.h"

class X509SVIDResponse;

namespace signet::agent_cmd {

/// ReceivedSvid is one identity of a response, parsed and checked.
struct ReceivedSvid {
  std::string spiffe_id;
  std::string hint;
  std::vector<crypto::Certificate> chain = {};  ///< leaf first
  Secret key = {};                              ///< PKCS#8, fits the leaf
  std::vector<crypto::Certificate> bundle = {};
};

struct ReceivedSvids {
  std::vector<ReceivedSvid> svids;
  std::map<std::string, std::vector<crypto::Certificate>> federated;  ///< by trust domain
};

/// ReadSvids parses a response and checks each SVID: the ID is the leaf's, the key fits, the chain
/// leads to the bundle at `now`. The error names the identity.
Result<ReceivedSvids> ReadSvids(const X509SVIDResponse& response, SystemTime now);

/// PrintSvids writes what SPIRE's CLI writes: IDs, validity of leafs, intermediates and
/// authorities.
void PrintSvids(const ReceivedSvids& received, Duration after, std::ostream& out);

/// WriteSvids makes svid.N.pem, svid.N.key (0600), bundle.N.pem and federated_bundle.N.M.pem in a
/// folder and tells so.
Status WriteSvids(const ReceivedSvids& received, const std::string& folder, std::ostream& out);

}  // namespace signet::agent_cmd
