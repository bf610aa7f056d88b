// mtls_server answers each line of an authorized client and says who sent it.
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <vector>

#include "examples/mtls/connection.h"
#include "examples/mtls/workload.h"
#include "workload-api/client/tls.h"

namespace example {
namespace {

namespace client = signet::client;

// Connections are served by this many threads; one more has to wait in the listen queue.
constexpr int kThreads = 16;

class Server {
 public:
  Server(Workload& workload, signet::UniqueFd listener, SslContext context)
      : workload_(workload), listener_(std::move(listener)), context_(std::move(context)) {
    for (int i = 0; i < kThreads; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }

  void Stop() {
    stopping_ = true;
    shutdown(listener_.get(), SHUT_RDWR);
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  std::string Stats() const {
    return "requests=" + std::to_string(requests_) + " failed=" + std::to_string(failed_) +
           " handshakes=" + std::to_string(handshakes_) + " refused=" + std::to_string(refused_);
  }
  bool failed() const { return failed_ > 0; }

 private:
  void Run() {
    while (!stopping_) {
      signet::UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd) {
        Serve(std::move(fd));
      }
    }
  }

  void Serve(signet::UniqueFd fd) {
    auto connection = Connection::Accept(context_.get(), std::move(fd));
    if (!connection.ok()) {
      ++refused_;
      Say(workload_.name(), "handshake refused: " + connection.error().message);
      return;
    }
    ++handshakes_;
    const auto peer = client::PeerId(connection->ssl());
    if (!peer.ok()) {
      ++failed_;
      Say(workload_.name(), "peer without identity: " + peer.error().message);
      return;
    }
    if (const signet::Status status = Talk(*connection, peer->ToString()); !status.ok()) {
      ++failed_;
      Say(workload_.name(), "talking with " + peer->ToString() + ": " + status.error().message);
    }
  }

  signet::Status Talk(Connection& connection, const std::string& peer) {
    while (!stopping_) {
      const auto line = connection.ReadLine();
      if (line.code() == signet::Code::kOutOfRange) {
        return {};
      }
      if (line.code() == signet::Code::kDeadlineExceeded) {
        continue;
      }
      SIGNET_TRY(line);
      SIGNET_TRY(connection.WriteLine("to " + peer + ": " + *line));
      ++requests_;
    }
    connection.Close();
    return {};
  }

  Workload& workload_;
  signet::UniqueFd listener_;
  SslContext context_;
  std::atomic<bool> stopping_ = false;
  std::atomic<long> requests_ = 0, failed_ = 0, handshakes_ = 0, refused_ = 0;
  std::vector<std::thread> threads_;
};

signet::Result<SslContext> MakeContext(const Workload& workload, const std::string& authorize) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(authorize));
  SslContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SIGNET_TRY(client::ConfigureServer(
      context.get(), workload.source(), client::AuthorizeId(std::move(id)),
      {.on_refused = [name = workload.name()](const signet::Error& e) { Say(name, e.message); },
       .resumption = workload.resumption()}));
  return context;
}

signet::Result<bool> Run(Workload& workload, const Flags& flags) {
  SIGNET_TRY_ASSIGN(SslContext context, MakeContext(workload, flags.Get("authorize")));
  SIGNET_TRY_ASSIGN(signet::UniqueFd listener, Listen(flags.Get("listen")));
  Say(workload.name(), "listening on " + LocalAddress(listener) + " for " + flags.Get("authorize"));
  Server server(workload, std::move(listener), std::move(context));
  WaitForEnd(flags.Time("duration"));
  server.Stop();
  Say(workload.name(), "stats: " + server.Stats() + " " + workload.Changes());
  return !server.failed();
}

int Main(int argc, char** argv) {
  const Flags flags(argc, argv,
                    {{"listen", "127.0.0.1:8443"},
                     {"authorize", ""},
                     {"socket", ""},
                     {"duration", "0s"},
                     {"resumption", "off"},
                     {"wait", "30s"},
                     {"name", "server"}});
  return RunProgram(flags, Run);
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) { return example::Main(argc, argv); }
