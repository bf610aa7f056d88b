#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/client/authorizer.h"
#include "workload-api/client/x509_source.h"

namespace grpc {
class Channel;
class ChannelArguments;
}  // namespace grpc

namespace signet::client {

struct GrpcChannelOptions {
  const Clock* clock = nullptr;  ///< null: the machine's clock; else it must outlive the channels
  /// on_refused hears why a server or a new identity of ours was refused. From any thread.
  std::function<void(const Error&)> on_refused = {};
  /// Sets the program's own channel arguments; runs at each rotation.
  std::function<void(grpc::ChannelArguments&)> arguments = {};
};

/// SpiffeChannel gives gRPC channels for mutual TLS with a server, one channel for each state of
/// the source: a channel of this library keeps its identity for good. Each connection verifies the
/// server as an X509-SVID against the bundle of its own trust domain at that moment, and asks the
/// authorizer; names and ports play no part. Safe for several threads; never blocks.
class SpiffeChannel {
 public:
  /// target as gRPC spells it ("dns:///host:port", "ipv4:…", "unix:…"). INVALID_ARGUMENT: no
  /// source.
  static Result<std::shared_ptr<SpiffeChannel>> Create(std::string target,
                                                       std::shared_ptr<const X509Provider> source,
                                                       Authorizer authorizer,
                                                       GrpcChannelOptions options = {});
  ~SpiffeChannel();
  SpiffeChannel(const SpiffeChannel&) = delete;
  SpiffeChannel& operator=(const SpiffeChannel&) = delete;

  /// Channel is the one to make the next call on. Ask again for each call, or use SpiffeStub: after
  /// a rotation, of the bundles too, it is another one. Calls and streams that run finish on
  /// theirs, which ends with the last of them. UNAVAILABLE without a valid identity of ours. A key
  /// that does not fit its certificate leaves the last good channel in place.
  Result<std::shared_ptr<grpc::Channel>> Channel();

 private:
  struct Impl;
  explicit SpiffeChannel(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

/// SpiffeStub gives the stub to make the next call with; it is made anew with each channel.
///
///   SpiffeStub<helloworld::Greeter> greeter(channel);
///   auto stub = greeter.Get();
///   if (stub.ok()) (*stub)->SayHello(&context, request, &reply);
template <class Service>
class SpiffeStub {
 public:
  using Stub = typename Service::Stub;
  explicit SpiffeStub(std::shared_ptr<SpiffeChannel> channel) : channel_(std::move(channel)) {}

  /// Get fails as SpiffeChannel::Channel does. Safe for several threads.
  Result<std::shared_ptr<Stub>> Get() {
    SIGNET_TRY_ASSIGN(std::shared_ptr<grpc::Channel> current, channel_->Channel());
    const std::lock_guard lock(mutex_);
    if (current != stubs_channel_) {
      stub_ = Service::NewStub(current);
      stubs_channel_ = std::move(current);
    }
    return stub_;
  }

 private:
  const std::shared_ptr<SpiffeChannel> channel_;
  std::mutex mutex_;
  std::shared_ptr<grpc::Channel> stubs_channel_;
  std::shared_ptr<Stub> stub_;
};

}  // namespace signet::client
