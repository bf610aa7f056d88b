// http_server PORT CLIENT_ID: an HTTPS server of cpp-httplib that lets one client in and tells it
// who it is. Connections end at the latest ten seconds after the client's certificate has.
#include <httplib.h>

#include <atomic>
#include <thread>

#include "examples/http/program.h"
#include "workload-api/client/connections.h"
#include "workload-api/client/ticker.h"
#include "workload-api/client/tls.h"

namespace example {
namespace {

namespace client = signet::client;

struct Figures {
  std::atomic<long> requests = 0, refused = 0, drained = 0;
};

// What is due says so in its next answer; what stays idle loses its socket.
std::shared_ptr<client::Connections> Registry(std::shared_ptr<const client::X509Source> source) {
  return client::Connections::Create({.source = std::move(source),
                                      .policy = {.at_peer_expiry = true,
                                                 .on_authority_removal = true,
                                                 .shutdown_after = std::chrono::seconds(10)}})
      .value();
}

class Server {
 public:
  Server(std::shared_ptr<client::X509Source> source, signet::spiffe::SpiffeId authorized,
         Figures& figures)
      : figures_(figures), live_(Registry(source)), https_([&](SSL_CTX& context) {
          // The whole of the binding: certificates, keys and authorities rotate by themselves.
          return client::ConfigureServer(&context, source, client::AuthorizeId(authorized),
                                         {.on_refused =
                                              [&figures](const signet::Error& e) {
                                                ++figures.refused;
                                                Say(e.message);
                                              }})
              .ok();
        }) {
    https_.set_keep_alive_max_count(1'000'000);
    https_.Get("/", [this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
    });
  }

  bool Listen(int port) {
    const int bound = port == 0 ? https_.bind_to_any_port("127.0.0.1")
                                : (https_.bind_to_port("127.0.0.1", port) ? port : -1);
    if (bound <= 0) {
      return false;
    }
    thread_ = std::thread([this] { https_.listen_after_bind(); });
    Say("listening on port " + std::to_string(bound));
    return true;
  }
  client::Connections& connections() { return *live_; }
  void Stop() {
    https_.stop();
    thread_.join();
  }

 private:
  void Answer(const httplib::Request& request, httplib::Response& response) {
    const auto peer = client::PeerId(request.ssl);
    // The connection is this thread's own as long as it answers.
    if (!peer.ok() || !live_->Track(const_cast<SSL*>(request.ssl)).ok()) {
      response.status = 403;
      return;
    }
    ++figures_.requests;
    if (live_->Due(request.ssl)) {
      ++figures_.drained;
      response.set_header("Connection", "close");
    }
    response.set_content("to " + peer->ToString() + "\n", "text/plain");
  }

  Figures& figures_;
  const std::shared_ptr<client::Connections> live_;
  httplib::SSLServer https_;
  std::thread thread_;
};

signet::Status Run(int port, const std::string& authorize) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(authorize));
  SIGNET_TRY_ASSIGN(auto source, OpenIdentity(std::chrono::seconds(30)));
  Figures figures;
  Server server(source, std::move(id), figures);
  client::Ticker ticker(std::chrono::seconds(1), [&server] { server.connections().Tick(); });
  if (!server.Listen(port)) {
    return signet::Unavailable("cannot listen on port " + std::to_string(port));
  }
  while (Wait(std::chrono::hours(1))) {
  }
  server.Stop();
  Say("stats: requests=" + std::to_string(figures.requests) + " refused=" +
      std::to_string(figures.refused) + " drained=" + std::to_string(figures.drained));
  return {};
}

int Main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: http_server PORT CLIENT_ID (port 0: any)\n");
    return 2;
  }
  BlockSignals();
  const signet::Status status = Run(std::atoi(argv[1]), argv[2]);
  if (!status.ok()) {
    Say(status.error().message);
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) { return example::Main(argc, argv); }
