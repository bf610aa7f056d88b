#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "tests/workload-api/client/fake_provider.h"
#include "tests/workload-api/client/test_pki.h"
#include "workload-api/client/tls.h"

namespace signet::client::test {

inline constexpr const char* kServerId = "spiffe://example.org/server";
inline constexpr const char* kClientId = "spiffe://example.org/client";
inline constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

spiffe::SpiffeId Id(const char* text);

std::shared_ptr<FakeProvider> ProviderFor(const Authority& authority, const char* id);

/// SnapshotOf holds an identity made to order.
X509Snapshot SnapshotOf(const Authority& authority, const LeafRequest& request);

/// What is made here speaks this version and none above it.
ContextPtr NewContext(int version = TLS1_3_VERSION);
ContextPtr Server(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
                  int version = TLS1_3_VERSION, TlsOptions options = {});
ContextPtr Client(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
                  int version = TLS1_3_VERSION, TlsOptions options = {});

/// Pair is a client and a server that talk through memory. Made on any thread: Catch asserts on one
/// alone, so this aborts instead.
struct Pair {
  Pair(const ContextPtr& client_context, const ContextPtr& server_context);
  /// Talk does what is left of the handshake and sends a byte there and back: with TLS 1.3 only
  /// this proves that the client was let in.
  bool Talk();
  SslPtr client;
  SslPtr server;
};

/// Both is a client and a server of one trust domain that accept each other alone.
struct Both {
  explicit Both(int version = TLS1_3_VERSION, const LeafRequest& leaf = {.uris = {kClientId}});

  Authority authority{"example.org"};
  std::shared_ptr<FakeProvider> client_source;
  std::shared_ptr<FakeProvider> server_source;
  ContextPtr client;
  ContextPtr server;
};

}  // namespace signet::client::test
