// What binding a context to a source costs: CPU time of full handshakes, both sides of each in one
// thread and through memory.
//
//   handshake: ours_us=… plain_us=… ratio=… resumed_us=…
//
// TLS 1.3, mutual, P-256, one byte there and back. ours: ConfigureServer and ConfigureClient, with
// a source, verification per trust domain and an authorizer. plain: the same chains and settings in
// two SSL_CTX that never change, verified by OpenSSL alone. resumed: ours with Resumption::kEpoch.
// All run in alternating rounds, so that a change of the machine's speed meets all of them; the
// figures are medians over the rounds, by the thread's CPU time. Bar: ratio ≤ 1.10.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/check.h"
#include "tests/support/pki.h"
#include "workload-api/client/resumption.h"
#include "workload-api/client/tls.h"

namespace signet {
namespace {

using client::X509Message;
using client::X509Snapshot;
using test::TestCa;
using test::TestCert;

constexpr int kRounds = 41;
constexpr int kPerRound = 25;  // about 40 ms

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

double CpuMicroseconds() {
  timespec now{};
  SIGNET_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no CPU clock");
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

// Endpoints is one way of doing it.
struct Endpoints {
  ContextPtr server{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  ContextPtr client{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  std::function<void(SSL*)> before = [](SSL*) {};
  bool resumes = false;
};

void Handshake(const Endpoints& endpoints) {
  const SslPtr client(SSL_new(endpoints.client.get()), SSL_free);
  const SslPtr server(SSL_new(endpoints.server.get()), SSL_free);
  BIO* one = nullptr;
  BIO* other = nullptr;
  SIGNET_CHECK(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "no BIO pair");
  SSL_set_bio(client.get(), one, one);
  SSL_set_bio(server.get(), other, other);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  endpoints.before(client.get());
  while (SSL_is_init_finished(client.get()) == 0 || SSL_is_init_finished(server.get()) == 0) {
    const int ours = SSL_do_handshake(client.get());
    const int theirs = SSL_do_handshake(server.get());
    SIGNET_CHECK((ours == 1 || SSL_get_error(client.get(), ours) == SSL_ERROR_WANT_READ) &&
                     (theirs == 1 || SSL_get_error(server.get(), theirs) == SSL_ERROR_WANT_READ),
                 "the handshake fails");
  }
  char byte = 'x';
  SIGNET_CHECK(SSL_write(server.get(), &byte, 1) == 1 && SSL_read(client.get(), &byte, 1) == 1 &&
                   SSL_write(client.get(), &byte, 1) == 1 && SSL_read(server.get(), &byte, 1) == 1,
               "the connection carries nothing");
  SIGNET_CHECK((SSL_session_reused(server.get()) == 1) == endpoints.resumes, "wrong kind");
}

double Round(const Endpoints& endpoints) {
  const double begin = CpuMicroseconds();
  for (int i = 0; i < kPerRound; ++i) {
    Handshake(endpoints);
  }
  return (CpuMicroseconds() - begin) / kPerRound;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

class FixedSource final : public client::X509Provider {
 public:
  explicit FixedSource(X509Snapshot snapshot) : snapshot_(std::move(snapshot)) {}
  X509Snapshot Current() const override { return snapshot_; }

 private:
  X509Snapshot snapshot_;
};

// World is one CA with a server and a client.
struct World {
  TestCa ca{"example.org", RealClock().Now()};
  TestCert server = ca.IssueSvid("spiffe://example.org/server");
  TestCert client = ca.IssueSvid("spiffe://example.org/client");
};

std::shared_ptr<const FixedSource> Source(const World& world, const TestCert& cert,
                                          const char* id) {
  X509Message message;
  message.svids.push_back({id, cert.der, Secret(Bytes(cert.key_pkcs8)), world.ca.der(), ""});
  return std::make_shared<FixedSource>(std::make_shared<const client::X509Context>(
      client::BuildX509Context(std::move(message)).value()));
}

void Bind(const World& world, Endpoints& endpoints, client::Resumption resumption,
          std::optional<client::ResumableSession>* kept) {
  const auto id = [](const char* text) { return spiffe::SpiffeId::Parse(text).value(); };
  const char* const server = "spiffe://example.org/server";
  const char* const client = "spiffe://example.org/client";
  SIGNET_CHECK(
      client::ConfigureServer(endpoints.server.get(), Source(world, world.server, server),
                              client::AuthorizeId(id(client)), {.resumption = resumption})
              .ok() &&
          client::ConfigureClient(endpoints.client.get(), Source(world, world.client, client),
                                  client::AuthorizeId(id(server)),
                                  {.resumption = resumption,
                                   .on_session = [kept](const SSL*, const auto& s) { *kept = s; }})
              .ok(),
      "cannot bind");
}

void SetUpPlain(SSL_CTX* context, const World& world, const TestCert& cert, int verify) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_verify(context, verify, nullptr);
  const Bytes root = world.ca.der();
  const unsigned char* at = root.data();
  X509* authority = d2i_X509(nullptr, &at, static_cast<long>(root.size()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
  X509_free(authority);
  SIGNET_CHECK(SSL_CTX_use_certificate_ASN1(context, static_cast<int>(cert.der.size()),
                                            cert.der.data()) == 1 &&
                   SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context, cert.key_pkcs8.data(),
                                               static_cast<long>(cert.key_pkcs8.size())) == 1,
               "cannot set up the plain contexts");
}

int Main() {
  const World world;
  Endpoints ours;
  Bind(world, ours, client::Resumption::kOff, nullptr);
  Endpoints plain;
  SetUpPlain(plain.server.get(), world, world.server,
             SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
  SetUpPlain(plain.client.get(), world, world.client, SSL_VERIFY_PEER);
  std::optional<client::ResumableSession> kept;
  Endpoints resumed;
  Bind(world, resumed, client::Resumption::kEpoch, &kept);
  Handshake(resumed);
  resumed.resumes = true;
  resumed.before = [&kept](SSL* ssl) {
    SIGNET_CHECK(client::OfferSession(ssl, *kept).ok(), "the session is of no use");
  };
  std::vector<double> ours_us, plain_us, resumed_us;
  for (int i = 0; i < kRounds; ++i) {
    ours_us.push_back(Round(ours));
    plain_us.push_back(Round(plain));
    resumed_us.push_back(Round(resumed));
  }
  std::printf("handshake: ours_us=%.0f plain_us=%.0f ratio=%.3f resumed_us=%.0f\n", Median(ours_us),
              Median(plain_us), Median(ours_us) / Median(plain_us), Median(resumed_us));
  return 0;
}

}  // namespace
}  // namespace signet

int main() { return signet::Main(); }
