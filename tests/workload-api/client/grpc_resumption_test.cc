// The gRPC library hands out TLS session tickets and gives no way to stop that. OpenSSL does not
// verify who resumes; our judge, which runs after every handshake, does.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "core/base/unique_fd.h"
#include "tests/support/result.h"
#include "tests/workload-api/client/fake_provider.h"
#include "tests/workload-api/client/grpc_peers.h"

namespace signet::client {
namespace {

using test::Authority;
using test::FakeProvider;
using test::GrpcServer;
using test::Leaf;
using test::MessageFor;
using test::SnapshotFor;

template <class T, void (*kFree)(T*)>
struct Free {
  void operator()(T* p) const { kFree(p); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, Free<SSL_SESSION, SSL_SESSION_free>>;

UniqueFd Connect(const std::string& target) {
  const int port = std::stoi(target.substr(target.rfind(':') + 1));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience = {5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// RawClient is a TLS client that resumes the session it is given.
class RawClient {
 public:
  RawClient(const GrpcServer& server, const Leaf& leaf, int version)
      : context_(SSL_CTX_new(TLS_client_method())), fd_(Connect(server.target())) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_use_certificate_ASN1(context_.get(), static_cast<int>(leaf.chain[0].size()),
                                 leaf.chain[0].data());
    SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context_.get(), leaf.pkcs8.data(),
                                static_cast<long>(leaf.pkcs8.size()));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    const unsigned char h2[] = "\x02h2";
    SSL_set_alpn_protos(ssl_.get(), h2, sizeof h2 - 1);
  }

  void Resume(const SessionPtr& session) { SSL_set_session(ssl_.get(), session.get()); }
  // The server has begun to speak HTTP/2.
  bool IsLetIn() {
    char byte = 0;
    return SSL_connect(ssl_.get()) == 1 && SSL_read(ssl_.get(), &byte, 1) == 1;
  }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  SessionPtr End() {
    SessionPtr session(SSL_get1_session(ssl_.get()));
    SSL_shutdown(ssl_.get());
    return session;
  }

 private:
  std::unique_ptr<SSL_CTX, Free<SSL_CTX, SSL_CTX_free>> context_;
  UniqueFd fd_;
  std::unique_ptr<SSL, Free<SSL, SSL_free>> ssl_;
};

TEST_CASE("gRPC server: who resumes a TLS session is judged by the bundles of now") {
  const Authority authority("example.org");
  const Authority foreign("foreign.example");
  X509Message message = MessageFor(authority, "spiffe://example.org/server");
  message.federated_bundles.emplace("spiffe://foreign.example", foreign.der());
  const X509Snapshot trusting = SnapshotFor(std::move(message));
  // The same identity, so that the library keeps its ticket keys.
  auto without = std::make_shared<X509Context>(*trusting);
  without->trust_stores.erase(spiffe::TrustDomain::Parse("foreign.example").value());

  const auto source = std::make_shared<FakeProvider>(trusting);
  const GrpcServer server(source, AuthorizeAnyTrustedPeer());
  const Leaf leaf = foreign.Issue({.uris = {"spiffe://foreign.example/client"}});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    source->Set(trusting);
    RawClient first(server, leaf, version);
    REQUIRE(first.IsLetIn());
    const SessionPtr session = first.End();

    RawClient again(server, leaf, version);
    again.Resume(session);
    CHECK(again.IsLetIn());
    CHECK(again.resumed());

    source->Set(without);
    RawClient removed(server, leaf, version);
    removed.Resume(session);
    CHECK_FALSE(removed.IsLetIn());
    CHECK(removed.resumed());
  }
}

}  // namespace
}  // namespace signet::client
