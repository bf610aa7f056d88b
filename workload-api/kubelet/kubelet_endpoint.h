#pragma once

#include <cstdint>
#include <string>

#include "attestor/kubernetes/api_config.h"

namespace signet::kubelet {

/// KubeletEndpoint is where the kubelet listens and how we prove who we are to it.
struct KubeletEndpoint {
  /// Empty: 127.0.0.1 (host network). Then the certificate's chain is checked and not its name, as
  /// kubelets have no certificate for that address.
  std::string node_name = {};
  std::uint16_t port = 10250;
  std::string ca_path = {};           ///< empty: the cluster's, as Kubernetes gives it to each pod
  std::string token_path = {};        ///< empty, and no certificate: the pod's own token
  std::string certificate_path = {};  ///< with private_key_path
  std::string private_key_path = {};
  bool anonymous = false;
};

/// KubeletApiConfig is the endpoint as the API client takes it.
kubernetes::ApiConfig KubeletApiConfig(const KubeletEndpoint& endpoint);

}  // namespace signet::kubelet
