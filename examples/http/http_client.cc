// http_client PORT SERVER_ID [ROUNDS]: asks a server again and again, each time once on a
// connection that it keeps and once on a fresh one. Nothing is tried again: what fails is counted.
#include <httplib.h>

#include "examples/http/program.h"
#include "workload-api/client/tls.h"

namespace example {
namespace {

namespace client = signet::client;

class Client {
 public:
  Client(int port, bool keep) : https_("127.0.0.1", port) {
    https_.set_keep_alive(keep);
    https_.set_tcp_nodelay(true);
    // This would check the host's name by the system's authorities, and switch our own check off.
    https_.enable_server_certificate_verification(false);
  }
  signet::Status Bind(std::shared_ptr<client::X509Source> source,
                      const signet::spiffe::SpiffeId& server) {
    return client::ConfigureClient(https_.ssl_context(), std::move(source),
                                   client::AuthorizeId(server),
                                   {.on_refused = [](const signet::Error& e) { Say(e.message); }});
  }

  // Ask requires that the server knows us by our name.
  signet::Status Ask(const std::string& me) {
    const auto answer = https_.Get("/");
    if (!answer) {
      return signet::Unavailable("no answer: " + httplib::to_string(answer.error()));
    }
    if (answer->status != 200 || answer->body != "to " + me + "\n") {
      return signet::Internal("wrong answer: " + std::to_string(answer->status) + " " +
                              answer->body);
    }
    return {};
  }

 private:
  httplib::SSLClient https_;
};

struct Figures {
  long requests = 0, failed = 0;
  void Count(const signet::Status& status) {
    ++requests;
    if (!status.ok()) {
      ++failed;
      Say("FAILED " + status.error().message);
    }
  }
};

signet::Result<bool> Run(int port, const std::string& authorize, long rounds) {
  SIGNET_TRY_ASSIGN(const auto server, signet::spiffe::SpiffeId::Parse(authorize));
  SIGNET_TRY_ASSIGN(const auto source, OpenIdentity(std::chrono::seconds(30)));
  const auto snapshot = source->Current();
  if (snapshot == nullptr) {
    return signet::Unavailable("the agent took the identity away again");
  }
  const std::string me = snapshot->default_identity().id().ToString();
  Client kept(port, true);
  Client fresh(port, false);
  SIGNET_TRY(kept.Bind(source, server));
  SIGNET_TRY(fresh.Bind(source, server));
  Figures figures;
  do {
    figures.Count(kept.Ask(me));
    figures.Count(fresh.Ask(me));
  } while (--rounds != 0 && Wait(std::chrono::milliseconds(20)));
  Say("stats: requests=" + std::to_string(figures.requests) +
      " failed=" + std::to_string(figures.failed));
  return figures.failed == 0;
}

int Main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: http_client PORT SERVER_ID [ROUNDS]\n");
    return 2;
  }
  BlockSignals();
  const auto well = Run(std::atoi(argv[1]), argv[2], argc == 4 ? std::atol(argv[3]) : 0);
  if (!well.ok()) {
    Say(well.error().message);
    return 1;
  }
  return *well ? 0 : 1;
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) { return example::Main(argc, argv); }
