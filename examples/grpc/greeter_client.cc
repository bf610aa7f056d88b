// greeter_client TARGET SERVER_ID [SECONDS]: asks the server with that SPIFFE ID to be greeted,
// every 20 ms, for that time or until SIGTERM. Nothing is tried again: what fails is counted.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "examples/grpc/identity.h"
#include "greeter.grpc.pb.h"
#include "workload-api/client/grpc_channel.h"

namespace example {
namespace {

namespace client = signet::client;

// Ask takes a stub for this one call: after a rotation it is another one.
signet::Status Ask(client::SpiffeStub<Greeter>& greeter, long number) {
  SIGNET_TRY_ASSIGN(const auto stub, greeter.Get());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  GreetRequest request;
  request.set_text("request " + std::to_string(number));
  GreetReply reply;
  const grpc::Status status = stub->Greet(&context, request, &reply);
  if (!status.ok()) {
    return signet::Unavailable(status.error_message());
  }
  if (number == 0) {
    Say("the server says: " + reply.text());
  }
  return {};
}

signet::Result<bool> Run(const std::string& target, const std::string& server_id,
                         std::chrono::seconds time) {
  SIGNET_TRY_ASSIGN(auto id, signet::spiffe::SpiffeId::Parse(server_id));
  SIGNET_TRY_ASSIGN(auto source, OpenIdentity(std::chrono::seconds(5)));
  SIGNET_TRY_ASSIGN(auto channel,
                    client::SpiffeChannel::Create(
                        target, source, client::AuthorizeId(std::move(id)),
                        {.on_refused = [](const signet::Error& why) { Say(why.message); }}));
  client::SpiffeStub<Greeter> greeter(channel);
  std::atomic<bool> done = false;
  long requests = 0;
  long failed = 0;
  std::thread asking([&] {
    do {
      const signet::Status status = Ask(greeter, requests++);
      if (!status.ok() && failed++ == 0) {
        Say("FAILED, and the first reason is: " + status.error().message);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (!done);
  });
  WaitForEnd(time);
  done = true;
  asking.join();
  Say("stats: requests=" + std::to_string(requests) + " failed=" + std::to_string(failed));
  return failed == 0;
}

}  // namespace
}  // namespace example

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    example::Say("usage: greeter_client TARGET SERVER_ID [SECONDS]");
    return 2;
  }
  example::BlockSignals();
  const auto time = std::chrono::seconds(argc == 4 ? std::atol(argv[3]) : 0);
  const auto all_well = example::Run(argv[1], argv[2], time);
  if (!all_well.ok()) {
    example::Say(all_well.error().message);
    return 3;
  }
  return *all_well ? 0 : 1;
}
