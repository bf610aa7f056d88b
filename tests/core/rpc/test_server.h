#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/rpc/server.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace signet::test {

/// CallLog lets a test meet the calls that handlers got.
class CallLog {
 public:
  void Add(std::shared_ptr<rpc::Call> call);
  void Event(const std::string& event);
  /// Next waits for the next call; null after 10 s.
  std::shared_ptr<rpc::Call> Next();
  /// Saw waits until an event has happened `times` times.
  bool Saw(const std::string& event, int times = 1);
  int Count(const std::string& event);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<rpc::Call>> calls_;
  std::vector<std::string> events_;
};

/// TestServer serves on a fresh socket:
///   /t/Echo    unary, answers the request
///   /t/Meta    unary, echoes metadata "echo-initial" and "echo-trailing-bin"
///   /t/Fail    unary, fails with NOT_FOUND, a message in unicode and details
///   /t/Bidi    echoes every message; finishes at half-close
///   /t/Hold    hands the call to the test (log.Next()) and logs events
///   /t/Server  server stream, hands the call to the test after the request
class TestServer {
 public:
  explicit TestServer(rpc::Limits limits = {}, rpc::Interceptor interceptor = {});
  static rpc::MethodTable Methods(std::shared_ptr<CallLog> log);

  const std::string& path() const { return path_; }
  rpc::Server& server() { return *server_; }
  CallLog& log() { return *log_; }
  void Stop() { server_.reset(); }

 private:
  TempDir dir_;
  RealClock clock_;
  std::string path_ = dir_.File("s");
  std::shared_ptr<CallLog> log_ = std::make_shared<CallLog>();
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace signet::test
