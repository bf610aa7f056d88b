#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/secret.h"
#include "core/crypto/key.h"
#include "core/spiffe/trust_domain.h"
#include "workload-api/authorizer/authorizer.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/cmd/k8s_attestor_config.h"
#include "workload-api/cmd/kubernetes_config.h"
#include "workload-api/sds/options.h"

namespace signet::agent_cmd {

enum class BundleFormat { kPem, kSpiffe };

/// AgentConfig is the checked configuration of `signet-agent run`. Names and defaults are SPIRE's.
struct AgentConfig {
  spiffe::TrustDomain trust_domain;
  std::string server_address;  ///< host name or numeric address
  std::uint16_t server_port = 8081;
  std::string data_dir;                ///< identity and bundle live here, 0700
  std::string socket_path;             ///< Workload API, absolute
  Secret join_token = {};              ///< empty: none; used only while the agent has no identity
  std::string join_token_file = {};    ///< read when it is needed, if join_token is empty
  std::string trust_bundle_path = {};  ///< first trust; ignored once data_dir holds a bundle
  BundleFormat trust_bundle_format = BundleFormat::kPem;
  bool insecure_bootstrap = false;  ///< take the server's word at first contact; for trials alone
  crypto::KeyType workload_x509_svid_key_type = crypto::KeyType::kEcP256;
  Duration sync_interval = std::chrono::seconds(5);
  std::optional<K8sAttestorConfig> k8s_attestor = {};  ///< none: pods mean nothing to the agent
  std::optional<K8sPsatConfig> k8s_psat = {};          ///< none: join tokens
  std::optional<CsiConfig> csi = {};                   ///< none: no sockets of pods' own
  bool disable_sds_api = false;
  sds::Options sds = {};
  std::vector<DeliveryTarget> delivery = {};  ///< identities as files, written by the agent itself
  std::optional<authorizer::Options> authorizer = {};  ///< none: no such service
  LogOptions log = {};                                 ///< for whoever makes the logger
};

}  // namespace signet::agent_cmd
