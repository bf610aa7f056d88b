#include "attestor/kubernetes/api.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "attestor/kubernetes/credentials.h"
#include "attestor/kubernetes/http.h"
#include "attestor/kubernetes/line_splitter.h"

namespace signet::kubernetes {
namespace {

constexpr std::size_t kMaxLine = std::size_t{4} << 20;
constexpr std::size_t kMaxRefusal = std::size_t{1} << 20;
constexpr std::size_t kMaxIdle = 4;
constexpr Duration kPollInterval = std::chrono::milliseconds(100);

bool AsksToWait(const ApiResponse& response) {
  return (response.status == 429 || response.status == 503) &&
         response.retry_after > Duration::zero();
}

class CurlApi final : public Api {
 public:
  CurlApi(std::shared_ptr<const ApiConfig> config, const Clock& clock, Logger& logger)
      : clock_(clock), credentials_(std::move(config), clock, logger) {}

  Result<ApiResponse> Do(const ApiRequest& request) override {
    const MonoTime end = clock_.Mono() + request.timeout;
    for (;;) {
      SIGNET_TRY_ASSIGN(ApiResponse response, DoOnce(request, end));
      const MonoTime again = clock_.Mono() + response.retry_after;
      if (!AsksToWait(response) || again >= end) {
        return response;
      }
      SIGNET_TRY(WaitUntil(again, request.stopping));
    }
  }

  Result<ApiResponse> Stream(const StreamRequest& request) override {
    LineSplitter lines(kMaxLine);
    Status broken;
    bool reader_stopped = false;
    ApiResponse response;
    HttpCall call{.path = request.path,
                  .headers = {"Accept: " + request.accept},
                  .silence = request.silence,
                  .stopping = request.stopping};
    call.on_body = [&](int status, std::string_view piece) {
      if (status != 200) {
        return Append(response.body, piece, kMaxRefusal);
      }
      Result<bool> fed = lines.Feed(piece, request.on_line);
      if (!fed.ok()) {
        broken = std::move(fed).error();
        return false;
      }
      reader_stopped = !*fed;
      return *fed;
    };
    call.on_head = [&request](int status) {
      if (status == 200 && request.on_open) {
        request.on_open();
      }
    };
    Result<HttpAnswer> answer = Call(std::move(call), {}, response.body);
    SIGNET_TRY(broken);
    if (answer.code() == Code::kDeadlineExceeded) {  // that of connecting: there is no other
      return Unavailable(answer.error().message);
    }
    SIGNET_TRY(answer);
    if (answer->status == 200 && lines.in_line() && !reader_stopped) {
      return Unavailable("the answer was cut in the middle of a line");
    }
    response.status = answer->status;
    response.retry_after = answer->retry_after;
    return response;
  }

 private:
  static bool Append(std::string& body, std::string_view piece, std::size_t max) {
    if (body.size() + piece.size() > max) {
      return false;
    }
    body.append(piece);
    return true;
  }

  Status WaitUntil(MonoTime moment, const std::function<bool()>& stopping) const {
    while (clock_.Mono() < moment) {
      if (stopping && stopping()) {
        return Error{Code::kCancelled, "stopped"};
      }
      std::this_thread::sleep_for(std::min<Duration>(kPollInterval, moment - clock_.Mono()));
    }
    return {};
  }

  Result<ApiResponse> DoOnce(const ApiRequest& request, MonoTime end) {
    ApiResponse response;
    bool too_large = false;
    HttpCall call{.method = request.method,
                  .path = request.path,
                  .headers = {"Accept: " + request.accept, "Expect:"},
                  .body = request.body,
                  .stopping = request.stopping};
    if (!request.body.empty()) {
      call.headers.push_back("Content-Type: " + request.content_type);
    }
    call.on_body = [&](int, std::string_view piece) {
      too_large = !Append(response.body, piece, request.max_body);
      return !too_large;
    };
    SIGNET_TRY_ASSIGN(const HttpAnswer answer, Call(std::move(call), end, response.body));
    if (too_large) {
      return ResourceExhausted("the answer is larger than " + std::to_string(request.max_body) +
                               " bytes");
    }
    response.status = answer.status;
    response.retry_after = answer.retry_after;
    return response;
  }

  /// Call proves who we are, and after a 401 does so once more if the files hold another credential
  /// by now. `body` is what on_body collects.
  Result<HttpAnswer> Call(HttpCall call, std::optional<MonoTime> end, std::string& body) {
    SIGNET_TRY_ASSIGN(Credentials::Current current, credentials_.Get());
    Result<HttpAnswer> answer = CallAs(current, call, end);
    if (answer.ok() && answer->status == 401 && credentials_.Refresh(current)) {
      body.clear();
      SIGNET_TRY_ASSIGN(current, credentials_.Get());
      answer = CallAs(current, call, end);
    }
    return answer;
  }

  Result<HttpAnswer> CallAs(const Credentials::Current& current, HttpCall call,
                            std::optional<MonoTime> end) {
    if (end) {
      call.timeout = std::max<Duration>(*end - clock_.Mono(), std::chrono::milliseconds(1));
    }
    if (current.token != nullptr) {
      call.headers.push_back("Authorization: Bearer " +
                             std::string(AsText(current.token->RevealSecret())));
    }
    SIGNET_TRY_ASSIGN(std::unique_ptr<HttpConnection> connection, Take(current.setup));
    Result<HttpAnswer> answer = connection->Perform(call);
    GiveBack(std::move(connection));
    return answer;
  }

  /// Take gives an idle connection, if there is one that was made with these authorities and this
  /// certificate; older ones end.
  Result<std::unique_ptr<HttpConnection>> Take(const std::shared_ptr<const HttpSetup>& setup) {
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(idle_, [&setup](const auto& idle) { return idle->setup() != setup.get(); });
      if (!idle_.empty()) {
        std::unique_ptr<HttpConnection> connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return HttpConnection::Open(setup, clock_);
  }

  void GiveBack(std::unique_ptr<HttpConnection> connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) {
      idle_.push_back(std::move(connection));
    }
  }

  const Clock& clock_;
  Credentials credentials_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
};

}  // namespace

Result<std::unique_ptr<Api>> OpenApi(std::shared_ptr<const ApiConfig> config, const Clock& clock,
                                     Logger& logger) {
  return std::unique_ptr<Api>(std::make_unique<CurlApi>(std::move(config), clock, logger));
}

}  // namespace signet::kubernetes
