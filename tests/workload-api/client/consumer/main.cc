// Uses the installed library the way a workload does: a source, two bound contexts, and the reason for having no
// identity yet.
#include <openssl/ssl.h>

#include <iostream>

#include "workload-api/client/authorizer.h"
#include "workload-api/client/connections.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/client/identity_watch.h"
#include "workload-api/client/resumption.h"
#include "workload-api/client/ticker.h"
#include "workload-api/client/tls.h"
#include "workload-api/client/x509_source.h"

namespace {

namespace client = signet::client;

int Fail(const std::string& why) {
  std::cerr << "consumer: " << why << "\n";
  return 1;
}

// Everything that watches can be made before there is an identity, and says that there is none.
bool Watches(const std::shared_ptr<client::X509Source>& source) {
  const auto live = client::Connections::Create({.source = source, .policy = {.at_peer_expiry = true}});
  const auto watch = client::IdentityWatch::Create({.source = source});
  if (!live.ok() || !watch.ok()) {
    return false;
  }
  const client::Ticker ticker(std::chrono::seconds(1), [&live] { (*live)->Tick(); });
  return (*live)->size() == 0 && (*watch)->Health() == client::IdentityHealth::kMissing;
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
      signet::client::ConfigureClient(
          client, *source, signet::client::AuthorizeMemberOf(id->trust_domain()),
          {.resumption = signet::client::Resumption::kEpoch,
           .on_session = [](const SSL*, const signet::client::ResumableSession&) {}})
          .ok() &&
      signet::client::MetricsOf(server).ok();
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  if (!bound) {
    return Fail("cannot bind an SSL_CTX");
  }
  if (!Watches(*source)) {
    return Fail("cannot watch");
  }
  const signet::Status ready = (*source)->WaitUntilReady(std::chrono::milliseconds(100));
  if (ready.code() != signet::Code::kDeadlineExceeded || (*source)->Current() != nullptr) {
    return Fail("an identity out of nowhere");
  }
  std::cout << "consumer: ok: " << ready.error().message << "\n";
  return 0;
}
