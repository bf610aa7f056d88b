// Serves the gRPC project's interoperability tests (grpc.testing.TestService) on core/rpc, for
// clients that nobody here wrote: grpc_interop_server --socket PATH | --port N --cert PEM --key PEM
//
// UnimplementedCall is left out, as the tests ask. Intervals between streamed answers are not kept:
// no case measures them.
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "core/rpc/health.h"
#include "core/rpc/reflection.h"
#include "core/rpc/server.h"
#include "interop.pb.h"

namespace {

using namespace signet;       // NOLINT: a program
using namespace signet::rpc;  // NOLINT: a program
namespace pb = grpc::testing;

constexpr int kMaxAnswer = 64 * 1024 * 1024;

template <class Message>
std::shared_ptr<const std::string> Wire(const Message& message) {
  return std::make_shared<const std::string>(message.SerializeAsString());
}

template <class Message>
bool Parse(std::string_view wire, Message& message) {
  return message.ParseFromArray(wire.data(), static_cast<int>(wire.size()));
}

Metadata Echoed(const CallInfo& info, std::string_view name) {
  Metadata echoed;
  for (const std::string_view value : info.metadata.All(name)) {
    echoed.Add(std::string(name), std::string(value));
  }
  return echoed;
}

Metadata EchoedTrailers(const Call& call) {
  return Echoed(call.info(), "x-grpc-test-echo-trailing-bin");
}

void EchoInitial(Call& call) {
  Metadata initial = Echoed(call.info(), "x-grpc-test-echo-initial");
  if (!initial.entries().empty()) {
    call.SendInitialMetadata(std::move(initial));
  }
}

RpcStatus StatusOf(const pb::EchoStatus& status) {
  return {static_cast<Code>(status.code()), status.message()};
}

bool BadSize(int size) { return size < 0 || size > kMaxAnswer; }

void UnaryCall(const std::shared_ptr<Call>& call, std::string_view wire) {
  pb::SimpleRequest request;
  if (!Parse(wire, request) || BadSize(request.response_size())) {
    return call->Finish({Code::kInvalidArgument, "bad request"});
  }
  EchoInitial(*call);
  if (request.response_status().code() != 0) {
    return call->Finish(StatusOf(request.response_status()), EchoedTrailers(*call));
  }
  pb::SimpleResponse response;
  response.mutable_payload()->set_body(
      std::string(static_cast<std::size_t>(request.response_size()), '\0'));
  call->Write(Wire(response));
  call->Finish({}, EchoedTrailers(*call));
}

/// WriteAnswers writes what a request asks for; false if it ended the call.
bool WriteAnswers(Call& call, const pb::StreamingOutputCallRequest& request) {
  if (request.response_status().code() != 0) {
    call.Finish(StatusOf(request.response_status()), EchoedTrailers(call));
    return false;
  }
  for (const pb::ResponseParameters& asked : request.response_parameters()) {
    if (BadSize(asked.size())) {
      call.Finish({Code::kInvalidArgument, "bad size"});
      return false;
    }
    pb::StreamingOutputCallResponse response;
    response.mutable_payload()->set_body(std::string(static_cast<std::size_t>(asked.size()), '\0'));
    call.Write(Wire(response));
  }
  return true;
}

std::unique_ptr<CallHandler> StreamingOutput(const std::shared_ptr<Call>& call,
                                             std::string_view wire) {
  pb::StreamingOutputCallRequest request;
  if (!Parse(wire, request)) {
    call->Finish({Code::kInvalidArgument, "bad request"});
  } else if (WriteAnswers(*call, request)) {
    call->Finish({});
  }
  return nullptr;
}

class StreamingInput final : public CallHandler {
 public:
  explicit StreamingInput(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  void OnMessage(std::string_view wire) override {
    pb::StreamingInputCallRequest request;
    if (!Parse(wire, request)) {
      return call_->Finish({Code::kInvalidArgument, "bad request"});
    }
    total_ += request.payload().body().size();
  }
  void OnHalfClose() override {
    pb::StreamingInputCallResponse response;
    response.set_aggregated_payload_size(static_cast<int>(total_));
    call_->Write(Wire(response));
    call_->Finish({});
  }

 private:
  const std::shared_ptr<Call> call_;
  std::size_t total_ = 0;
};

/// Duplex answers each request at once (full) or all of them after the last (half).
class Duplex final : public CallHandler {
 public:
  Duplex(std::shared_ptr<Call> call, bool full) : call_(std::move(call)), full_(full) {
    EchoInitial(*call_);
  }
  void OnMessage(std::string_view wire) override {
    pb::StreamingOutputCallRequest request;
    if (!Parse(wire, request)) {
      return call_->Finish({Code::kInvalidArgument, "bad request"});
    }
    if (full_) {
      WriteAnswers(*call_, request);
    } else {
      kept_.push_back(std::move(request));
    }
  }
  void OnHalfClose() override {
    for (const pb::StreamingOutputCallRequest& request : kept_) {
      if (!WriteAnswers(*call_, request)) {
        return;
      }
    }
    call_->Finish({}, EchoedTrailers(*call_));
  }

