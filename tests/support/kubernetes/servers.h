#pragma once

#include <memory>
#include <string>
#include <vector>

namespace signet::test {

/// KubeServers are the processes behind one API server: kube_stub, or etcd and kube-apiserver. They
/// end with this object. All files are in `folder`, which must exist and be empty.
class KubeServers {
 public:
  struct Options {
    std::vector<std::string> flags = {};  ///< of kube-apiserver
    bool es256 = false;                   ///< signs tokens with ES256 and not RS256
  };
  static std::unique_ptr<KubeServers> StartStub(const std::string& folder, const Options& options);
  static std::unique_ptr<KubeServers> StartReal(const std::string& folder, const Options& options);
  /// WhyNoReal: empty if a real API server can be started here.
  static std::string WhyNoReal();

  virtual ~KubeServers() = default;
  virtual std::string url() const = 0;
  virtual void Pause() = 0;     ///< the API server hangs
  virtual void Continue() = 0;  ///< ends Pause
  virtual void Stop() = 0;
  virtual void Start() = 0;  ///< again; returns when it answers
};

/// KubePki is the folder of the certificates of a server that runs in `folder`.
inline std::string KubePki(const std::string& folder) { return folder + "/pki"; }

}  // namespace signet::test
