#pragma once

#include <functional>
#include <memory>

#include "core/base/result.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

/// X509Transport speaks the Workload API's stream of X.509 identities.
class X509Transport {
 public:
  using OnMessage = std::function<void(X509Message)>;
  virtual ~X509Transport() = default;

  /// Watch connects, opens one stream and hands over every message until the stream ends; the
  /// status says how it ended, with gRPC's codes. Blocks; one at a time.
  virtual Status Watch(const OnMessage& on_message) = 0;
  /// Cancel ends the Watch under way, and every later one, at once. From any thread.
  virtual void Cancel() = 0;
};

/// MakeGrpcTransport talks plaintext gRPC to the endpoint, with the security header on every call
/// (EP-05).
std::unique_ptr<X509Transport> MakeGrpcTransport(const Endpoint& endpoint);

}  // namespace signet::client
