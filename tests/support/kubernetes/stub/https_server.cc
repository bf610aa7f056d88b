#include "tests/support/kubernetes/stub/https_server.h"

#include <httplib.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "core/base/check.h"
#include "tests/support/kubernetes/stub/watch.h"

namespace signet::test::kube {
namespace {

constexpr int kBacklog = 512;
constexpr time_t kIdleSeconds = 300;

/// ThreadEach runs every connection on a thread of its own.
class ThreadEach : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override { std::thread(std::move(task)).detach(); }
  void shutdown() override {}
};

bool SetUpTls(SSL_CTX& context, const std::string& pki) {
  const std::string ca = pki + "/ca.pem";
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  SSL_CTX_set_options(&context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_client_CA_list(&context, SSL_load_client_CA_file(ca.c_str()));
  // As the API server does, a bad client certificate is let in and answered with 401.
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  return SSL_CTX_load_verify_locations(&context, ca.c_str(), nullptr) == 1 &&
         SSL_CTX_use_certificate_chain_file(&context, (pki + "/server.pem").c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(&context, (pki + "/server.key").c_str(), SSL_FILETYPE_PEM) ==
             1;
}

std::vector<std::string> NameParts(X509_NAME* name, int nid) {
  std::vector<std::string> out;
  for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(name, nid, at)) {
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return out;
}

void ReadCertificate(const SSL* ssl, Request& request) {
  X509* const certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) {
    return;
  }
  request.bad_certificate = SSL_get_verify_result(ssl) != X509_V_OK;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const std::vector<std::string> names = NameParts(subject, NID_commonName);
  if (!request.bad_certificate && !names.empty()) {
    request.certificate_name = names.front();
    request.certificate_groups = NameParts(subject, NID_organizationName);
  }
  X509_free(certificate);
}

Request Decode(const httplib::Request& raw) {
  Request request{.method = raw.method,
                  .path = raw.path,
                  .query = {raw.params.begin(), raw.params.end()},
                  .body = raw.body,
                  .accept = raw.get_header_value("Accept"),
                  .content_type = raw.get_header_value("Content-Type"),
                  .authorization = raw.get_header_value("Authorization")};
  ReadCertificate(raw.ssl, request);
  return request;
}

bool HungUp(int socket) {
  pollfd state{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/// Writes what a watch has; false breaks the connection.
bool Feed(Watch& watch, int socket, httplib::DataSink& sink) {
  std::string lines;
  switch (watch.Next(lines)) {
    case Watch::Step::kData:
      return sink.write(lines.data(), lines.size());
    case Watch::Step::kIdle:
      return !HungUp(socket);
    case Watch::Step::kEnd:
      sink.done();
      return true;
    case Watch::Step::kCut:
      return false;
  }
  return false;
}

void Encode(const Answer& answer, const httplib::Request& raw, httplib::Response& response) {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) {
    response.set_header(name, value);
  }
  if (answer.watch == nullptr) {
    response.set_content(answer.body, answer.content_type);
    return;
  }
  // A compressed stream would hold events back; the object behind the reference is not const.
  const_cast<httplib::Request&>(raw).headers.erase("Accept-Encoding");
  response.set_chunked_content_provider(
      answer.content_type,
      [watch = answer.watch, socket = SSL_get_fd(raw.ssl)](std::size_t, httplib::DataSink& sink) {
        return Feed(*watch, socket, sink);
      });
}

}  // namespace

struct HttpsServer::Impl {
  explicit Impl(const std::string& pki)
      : server([&](SSL_CTX& context) { return SetUpTls(context, pki); }) {}
  httplib::SSLServer server;
  int listener = -1;
};

HttpsServer::HttpsServer(const std::string& pki, int port) : impl_(std::make_unique<Impl>(pki)) {
  httplib::SSLServer& server = impl_->server;
  SIGNET_CHECK(server.is_valid(), "kube_stub: cannot use the certificates in " + pki);
  server.new_task_queue = [] { return new ThreadEach; };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000);
  server.set_keep_alive_timeout(kIdleSeconds);
  server.set_socket_options([this](socket_t socket) {
    httplib::default_socket_options(socket);
    impl_->listener = socket;
  });
  const std::string host = "127.0.0.1";
  port_ = port == 0 ? server.bind_to_any_port(host) : server.bind_to_port(host, port) ? port : -1;
  SIGNET_CHECK(port_ > 0, "kube_stub: cannot listen on port " + std::to_string(port));
  // The library's own backlog of 5 is too short for hundreds of clients at once.
  ::listen(impl_->listener, kBacklog);
}

HttpsServer::~HttpsServer() = default;

void HttpsServer::Start(std::function<Answer(const Request&)> handler) {
  const auto serve = [handler = std::move(handler)](const httplib::Request& raw,
                                                    httplib::Response& response) {
    Encode(handler(Decode(raw)), raw, response);
  };
  httplib::SSLServer& server = impl_->server;
  server.Get(".*", serve);
  server.Post(".*", serve);
  server.Put(".*", serve);
  server.Patch(".*", serve);
  server.Delete(".*", serve);
  std::thread([&server] { server.listen_after_bind(); }).detach();
}

}  // namespace signet::test::kube
