#pragma once

#include <functional>
#include <memory>
#include <string>

#include "attestor/kubernetes/api.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/ticker.h"
#include "core/spiffe/bundle.h"

namespace signet::publish {

/// ConfigMapRef names one key of one ConfigMap.
struct ConfigMapRef {
  std::string namespace_name = "spire";
  std::string name = "spire-bundle";
  std::string key = "bundle.crt";
};

/// PemOf gives the X.509 authorities of a bundle as PEM, one after the other, as agents expect it
/// in a ConfigMap.
std::string PemOf(const spiffe::Bundle& bundle);

/// BundleConfigMap keeps a key of a ConfigMap equal to the PEM bundle: at the start, at each
/// Changed, and every ten minutes (somebody may have deleted it). It works on a thread of its own,
/// so nothing ever waits for the cluster; what fails is logged once and tried again, at first after
/// a second, at last every minute.
///
/// It needs the rights get and patch on that one ConfigMap, and create in its namespace only if the
/// ConfigMap is not there yet. Other keys of it are left alone.
class BundleConfigMap {
 public:
  /// pem gives the bundle as it is now; called on the thread of its own.
  using Source = std::function<std::string()>;
  BundleConfigMap(ConfigMapRef ref, std::unique_ptr<kubernetes::Api> api, Source pem,
                  Logger& logger);

  /// Start begins to publish; the destructor ends it.
  void Start();
  /// Changed: the bundle has changed. Never blocks.
  void Changed();

  /// Publish makes one comparison, and a change if there is a difference: true. An error names the
  /// right that is missing.
  Result<bool> Publish();

 private:
  Duration Step();
  /// kRaced: somebody else has changed the ConfigMap meanwhile.
  enum class Outcome { kSame, kChanged, kRaced };
  Result<Outcome> Try(const std::string& pem);
  Result<Outcome> Create(const std::string& pem);
  Result<Outcome> Replace(const std::string& pem, const std::string& version);
  std::string Path() const;

  const ConfigMapRef ref_;
  const std::unique_ptr<kubernetes::Api> api_;
  const Source pem_;
  Logger& logger_;
  Duration backoff_ = Duration::zero();  ///< zero: the last step was good; the ticker's alone
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace signet::publish
