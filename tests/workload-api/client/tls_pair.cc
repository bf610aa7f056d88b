#include "tests/workload-api/client/tls_pair.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include "core/base/check.h"
#include "tests/support/result.h"

namespace signet::client::test {

spiffe::SpiffeId Id(const char* text) { return spiffe::SpiffeId::Parse(text).value(); }

std::shared_ptr<FakeProvider> ProviderFor(const Authority& authority, const char* id) {
  return std::make_shared<FakeProvider>(SnapshotFor(MessageFor(authority, id)));
}

X509Snapshot SnapshotOf(const Authority& authority, const LeafRequest& request) {
  Leaf leaf = authority.Issue(request);
  X509Message message;
  message.svids.push_back({request.uris.at(0), leaf.Concatenated(), Secret(std::move(leaf.pkcs8)),
                           authority.der(), ""});
  return SnapshotFor(std::move(message));
}

ContextPtr NewContext(int version) {
  ContextPtr context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
}

ContextPtr Server(std::shared_ptr<const X509Provider> source, Authorizer authorizer, int version,
                  TlsOptions options) {
  ContextPtr context = NewContext(version);
  REQUIRE_OK(
      ConfigureServer(context.get(), std::move(source), std::move(authorizer), std::move(options)));
  return context;
}

ContextPtr Client(std::shared_ptr<const X509Provider> source, Authorizer authorizer, int version,
                  TlsOptions options) {
  ContextPtr context = NewContext(version);
  REQUIRE_OK(
      ConfigureClient(context.get(), std::move(source), std::move(authorizer), std::move(options)));
  return context;
}

Pair::Pair(const ContextPtr& client_context, const ContextPtr& server_context)
    : client(SSL_new(client_context.get()), SSL_free),
      server(SSL_new(server_context.get()), SSL_free) {
  BIO* one = nullptr;
  BIO* other = nullptr;
  SIGNET_CHECK(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "no BIO pair");
  SSL_set_bio(client.get(), one, one);
  SSL_set_bio(server.get(), other, other);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
}

bool Pair::Talk() {
  for (int i = 0; i < 10; ++i) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  char byte = 'x';
  const bool there =
      SSL_write(client.get(), &byte, 1) == 1 && SSL_read(server.get(), &byte, 1) == 1;
  const bool back = SSL_write(server.get(), &byte, 1) == 1 && SSL_read(client.get(), &byte, 1) == 1;
  ERR_clear_error();
  return there && back;
}

Both::Both(int version, const LeafRequest& leaf)
    : client_source(std::make_shared<FakeProvider>(SnapshotOf(authority, leaf))),
      server_source(ProviderFor(authority, kServerId)),
      client(Client(client_source, AuthorizeId(Id(kServerId)), version)),
      server(Server(server_source, AuthorizeId(Id(kClientId)), version)) {}

}  // namespace signet::client::test
