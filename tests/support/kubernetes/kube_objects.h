#pragma once

#include <map>
#include <string>
#include <vector>

namespace signet::test {

struct KubeContainer {
  std::string name = "main";
  std::string image = "registry.example/app:1";
};

/// KubePod is what CreatePod sends. Its phase is Pending until SetPodStatus.
struct KubePod {
  std::string ns;
  std::string name;
  std::string sa = "default";
  std::string node = {};  ///< spec.nodeName; empty: not scheduled
  std::map<std::string, std::string> labels = {};
  std::map<std::string, std::string> annotations = {};
  std::vector<KubeContainer> containers = {KubeContainer{}};
  std::vector<KubeContainer> init_containers = {};
  std::string owner = {};      ///< "Kind/name/uid", a controller; empty: none
  std::string spec_json = {};  ///< merged into spec (RFC 7396), e.g. projected volumes
};

struct KubeContainerStatus {
  std::string name = "main";
  std::string container_id = {};  ///< e.g. "containerd://<64 hex>"; empty: waiting
  std::string image = "registry.example/app:1";
  std::string image_id = {};
};

struct KubePodStatus {
  std::string phase = "Running";
  std::string host_ip = "192.0.2.10";
  std::vector<KubeContainerStatus> containers = {};
  std::vector<KubeContainerStatus> init_containers = {};
  std::vector<KubeContainerStatus> ephemeral_containers = {};
};

/// KubeToken is a TokenRequest.
struct KubeToken {
  std::string ns;
  std::string sa = "default";
  std::vector<std::string> audiences = {};  ///< empty: the API server's own
  std::string bound_kind = {};              ///< Pod, Secret, Node; empty: bound to nothing
  std::string bound_name = {};
  std::string bound_uid = {};
  long seconds = 600;
};

}  // namespace signet::test
