#include "tests/core/rpc/test_server.h"

#include <algorithm>
#include <thread>

#include "core/base/check.h"

namespace signet::test {
namespace {

using namespace rpc;  // NOLINT: test code

std::shared_ptr<const std::string> Message(std::string_view text) {
  return std::make_shared<const std::string>(text);
}

class BidiEcho final : public CallHandler {
 public:
  explicit BidiEcho(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  void OnMessage(std::string_view message) override { call_->Write(Message(message)); }
  void OnHalfClose() override { call_->Finish({}); }

 private:
  std::shared_ptr<Call> call_;
};

class LoggingHandler final : public CallHandler {
 public:
  explicit LoggingHandler(std::shared_ptr<CallLog> log) : log_(std::move(log)) {}
  void OnMessage(std::string_view message) override { Log("message:" + std::string(message)); }
  void OnHalfClose() override { Log("half-close"); }
  void OnWritable() override { Log("writable"); }
  void OnDone() override {
    Log("done");
    done_ = true;
  }

 private:
  void Log(const std::string& event) { log_->Event(done_ ? "after-done" : event); }
  std::shared_ptr<CallLog> log_;
  bool done_ = false;
};

void EchoMetadata(const std::shared_ptr<Call>& call, std::string_view request) {
  Metadata initial;
  Metadata trailing;
  for (const auto& [name, value] : call->info().metadata.entries()) {
    if (name == "echo-initial") {
      initial.Add(name, value);
    } else if (name == "echo-trailing-bin") {
      trailing.Add(name, value);
    }
  }
  call->SendInitialMetadata(std::move(initial));
  call->Write(Message(request));
  call->Finish({}, std::move(trailing));
}

}  // namespace

void CallLog::Add(std::shared_ptr<rpc::Call> call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
  changed_.notify_all();
}

void CallLog::Event(const std::string& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
  changed_.notify_all();
}

std::shared_ptr<rpc::Call> CallLog::Next() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::seconds(10), [this] { return !calls_.empty(); })) {
    return nullptr;
  }
  std::shared_ptr<rpc::Call> call = calls_.front();
  calls_.pop_front();
  return call;
}

bool CallLog::Saw(const std::string& event, int times) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
    return std::count(events_.begin(), events_.end(), event) >= times;
  });
}

int CallLog::Count(const std::string& event) {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count(events_.begin(), events_.end(), event));
}

MethodTable TestServer::Methods(std::shared_ptr<CallLog> log) {
  MethodTable methods;
  methods.Add("/t/Echo", Unary([](const std::shared_ptr<Call>& call, std::string_view request) {
                call->Write(Message(request));
                call->Finish({});
              }));
  methods.Add("/t/Meta", Unary(EchoMetadata));
  methods.Add("/t/Fail", Unary([](const std::shared_ptr<Call>& call, std::string_view) {
                call->Finish({Code::kNotFound, "nö %\n", std::string("\x08\x05", 2)});
              }));
  methods.Add("/t/Bidi", [](std::shared_ptr<Call> call) {
    return std::make_unique<BidiEcho>(std::move(call));
  });
  methods.Add("/t/Hold", [log](std::shared_ptr<Call> call) {
    log->Add(std::move(call));
    return std::make_unique<LoggingHandler>(log);
  });
  methods.Add("/t/Server", ServerStream([log](const std::shared_ptr<Call>& call, std::string_view) {
                log->Add(call);
                return std::make_unique<LoggingHandler>(log);
              }));
  return methods;
}

TestServer::TestServer(Limits limits, Interceptor interceptor) {
  ServerOptions options{.loops = 2, .clock = &clock_};
  options.listeners.push_back({.unix_path = path_,
                               .methods = Methods(log_),
                               .interceptor = std::move(interceptor),
                               .limits = limits});
  Result<std::unique_ptr<Server>> server = Server::Start(std::move(options));
  SIGNET_CHECK(server.ok(), server.error().message);
  server_ = *std::move(server);
}

}  // namespace signet::test
