// greeter_server LISTEN AUTHORIZED_ID: greets the one client with that SPIFFE ID, until SIGTERM.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>

#include "examples/grpc/identity.h"
#include "greeter.grpc.pb.h"
#include "workload-api/client/grpc_server.h"

namespace example {
namespace {

namespace client = signet::client;

class GreeterService final : public Greeter::Service {
 public:
  long calls() const { return calls_; }

 private:
  grpc::Status Greet(grpc::ServerContext* context, const GreetRequest* request,
                     GreetReply* reply) override {
    const auto peer = client::PeerId(*context);
    if (!peer.ok()) {
      return {grpc::StatusCode::UNAUTHENTICATED, peer.error().message};
    }
    reply->set_text("to " + peer->ToString() + ": " + request->text());
    ++calls_;
    return grpc::Status::OK;
  }
  std::atomic<long> calls_ = 0;
};

signet::Status Run(const std::string& address, const std::string& authorized) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(authorized));
  SIGNET_TRY_ASSIGN(auto source, OpenIdentity(std::chrono::seconds(30)));
  SIGNET_TRY_ASSIGN(auto credentials,
                    client::MakeGrpcServerCredentials(
                        source, client::AuthorizeId(std::move(id)),
                        {.on_refused = [](const signet::Error& why) { Say(why.message); }}));
  GreeterService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterService(&service);
  // Clients that keep a connection for days come back from time to time with their newest
  // certificate. Running calls finish first.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 10 * 60 * 1000);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return signet::InvalidArgument("cannot listen on " + address);
  }
  Say("listening on port " + std::to_string(port) + " for " + authorized);
  WaitForEnd(std::chrono::seconds(0));
  server->Shutdown();
  Say("stats: requests=" + std::to_string(service.calls()));
  return {};
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) {
  if (argc != 3) {
    example::Say("usage: greeter_server LISTEN AUTHORIZED_ID");
    return 2;
  }
  example::BlockSignals();
  const signet::Status status = example::Run(argv[1], argv[2]);
  if (!status.ok()) {
    example::Say(status.error().message);
  }
  return status.ok() ? 0 : 1;
}
