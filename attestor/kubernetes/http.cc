#include "attestor/kubernetes/http.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <utility>

namespace signet::kubernetes {
namespace {

/// Curl is the part of libcurl that is used, with the types of its own header.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_multi_init) multi_init = nullptr;
  decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&curl_multi_perform) multi_perform = nullptr;
  decltype(&curl_multi_poll) multi_poll = nullptr;
  decltype(&curl_multi_info_read) multi_info_read = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<Curl> OpenCurl() {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return FailedPrecondition(
        "Kubernetes needs libcurl, and libcurl.so.4 cannot be loaded: install the package "
        "libcurl4");
  }
  Curl curl;
  const bool complete = Find(library, "curl_global_init", curl.global_init) &&
                        Find(library, "curl_easy_init", curl.easy_init) &&
                        Find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                        Find(library, "curl_easy_reset", curl.easy_reset) &&
                        Find(library, "curl_easy_setopt", curl.easy_setopt) &&
                        Find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
                        Find(library, "curl_easy_strerror", curl.easy_strerror) &&
                        Find(library, "curl_multi_init", curl.multi_init) &&
                        Find(library, "curl_multi_cleanup", curl.multi_cleanup) &&
                        Find(library, "curl_multi_add_handle", curl.multi_add_handle) &&
                        Find(library, "curl_multi_remove_handle", curl.multi_remove_handle) &&
                        Find(library, "curl_multi_perform", curl.multi_perform) &&
                        Find(library, "curl_multi_poll", curl.multi_poll) &&
                        Find(library, "curl_multi_info_read", curl.multi_info_read) &&
                        Find(library, "curl_slist_append", curl.slist_append) &&
                        Find(library, "curl_slist_free_all", curl.slist_free_all);
  if (!complete || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return FailedPrecondition(
        "libcurl.so.4 is too old or cannot start: install libcurl4 of Debian 12 or newer");
  }
  return curl;
}

/// LoadedCurl: a library is loaded once a process and never unloaded.
const Result<Curl>& LoadedCurl() {
  static const Result<Curl> curl = OpenCurl();
  return curl;
}

long Milliseconds(Duration duration) {
  return static_cast<long>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(duration).count()));
}

/// Codes of libcurl that mean that our own material is no good.
bool IsOurFault(CURLcode code) {
  return code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ENGINE_NOTFOUND || code == CURLE_URL_MALFORMAT ||
         code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_NOT_BUILT_IN ||
         code == CURLE_UNKNOWN_OPTION;
}

/// State of one call, for libcurl's callbacks.
struct Running {
  const Curl& curl;
  CURL* easy;
  const HttpCall& call;
  const Clock& clock;
  MonoTime last_byte;
  bool ended_by_us = false;
  std::array<char, CURL_ERROR_SIZE> message{};

  int status() const {
    long code = 0;
    curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    return static_cast<int>(code);
  }
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  running.last_byte = running.clock.Mono();
  if (running.call.on_body && !running.call.on_body(running.status(), {data, size * count})) {
    running.ended_by_us = true;
    return 0;
  }
  return size * count;
}

class CurlConnection final : public HttpConnection {
 public:
  CurlConnection(const Curl& curl, std::shared_ptr<const HttpSetup> setup, const Clock& clock)
      : curl_(curl), setup_(std::move(setup)), clock_(clock) {
    easy_ = curl_.easy_init();
    multi_ = curl_.multi_init();
    SIGNET_CHECK(easy_ != nullptr && multi_ != nullptr, "libcurl gives no handles");
  }
  ~CurlConnection() override {
    curl_.easy_cleanup(easy_);
    curl_.multi_cleanup(multi_);
  }
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  const HttpSetup* setup() const override { return setup_.get(); }

  Result<HttpAnswer> Perform(const HttpCall& call) override {
    Running running{curl_, easy_, call, clock_, clock_.Mono()};
    SetTransport();
    SetTls();
    const Lists lists = SetCall(call, running);
    curl_.multi_add_handle(multi_, easy_);
    Result<HttpAnswer> answer = Run(running);
    curl_.multi_remove_handle(multi_, easy_);
    curl_.easy_reset(easy_);  // it must not know of this call's memory any more
    return answer;
  }

 private:
  struct FreeList {
    decltype(&curl_slist_free_all) free_all;
    void operator()(curl_slist* list) const { free_all(list); }
  };
  using List = std::unique_ptr<curl_slist, FreeList>;
  struct Lists {
    List headers;
    List connect_to;
  };

  template <class T>
  void Set(CURLoption option, T value) {
    curl_.easy_setopt(easy_, option, value);
  }

