// Uses the installed library the way a workload does: a source, two bound contexts, and the reason for having no
// identity yet.
#include <openssl/ssl.h>

#include <iostream>

#include "workload-api/client/authorizer.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/client/tls.h"
#include "workload-api/client/x509_source.h"

namespace {

int Fail(const std::string& why) {
  std::cerr << "consumer: " << why << "\n";
  return 1;
}

}  // namespace

int main() {
  const auto id = signet::spiffe::SpiffeId::Parse("spiffe://example.org/backend");
  const auto source = signet::client::X509Source::Open({.endpoint = "unix:///nonexistent/api.sock"});
  if (!id.ok() || !source.ok()) {
    return Fail("cannot open a source");
  }
  SSL_CTX* server = SSL_CTX_new(TLS_server_method());
  SSL_CTX* client = SSL_CTX_new(TLS_client_method());
  const bool bound =
      signet::client::ConfigureServer(server, *source, signet::client::AuthorizeId(*id)).ok() &&
      signet::client::ConfigureClient(client, *source,
                                      signet::client::AuthorizeMemberOf(id->trust_domain()))
          .ok();
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  if (!bound) {
    return Fail("cannot bind an SSL_CTX");
  }
  const signet::Status ready = (*source)->WaitUntilReady(std::chrono::milliseconds(100));
  if (ready.code() != signet::Code::kDeadlineExceeded || (*source)->Current() != nullptr) {
    return Fail("an identity out of nowhere");
  }
  std::cout << "consumer: ok: " << ready.error().message << "\n";
  return 0;
}
