#pragma once

// Private to attestor/kubernetes.

#include <memory>
#include <mutex>

#include "attestor/kubernetes/api_config.h"
#include "attestor/kubernetes/http.h"
#include "core/base/clock.h"
#include "core/base/log.h"

namespace signet::kubernetes {

/// Credentials keeps what a configuration's files hold, and reads them again once they are older
/// than 30 seconds: tokens change each hour, authorities without notice. Safe for several threads.
class Credentials {
 public:
  struct Current {
    std::shared_ptr<const HttpSetup> setup;  ///< the same object as long as nothing in it changes
    std::shared_ptr<const Secret> token;     ///< nullptr: none
  };

  /// All must outlive this.
  Credentials(std::shared_ptr<const ApiConfig> config, const Clock& clock, Logger& logger);

  /// Get: FAILED_PRECONDITION if the files cannot be read and never could. Files that stop being
  /// readable are complained of once, and what they held goes on being used.
  Result<Current> Get();
  /// Refresh reads the files now; true if the token or the certificate is another one than
  /// `refused`.
  bool Refresh(const Current& refused);

 private:
  Result<Current> Load() const;
  Status Update();

  std::shared_ptr<const ApiConfig> config_;
  const Clock& clock_;
  Logger& logger_;
  std::mutex mutex_;
  Current current_;
  MonoTime read_at_{};
  bool complained_ = false;
};

}  // namespace signet::kubernetes
