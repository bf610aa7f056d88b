#pragma once

#include <string>

namespace signet::test {

/// KubeSigningKey is the key of service account tokens.
struct KubeSigningKey {
  bool ec = false;   ///< P-256 and not RSA
  std::string kept;  ///< an RSA key takes long, so that one is kept in <kept>.key and used again
};

/// MakeKubePki writes ca.pem, ca.key, server.pem, server.key (localhost, 127.0.0.1), sa.key and
/// sa.pub into an existing folder.
void MakeKubePki(const std::string& folder, const KubeSigningKey& signing);

/// KubeUser is what a client certificate says.
struct KubeUser {
  std::string name;        ///< common name
  std::string group = {};  ///< organization
};

/// IssueKubeClient writes <file>.pem and <file>.key, signed by the CA of `pki`.
void IssueKubeClient(const std::string& pki, const KubeUser& user, const std::string& file);

}  // namespace signet::test
