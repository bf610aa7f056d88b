#pragma once

#include <string>

namespace signet::test {

/// PodJson says what a test pod looks like; Write gives it as an API server would, managed fields
/// and all.
struct PodJson {
  std::string uid = "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11";
  std::string namespace_name = "shop";
  std::string name = "frontend-7d4b9c6f5-x2x7p";
  std::string service_account = "frontend";
  std::string node = "worker-1";
  std::string phase = "Running";
  std::string resource_version = "1001";
  std::string metadata = {};  ///< more members of metadata, each with a ',' before it
  std::string spec = {};      ///< the same for spec
  std::string status = {};    ///< and status

  std::string Write() const;
};

/// PodListJson wraps pods; an empty token leaves `continue` out.
std::string PodListJson(const std::string& items, const std::string& resource_version,
                        const std::string& continue_token = {});

}  // namespace signet::test
