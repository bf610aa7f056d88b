#pragma once

#include <fstream>
#include <string>

#include "core/base/bytes.h"
#include "core/base/encoding.h"

namespace signet::kubelet::test {

/// WirePod gives a pod of tests/data/kubelet/pods.txt, as Kubernetes' own types write it.
inline std::string WirePod(const std::string& name) {
  std::ifstream file(SIGNET_TEST_DATA "/kubelet/pods.txt");
  std::string key;
  std::string hex;
  while (file >> key >> hex) {
    if (key == name) {
      return std::string(AsText(*HexDecode(hex)));
    }
  }
  return "no such pod";
}

inline constexpr char kUid[] = "00000000-1111-4222-8333-44444444444a";

}  // namespace signet::kubelet::test
