#pragma once

#include <memory>

#include "core/rpc/server.h"
#include "core/rpc/transport.h"

namespace signet::rpc {

/// TlsAcceptor makes server-side TLS transports by a listener's options. Safe for several threads.
class TlsAcceptor {
 public:
  static std::unique_ptr<TlsAcceptor> Create(TlsOptions options);
  virtual ~TlsAcceptor() = default;
  /// Accept takes the identity of this moment; null identity or one that does not load is an error.
  virtual Result<std::unique_ptr<Transport>> Accept(UniqueFd socket) = 0;
};

}  // namespace signet::rpc
