#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::kubernetes {

/// Material is a file that is read again when it changes, or bytes that a kubeconfig holds itself.
struct Material {
  std::string file = {};
  Secret data = {};
  bool empty() const { return file.empty() && data.empty(); }
};

/// ApiConfig says where an API server is and how we prove who we are. Files are read by the client
/// (tokens and certificates at least every 60 s), so nothing secret is kept here but inline data.
struct ApiConfig {
  std::string origin;                ///< for messages: "kubeconfig /x, context y", "in-cluster"
  std::string server;                ///< "https://host[:port][/base]", without a '/' at its end
  std::string tls_server_name = {};  ///< name in the server's certificate, if not its host
  std::string proxy_url = {};
  Material ca = {};           ///< PEM; empty: the machine's authorities
  Material token = {};        ///< bearer token
  Material certificate = {};  ///< PEM, with key: TLS client authentication
  Material key = {};
  /// any_name takes whatever name the server's certificate has; its chain is checked all the same.
  /// For a server on loopback whose own certificate is the CA above.
  bool any_name = false;
};

/// InCluster is what Kubernetes tells each container.
struct InCluster {
  std::string service_host = {};  ///< environment KUBERNETES_SERVICE_HOST
  std::string service_port = {};  ///< environment KUBERNETES_SERVICE_PORT; empty: 443
  std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount";  ///< token and ca.crt
};

/// LoadApiConfig reads a kubeconfig's current context; an empty path means in-cluster.
/// FAILED_PRECONDITION / INVALID_ARGUMENT say what is missing or not supported
/// (insecure-skip-tls-verify, auth-provider, exec …) and what to do.
Result<std::shared_ptr<const ApiConfig>> LoadApiConfig(const std::string& kube_config_file,
                                                       const InCluster& in_cluster = {});

/// ParseKubeConfig is LoadApiConfig's reading of a file's text, YAML or JSON. Relative paths in it
/// are relative to `folder`. Messages never quote its values but names, paths and addresses.
Result<ApiConfig> ParseKubeConfig(std::string_view text, const std::string& folder);

}  // namespace signet::kubernetes