  void SetTransport() {
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_PROTOCOLS_STR, "https");
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_USERAGENT, "signet");
    Set(CURLOPT_TCP_KEEPALIVE, 1L);
    Set(CURLOPT_TCP_KEEPIDLE, 20L);
    Set(CURLOPT_TCP_KEEPINTVL, 10L);
    Set(CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    // An empty string switches off the proxies of the environment.
    Set(CURLOPT_PROXY, setup_->proxy_url.c_str());
  }

  void SetTls() {
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_SSL_VERIFYPEER, 1L);
    Set(CURLOPT_SSL_VERIFYHOST, setup_->any_name ? 0L : 2L);
    if (!setup_->ca.empty()) {
      // The machine's authorities are in libcurl's default file and folder: leave nothing of them.
      Set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));
      Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
      SetBlob(CURLOPT_CAINFO_BLOB, AsBytes(setup_->ca));
    }
    if (!setup_->certificate.empty()) {
      SetBlob(CURLOPT_SSLCERT_BLOB, AsBytes(setup_->certificate));
      SetBlob(CURLOPT_SSLKEY_BLOB, setup_->key.RevealSecret());
    }
  }

  /// The bytes live in setup_, as long as the handle: libcurl makes no copy.
  void SetBlob(CURLoption option, ByteView bytes) {
    curl_blob blob{const_cast<std::uint8_t*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
    Set(option, &blob);
  }

  Lists SetCall(const HttpCall& call, Running& running) {
    Lists lists{List(nullptr, {curl_.slist_free_all}), List(nullptr, {curl_.slist_free_all})};
    for (const std::string& header : call.headers) {
      lists.headers.reset(curl_.slist_append(lists.headers.release(), header.c_str()));
    }
    if (!setup_->connect_to.empty()) {
      lists.connect_to.reset(curl_.slist_append(nullptr, ("::" + setup_->connect_to).c_str()));
    }
    Set(CURLOPT_HTTPHEADER, lists.headers.get());
    Set(CURLOPT_CONNECT_TO, lists.connect_to.get());
    Set(CURLOPT_URL, (setup_->base + call.path).c_str());
    if (call.method != "GET") {
      Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      Set(CURLOPT_POSTFIELDS, call.body.data() == nullptr ? "" : call.body.data());
      Set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
    }
    if (call.timeout > Duration::zero()) {
      Set(CURLOPT_TIMEOUT_MS, Milliseconds(call.timeout));
    }
    Set(CURLOPT_WRITEFUNCTION, &OnBody);
    Set(CURLOPT_WRITEDATA, &running);
    Set(CURLOPT_ERRORBUFFER, running.message.data());
    return lists;
  }

  Result<HttpAnswer> Run(Running& running) {
    const HttpCall& call = running.call;
    bool head_told = false;
    for (;;) {
      int active = 0;
      if (curl_.multi_perform(multi_, &active) != CURLM_OK) {
        return Unavailable("libcurl failed");
      }
      if (!head_told && call.on_head && running.status() != 0) {
        head_told = true;
        call.on_head(running.status());
      }
      if (active == 0) {
        return Finish(running);
      }
      if (call.stopping && call.stopping()) {
        return Error{Code::kCancelled, "stopped"};
      }
      if (call.silence > Duration::zero() && clock_.Mono() - running.last_byte > call.silence) {
        return Unavailable("the server has been silent for too long");
      }
      curl_.multi_poll(multi_, nullptr, 0, 200, nullptr);
    }
  }

  Result<HttpAnswer> Finish(const Running& running) {
    int left = 0;
    const CURLMsg* message = curl_.multi_info_read(multi_, &left);
    const CURLcode code = message == nullptr ? CURLE_GOT_NOTHING : message->data.result;
    if (code == CURLE_OK || running.ended_by_us) {
      curl_off_t seconds = 0;
      curl_.easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &seconds);
      return HttpAnswer{running.status(),
                        std::chrono::seconds(std::clamp<curl_off_t>(seconds, 0, 3600))};
    }
    const std::string text =
        running.message[0] != '\0' ? running.message.data() : curl_.easy_strerror(code);
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
      return Unavailable("the server's certificate is not trusted (is this its CA?): " + text);
    }
    if (IsOurFault(code)) {
      return FailedPrecondition(text);
    }
    return Error{code == CURLE_OPERATION_TIMEDOUT ? Code::kDeadlineExceeded : Code::kUnavailable,
                 text};
  }

  const Curl& curl_;
  std::shared_ptr<const HttpSetup> setup_;
  const Clock& clock_;
  CURL* easy_ = nullptr;
  CURLM* multi_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<HttpConnection>> HttpConnection::Open(std::shared_ptr<const HttpSetup> setup,
                                                             const Clock& clock) {
  const Result<Curl>& curl = LoadedCurl();
  if (!curl.ok()) {
    return curl.error();
  }
  return std::unique_ptr<HttpConnection>(
      std::make_unique<CurlConnection>(*curl, std::move(setup), clock));
}

}  // namespace signet::kubernetes
