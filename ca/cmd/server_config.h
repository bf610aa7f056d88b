#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ca/cmd/kubernetes_config.h"
#include "ca/issuance/x509_issuer.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/crypto/key.h"
#include "core/spiffe/spiffe_id.h"
#include "core/spiffe/trust_domain.h"

namespace signet::ca_cmd {

/// ServerConfig is the checked configuration of `signet-server run`. Names and defaults are
/// SPIRE's.
struct ServerConfig {
  spiffe::TrustDomain trust_domain;
  std::string bind_address = "0.0.0.0";
  std::uint16_t bind_port = 8081;
  std::string socket_path;
  std::string data_dir;
  std::string key_manager = "disk";  ///< "disk" or "memory"
  crypto::KeyType ca_key_type = crypto::KeyType::kEcP256;
  Duration ca_ttl = std::chrono::hours(24);
  issuance::SubjectName ca_subject = {"US", "SPIFFE", ""};
  Duration default_x509_svid_ttl = std::chrono::hours(1);
  Duration default_jwt_svid_ttl = std::chrono::minutes(5);
  Duration agent_ttl = Duration::zero();  ///< zero: default_x509_svid_ttl
  std::vector<spiffe::SpiffeId> admin_ids = {};
  bool ratelimit_attestation = true;
  bool ratelimit_signing = true;
  LogOptions log = {};
  KubernetesConfig kubernetes = {};
};

}  // namespace signet::ca_cmd
