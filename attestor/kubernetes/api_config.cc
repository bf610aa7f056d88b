#include "attestor/kubernetes/api_config.h"

#include <filesystem>
#include <utility>

#include "attestor/kubernetes/server_url.h"
#include "core/base/files.h"

namespace signet::kubernetes {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

Result<ApiConfig> LoadInCluster(const InCluster& in_cluster) {
  if (in_cluster.service_host.empty()) {
    return FailedPrecondition(
        "no kubeconfig is given and this is no pod (KUBERNETES_SERVICE_HOST is not set): name a "
        "kubeconfig file");
  }
  ApiConfig config;
  config.origin = "in-cluster";
  config.server = "https://" + BracketHost(in_cluster.service_host) + ":" +
                  (in_cluster.service_port.empty() ? "443" : in_cluster.service_port);
  config.ca.file = in_cluster.folder + "/ca.crt";
  config.token.file = in_cluster.folder + "/token";
  SIGNET_TRY_ASSIGN(const ServerUrl url, ParseServerUrl(config.server));
  for (const std::string& file : {config.ca.file, config.token.file}) {
    if (const auto content = ReadFile(file, kMaxFile); !content.ok()) {
      return FailedPrecondition(content.error().message +
                                " (does the pod set automountServiceAccountToken: false?)");
    }
  }
  return config;
}

Result<ApiConfig> LoadFile(const std::string& path) {
  SIGNET_TRY_ASSIGN(const Bytes text, ReadFile(path, kMaxFile));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  Result<ApiConfig> config = ParseKubeConfig(AsText(text), folder.empty() ? "." : folder);
  if (config.ok()) {
    config->origin = "kubeconfig " + path + ", " + config->origin;
  }
  return config;
}

}  // namespace

Result<std::shared_ptr<const ApiConfig>> LoadApiConfig(const std::string& kube_config_file,
                                                       const InCluster& in_cluster) {
  Result<ApiConfig> config =
      kube_config_file.empty()
          ? LoadInCluster(in_cluster).Context("in-cluster configuration")
          : LoadFile(kube_config_file).Context("kubeconfig " + kube_config_file);
  if (!config.ok()) {
    return std::move(config).error();
  }
  return std::make_shared<const ApiConfig>(std::move(config).value());
}

}  // namespace signet::kubernetes
