// mtls_client sends requests for as long as it is told: each time one on a connection that it
// keeps, and one on a fresh connection with a handshake of its own. Nothing is tried again: what
// fails is counted.
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "examples/mtls/connection.h"
#include "examples/mtls/workload.h"
#include "workload-api/client/resumption.h"
#include "workload-api/client/tls.h"

namespace example {
namespace {

namespace client = signet::client;

// Session is the last one that the server has offered; none without -resumption epoch.
using Session = std::optional<client::ResumableSession>;

class Client {
 public:
  // The context leaves its sessions in `session`.
  Client(Workload& workload, std::string address, SslContext context, Session& session)
      : workload_(workload),
        address_(std::move(address)),
        context_(std::move(context)),
        session_(session) {}
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
           " handshakes=" + std::to_string(handshakes_) + " resumed=" + std::to_string(resumed_);
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
    SIGNET_TRY_ASSIGN(Connection connection,
                      Connection::Connect(context_.get(), address_, [this](SSL* ssl) {
                        const Session session = std::exchange(session_, std::nullopt);
                        // One that is of no use any more means a full handshake and no more.
                        (void)(session && client::OfferSession(ssl, *session).ok());
                      }));
    ++handshakes_;
    SIGNET_TRY_ASSIGN(const client::Peer peer, client::PeerOf(connection.ssl()));
    resumed_ += peer.resumed ? 1 : 0;
    if (handshakes_ == 1) {
      Say(workload_.name(), "talking to " + peer.id.ToString());
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
  Session& session_;
  std::optional<Connection> kept_;
  long requests_ = 0, failed_ = 0, handshakes_ = 0, resumed_ = 0;
};

signet::Result<SslContext> MakeContext(const Workload& workload, const std::string& authorize,
                                       Session& session) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(authorize));
  SslContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SIGNET_TRY(client::ConfigureClient(
      context.get(), workload.source(), client::AuthorizeId(std::move(id)),
      {.on_refused = [name = workload.name()](const signet::Error& e) { Say(name, e.message); },
       .resumption = workload.resumption(),
       .on_session = [&session](const SSL*, const client::ResumableSession& s) { session = s; }}));
  return context;
}

signet::Result<bool> Run(Workload& workload, const Flags& flags) {
  Session session;
  SIGNET_TRY_ASSIGN(SslContext context, MakeContext(workload, flags.Get("authorize"), session));
  Client client(workload, flags.Get("connect"), std::move(context), session);
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
                     {"resumption", "off"},
                     {"wait", "30s"},
                     {"name", "client"}});
  return RunProgram(flags, Run);
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) { return example::Main(argc, argv); }
