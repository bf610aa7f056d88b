#pragma once

#include <string>

namespace signet::test {

/// MakeKubePki writes ca.pem, ca.key, server.pem, server.key (localhost, 127.0.0.1), sa.key and
/// sa.pub (RSA) into an existing folder. An RSA key takes long, so that one is kept in
/// <kept>.key and used again.
void MakeKubePki(const std::string& folder, const std::string& kept);

/// KubeUser is what a client certificate says.
struct KubeUser {
  std::string name;        ///< common name
  std::string group = {};  ///< organization
};

/// IssueKubeClient writes <file>.pem and <file>.key, signed by the CA of `pki`.
void IssueKubeClient(const std::string& pki, const KubeUser& user, const std::string& file);

}  // namespace signet::test
