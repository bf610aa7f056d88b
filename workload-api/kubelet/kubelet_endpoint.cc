#include "workload-api/kubelet/kubelet_endpoint.h"

namespace signet::kubelet {
namespace {

constexpr char kClusterCa[] = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
constexpr char kPodToken[] = "/var/run/secrets/kubernetes.io/serviceaccount/token";

}  // namespace

kubernetes::ApiConfig KubeletApiConfig(const KubeletEndpoint& endpoint) {
  const bool local = endpoint.node_name.empty();
  kubernetes::ApiConfig config;
  config.origin = "the kubelet";
  config.server =
      "https://" + (local ? "127.0.0.1" : endpoint.node_name) + ":" + std::to_string(endpoint.port);
  config.any_name = local;
  config.ca.file = endpoint.ca_path.empty() ? kClusterCa : endpoint.ca_path;
  if (endpoint.anonymous) {
    return config;
  }
  config.certificate.file = endpoint.certificate_path;
  config.key.file = endpoint.private_key_path;
  config.token.file = endpoint.token_path;
  if (config.token.file.empty() && config.certificate.file.empty()) {
    config.token.file = kPodToken;
  }
  return config;
}

}  // namespace signet::kubelet
