// Arbitrary bytes reach a server's HTTP/2 connection, without sockets. Invariants: every handler
// hears OnDone once and last; after the connection no call, byte or timer of it is left.
#include <sys/types.h>

#include <cstdint>

#include "core/base/check.h"
#include "core/rpc/http2_connection.h"

using namespace signet;
using namespace signet::rpc;

namespace {

int g_open_handlers = 0;

class Echo final : public CallHandler {
 public:
  explicit Echo(std::shared_ptr<Call> call) : call_(std::move(call)) { ++g_open_handlers; }
  void OnMessage(std::string_view message) override {
    SIGNET_CHECK(!done_, "a message after the end");
    call_->Write(std::make_shared<const std::string>(message));
  }
  void OnHalfClose() override {
    SIGNET_CHECK(!done_, "a half-close after the end");
    call_->Finish({});
  }
  void OnDone() override {
    SIGNET_CHECK(!done_, "a second end");
    done_ = true;
    --g_open_handlers;
  }

 private:
  std::shared_ptr<Call> call_;
  bool done_ = false;
};

class NoSource final : public Source {
 public:
  void OnEvents(std::uint32_t) override {}
};

Service MakeService() {
  Service service;
  service.methods.Add(
      "/e", [](std::shared_ptr<Call> call) { return std::make_unique<Echo>(std::move(call)); });
  service.methods.Add("/u", Unary([](const std::shared_ptr<Call>& call, std::string_view request) {
                        call->WriteLatest(std::make_shared<const std::string>(request));
                        call->Finish({Code::kNotFound, std::string(request), "details"});
                      }));
  service.limits.max_message_bytes = 4096;
  return service;
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FakeClock clock;
  static const std::unique_ptr<Loop> loop = *Loop::Create(clock);
  static const Service service = MakeService();
  PeerTable table;
  NoSource source;
  std::string out;
  {
    Http2Connection connection({.service = &service,
                                .loop = loop.get(),
                                .source = &source,
                                .peer = std::make_shared<const Peer>(),
                                .slot = *table.Admit("fuzz", service.limits, clock.Mono()),
                                .gauges = std::make_shared<Gauges>()});
    bool alive = connection.Receive(AsBytes(kPreface));
    while (size > 0 && alive) {
      const std::size_t n = std::min<std::size_t>(size, 1 + data[0] * 4U);
      alive = connection.Receive({data, n});
      data += n;
      size -= n;
      loop->RunOnce(Duration::zero());
      out.clear();
      connection.Produce(out, 64 * 1024);
    }
    loop->RunOnce(Duration::zero());
  }
  loop->RunOnce(Duration::zero());
  SIGNET_CHECK(g_open_handlers == 0, "a handler was not told the end");
  SIGNET_CHECK(table.connections() == 0 && table.calls() == 0 && table.bytes() == 0,
               "accounts do not balance");
  SIGNET_CHECK(!loop->timers().Next(), "a timer is left");
  return 0;
}
