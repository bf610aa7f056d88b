#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "ca/cmd/server_config.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/result.h"

namespace signet::ca_cmd {

/// ServeDeps is the world that a server runs in; all of it must outlive the server.
struct ServeDeps {
  const Clock& clock;
  Random& random;
  Logger& logger;
};

/// RunningServer is a whole server: store, registry, authorities, own SVID and both listeners. It
/// can be started several times in one process (tests do), on different data directories.
class RunningServer {
 public:
  /// Start answers calls when it returns. Each failure names what is in the way (directory not
  /// writable, database from a newer version, port or socket in use …) and what to do.
  static Result<std::unique_ptr<RunningServer>> Start(const ServerConfig& config, ServeDeps deps);
  /// Stops as Stop does.
  virtual ~RunningServer() = default;

  /// tcp_port is the bound port, also when the configuration asked for 0.
  virtual std::uint16_t tcp_port() const = 0;
  /// Stop drains: no new calls, running ones may finish within 10 s. Idempotent.
  virtual void Stop() = 0;
};

/// Serve starts a server, calls wait_for_stop (which returns at SIGTERM or SIGINT), and stops it.
/// `ready` is told once calls are answered.
Status Serve(const ServerConfig& config, ServeDeps deps,
             const std::function<void(const RunningServer&)>& ready,
             const std::function<void()>& wait_for_stop);

}  // namespace signet::ca_cmd
