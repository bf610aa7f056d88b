#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workload-api/authorizer/handler.h"

namespace signet::authorizer {

/// Limits bound what the callers of the socket can cost.
struct Limits {
  std::size_t max_connections = 1024;
  std::size_t max_connections_per_user = 768;
  std::size_t max_buffered_bytes = 16 * 1024 * 1024;  ///< unfinished requests; one user gets half
};

struct Options {
  std::string socket_path;  ///< absolute
  mode_t socket_mode = 0660;
  std::optional<gid_t> socket_group = {};  ///< none: the agent's own
  std::vector<Policy> policies = {};
  bool log_allowed = false;  ///< decisions that let pass are logged too
  Limits limits = {};
};

/// Authorizer answers proxies that cannot match a SPIFFE ID themselves, over HTTP on a Unix socket
/// of its own: certificate in, decision out. It has one thread; nothing exists of it until Start.
class Authorizer {
 public:
  /// Start binds the socket and serves. An error says what is wrong with the path.
  static Result<std::unique_ptr<Authorizer>> Start(Options options, const World& world);
  /// The destructor ends every connection, removes the socket and joins the thread.
  virtual ~Authorizer() = default;
};

}  // namespace signet::authorizer
