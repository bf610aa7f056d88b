#include "attestor/kubernetes/watcher.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "attestor/kubernetes/feed.h"

namespace signet::kubernetes {
namespace {

constexpr Duration kListTimeout = std::chrono::seconds(60);
constexpr Duration kShortWatch = std::chrono::seconds(1);
constexpr int kMaxDoublings = 6;
/// kLongestWait bounds what a server may ask for: pods must not go unwatched for an hour.
constexpr Duration kLongestWait = std::chrono::minutes(1);
/// kRefusalsBeforeList: so often the same version is asked for again, when the server answers but
/// does not serve it; then it is lost, as after a restored backup.
constexpr int kRefusalsBeforeList = 3;

/// WithoutDigits makes two reasons equal that differ in a port or a number of milliseconds.
std::string WithoutDigits(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

class Watcher final : public Watch {
 public:
  Watcher(const WatchSetup& setup, std::unique_ptr<Feed> feed)
      : setup_(setup), feed_(std::move(feed)), page_(setup.page) {
    thread_ = std::thread([this] { Run(); });
  }

  ~Watcher() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    woken_.notify_all();
    thread_.join();
  }

  WatchHealth health() const override {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  void Run() {
    while (!stopping_) {
      const Status done = version_.empty() ? List() : WatchOnce();
      SetWatching(false);
      if (!done.ok() && !stopping_) {
        Complain(done.error());
        BackOff();
      }
    }
  }

  // List -------------------------------------------------------------------------------------

  Status List() {
    feed_->BeginList();
    std::size_t malformed = 0;
    Feed::PageEnd end;
    do {
      SIGNET_TRY_ASSIGN(const ApiResponse response, GetPage(end.next));
      if (response.status != 200) {
        return Refused("list", response);
      }
      Result<Feed::PageEnd> next = feed_->AddPage(response.body);
      if (!next.ok()) {
        return std::move(next).error().Context(What("list"));
      }
      end = std::move(next).value();
      malformed += end.malformed;
    } while (!end.next.empty());
    if (end.version.empty()) {
      return InvalidArgument(What("list") + ": the answer has no resourceVersion");
    }
    feed_->EndList();
    ::malloc_trim(0);  // pages are much larger than what is kept of them
    version_ = std::move(end.version);
    TellListed(malformed);
    return {};
  }

  /// GetPage makes pages smaller when objects are so large that one is above the client's limit.
  Result<ApiResponse> GetPage(const std::string& next) {
    for (;;) {
      std::string path = feed_->path() + "limit=" + std::to_string(page_);
      if (!next.empty()) {
        path += "&continue=" + PercentEncode(next);
      }
      Result<ApiResponse> response = setup_.api.Do({.path = std::move(path),
                                                    .timeout = kListTimeout,
                                                    .accept = feed_->list_accept(),
                                                    .stopping = [this] { return IsStopping(); }});
      if (response.code() != Code::kResourceExhausted || page_ == 1) {
        return std::move(response).Context(What("list"));
      }
      page_ = std::max(1, page_ / 2);
    }
  }

  void TellListed(std::size_t malformed) {
    if (malformed > 0) {
      setup_.logger.Warn(
          "kubernetes objects of an odd form are left out",
          {{"cluster", setup_.cluster}, {"kind", feed_->plural()}, {"count", malformed}});
    }
    const std::lock_guard lock(mutex_);
    health_.synced = true;
  }

  // Watch ------------------------------------------------------------------------------------

  Status WatchOnce() {
    const MonoTime start = setup_.clock.Mono();
    WatchResult seen;
    const Result<ApiResponse> answer = setup_.api.Stream(
        {.path = WatchPath(),
         .on_line = [this, &seen](std::string_view line) { return OnLine(line, seen); },
         .stopping = [this] { return IsStopping(); },
         .accept = feed_->watch_accept(),
         .on_open = [this] { SetWatching(true); }});
    if (answer.code() == Code::kResourceExhausted) {
      version_.clear();  // a list passes over the event that is too large for a line
    }
    if (!answer.ok()) {
      return answer.error().Context(What("watch"));
    }
    if (answer->status == 410) {
      return Lost(ExplainStatus(What("watch"), *answer));
    }
    if (answer->status != 200) {
      return Refused("watch", *answer);
    }
    if (seen.verdict) {
      return *seen.verdict;
    }
    if (!seen.any && setup_.clock.Mono() - start < kShortWatch) {
      return Unavailable(What("watch") + ": the API server ends it at once");
    }
    Rejoice();
    return {};
  }

  struct WatchResult {
    bool any = false;  ///< an event or a bookmark has arrived
    std::optional<Status> verdict = {};
  };

  /// WatchPath: the server ends each watch after about five minutes; not all of them together.
  std::string WatchPath() {
    const int seconds = 270 + static_cast<int>(60 * setup_.random.Uniform01());
    return feed_->path() +
           "watch=1&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(seconds) +
           "&resourceVersion=" + PercentEncode(version_);
  }

  bool OnLine(std::string_view line, WatchResult& seen) {
    Result<Feed::Event> event = feed_->Apply(line);
    if (!event.ok()) {
      seen.verdict = Refuse(std::move(event).error().Context(What("watch")));
      return false;
    }
    switch (event->kind) {
      case Feed::Event::Kind::kGone:
        seen.verdict = Lost(Error{Code::kOutOfRange, What("watch") + ": " + event->message});
        return false;
      case Feed::Event::Kind::kError:
        seen.verdict = Refuse(Unavailable(What("watch") + ": " + event->message));
        return false;
      case Feed::Event::Kind::kMalformed:
        setup_.logger.Warn(
            "kubernetes object of an odd form is left out",
            {{"cluster", setup_.cluster}, {"kind", feed_->plural()}, {"reason", event->message}});
        break;
      case Feed::Event::Kind::kApplied:
        break;
    }
    if (!event->version.empty()) {
      version_ = std::move(event->version);
    }
    seen.any = true;
    lost_ = false;
    Rejoice();
    return true;
  }

  // Trouble ----------------------------------------------------------------------------------

  std::string What(std::string_view verb) const {
    return std::string(verb) + " " + std::string(feed_->plural());
  }

  /// Lost: the version is too old. That is no error, unless the one of a fresh list is too.
  Status Lost(Error error) {
    version_.clear();
    if (std::exchange(lost_, true)) {
      return error;
    }
    return {};
  }

  Status Refused(std::string_view verb, const ApiResponse& response) {
    wait_at_least_ = std::min(response.retry_after, kLongestWait);
    return Refuse(ExplainStatus(What(verb), response));
  }

  /// Refuse counts what the server does not serve; the version may be the cause.
  Error Refuse(Error error) {
    if (++refusals_ >= kRefusalsBeforeList) {
      version_.clear();
    }
    return error;
  }

  void Complain(const Error& error) {
    ++failures_;
    {
      const std::lock_guard lock(mutex_);
      health_.problem = error.message;
    }
    std::string reason = WithoutDigits(error.message);
    if (std::exchange(reason_, reason) != reason) {
      setup_.logger.Warn(
          "kubernetes watch does not work and will be tried again",
          {{"cluster", setup_.cluster}, {"kind", feed_->plural()}, {"error", error}});
    }
  }

  /// Rejoice: the watch has brought something, or ended as it should. A list alone proves little:
  /// the right to watch may be missing.
  void Rejoice() {
    failures_ = 0;
    refusals_ = 0;
    if (!std::exchange(reason_, {}).empty()) {
      setup_.logger.Info("kubernetes watch works again",
                         {{"cluster", setup_.cluster}, {"kind", feed_->plural()}});
    }
  }

  void BackOff() {
    const int doublings = std::min(failures_ - 1, kMaxDoublings);
    const double chance = 0.75 + 0.5 * setup_.random.Uniform01();
    const auto wait =
        std::chrono::duration_cast<Duration>(setup_.first_backoff * (chance * (1 << doublings)));
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::max(wait, std::exchange(wait_at_least_, Duration::zero())),
                    [this] { return stopping_.load(); });
  }

  bool IsStopping() const { return stopping_; }

  void SetWatching(bool watching) {
    const std::lock_guard lock(mutex_);
    health_.watching = watching;
    if (watching) {
      health_.problem.clear();
    }
  }

  const WatchSetup setup_;
  const std::unique_ptr<Feed> feed_;

  // Of the thread alone.
  std::string version_;  ///< opaque; empty: list
  int page_;
  int failures_ = 0;
  int refusals_ = 0;
  bool lost_ = false;
  Duration wait_at_least_ = Duration::zero();
  std::string reason_;  ///< last complained of

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::atomic<bool> stopping_ = false;
  WatchHealth health_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Watch> StartPodWatch(const WatchSetup& setup, PodWatchOptions options,
                                     PodIndex& index) {
  return std::make_unique<Watcher>(setup, NewPodFeed(std::move(options), index));
}

std::unique_ptr<Watch> StartNodeWatch(const WatchSetup& setup, NodeIndex& index) {
  return std::make_unique<Watcher>(setup, NewNodeFeed(index));
}

}  // namespace signet::kubernetes