 private:
  const std::shared_ptr<Call> call_;
  const bool full_;
  std::vector<pb::StreamingOutputCallRequest> kept_;
};

MethodTable Methods() {
  MethodTable methods;
  const std::string service = "/grpc.testing.TestService/";
  methods.Add(service + "EmptyCall", Unary([](const std::shared_ptr<Call>& call, std::string_view) {
                call->Write(Wire(pb::Empty()));
                call->Finish({});
              }));
  methods.Add(service + "UnaryCall", Unary(UnaryCall));
  methods.Add(service + "StreamingOutputCall", ServerStream(StreamingOutput));
  methods.Add(service + "StreamingInputCall", [](std::shared_ptr<Call> call) {
    return std::make_unique<StreamingInput>(std::move(call));
  });
  methods.Add(service + "FullDuplexCall", [](std::shared_ptr<Call> call) {
    return std::make_unique<Duplex>(std::move(call), true);
  });
  methods.Add(service + "HalfDuplexCall", [](std::shared_ptr<Call> call) {
    return std::make_unique<Duplex>(std::move(call), false);
  });
  AddHealth(methods, [] { return true; });
  AddReflection(methods, {"grpc.testing.TestService", "grpc.health.v1.Health"});
  return methods;
}

constexpr std::size_t kMaxPem = 256 * 1024;

Result<std::shared_ptr<const TlsIdentity>> LoadIdentity(const std::string& cert,
                                                        const std::string& key) {
  SIGNET_TRY_ASSIGN(const Bytes cert_pem, ReadFile(cert, kMaxPem));
  SIGNET_TRY_ASSIGN(const Bytes key_pem, ReadFile(key, kMaxPem));
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> certs, crypto::PemDecode(AsText(cert_pem)));
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> keys, crypto::PemDecode(AsText(key_pem)));
  auto identity = std::make_shared<TlsIdentity>();
  for (crypto::PemBlock& block : certs) {
    identity->chain.push_back(std::move(block.content));
  }
  if (keys.empty()) {
    return InvalidArgument(key + " holds no key");
  }
  identity->key = Secret(std::move(keys.front().content));
  return std::shared_ptr<const TlsIdentity>(std::move(identity));
}

Result<ServerOptions> OptionsOf(std::map<std::string, std::string> flags) {
  ServerOptions options;
  if (flags.contains("--socket")) {
    options.listeners.push_back({.unix_path = flags["--socket"], .methods = Methods()});
  }
  if (flags.contains("--port")) {
    SIGNET_TRY_ASSIGN(auto identity, LoadIdentity(flags["--cert"], flags["--key"]));
    TlsOptions tls{.identity = [identity] { return identity; },
                   .verify_client = [](const std::vector<Bytes>&) { return Status(); }};
    options.listeners.push_back(
        {.tcp_address = "127.0.0.1",
         .tcp_port = static_cast<std::uint16_t>(std::stoul(flags["--port"])),
         .tls = std::move(tls),
         .methods = Methods()});
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) {
    flags[argv[i]] = argv[i + 1];
  }
  const RealClock clock;
  Result<ServerOptions> options = OptionsOf(std::move(flags));
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", options.error().message.c_str());
    return 2;
  }
  options->clock = &clock;
  const Result<std::unique_ptr<Server>> server = Server::Start(*std::move(options));
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
