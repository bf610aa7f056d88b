// mtls_client sends requests for as long as it is told: each time one on a connection that it
// keeps, and one on a fresh connection with a handshake of its own. Nothing is tried again: what
// fails is counted.
#include <atomic>
#include <optional>
#include <thread>

#include "examples/mtls/connection.h"
#include "examples/mtls/workload.h"
#include "workload-api/client/tls.h"

namespace example {
namespace {

namespace client = signet::client;

class Client {
 public:
  Client(Workload& workload, std::string address, SslContext context)
      : workload_(workload), address_(std::move(address)), context_(std::move(context)) {}
  ~Client() {
    if (kept_) {
      kept_->Close();
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Round sends two requests.
  void Round() {
    Count("kept connection", OnKeptConnection());
    Count("new connection", OnNewConnection());
  }

  std::string Stats() const {
    return "requests=" + std::to_string(requests_) + " failed=" + std::to_string(failed_) +
           " handshakes=" + std::to_string(handshakes_);
  }
  bool failed() const { return failed_ > 0; }

 private:
  signet::Status OnKeptConnection() {
    if (!kept_) {
      SIGNET_TRY_ASSIGN(kept_, Dial());
    }
    const signet::Status status = Ask(*kept_);
    if (!status.ok()) {
      kept_.reset();
    }
    return status;
  }

  signet::Status OnNewConnection() {
    SIGNET_TRY_ASSIGN(Connection connection, Dial());
    const signet::Status status = Ask(connection);
    connection.Close();
    return status;
  }

  signet::Result<Connection> Dial() {
    SIGNET_TRY_ASSIGN(Connection connection, Connection::Connect(context_.get(), address_));
    ++handshakes_;
    SIGNET_TRY_ASSIGN(const auto peer, client::PeerId(connection.ssl()));
    if (handshakes_ == 1) {
      Say(workload_.name(), "talking to " + peer.ToString());
    }
    return connection;
  }

  // The answer repeats the question and who the server thinks we are; both must be right.
  signet::Status Ask(Connection& connection) {
    const std::string question = "request " + std::to_string(requests_);
    SIGNET_TRY(connection.WriteLine(question));
    SIGNET_TRY_ASSIGN(const std::string answer, connection.ReadLine());
    if (answer != "to " + workload_.id() + ": " + question) {
      return signet::Internal("unexpected answer: " + answer);
    }
    return {};
  }

  void Count(const char* where, const signet::Status& status) {
    ++requests_;
    if (!status.ok()) {
      ++failed_;
      Say(workload_.name(), "FAILED on a " + std::string(where) + ": " + status.error().message);
    }
  }

  Workload& workload_;
  const std::string address_;
  const SslContext context_;
  std::optional<Connection> kept_;
  long requests_ = 0, failed_ = 0, handshakes_ = 0;
};

signet::Result<SslContext> MakeContext(const Workload& workload, const std::string& authorize) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(authorize));
  SslContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SIGNET_TRY(client::ConfigureClient(
      context.get(), workload.source(), client::AuthorizeId(std::move(id)),
      {.on_refused = [name = workload.name()](const signet::Error& e) { Say(name, e.message); }}));
  return context;
}

signet::Result<bool> Run(Workload& workload, const Flags& flags) {
  SIGNET_TRY_ASSIGN(SslContext context, MakeContext(workload, flags.Get("authorize")));
  Client client(workload, flags.Get("connect"), std::move(context));
  std::atomic<bool> stopping = false;
  const auto interval = flags.Time("interval");
  std::thread rounds([&] {
    do {
      client.Round();
      std::this_thread::sleep_for(interval);
    } while (!stopping);
  });
  WaitForEnd(flags.Time("duration"));
  stopping = true;
  rounds.join();
  Say(workload.name(), "stats: " + client.Stats() + " " + workload.Changes());
  return !client.failed();
}

int Main(int argc, char** argv) {
  const Flags flags(argc, argv,
                    {{"connect", "127.0.0.1:8443"},
                     {"authorize", ""},
                     {"socket", ""},
                     {"interval", "50ms"},
                     {"duration", "0s"},
                     {"wait", "30s"},
                     {"name", "client"}});
  BlockSignals();
  Workload workload(flags.Get("name"));
  if (const signet::Status ready = workload.Start(flags); !ready.ok()) {
    Say(workload.name(), "no identity: " + ready.error().message);
    return Workload::kNoIdentity;
  }
  const auto all_well = Run(workload, flags);
  if (!all_well.ok()) {
    Say(workload.name(), all_well.error().message);
    return 2;
  }
  return *all_well ? 0 : 1;
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) { return example::Main(argc, argv); }
