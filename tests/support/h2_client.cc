#include "tests/support/h2_client.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace signet::test {

namespace {

/// View lists the fields for nghttp2, which copies them.
std::vector<nghttp2_nv> View(Headers& headers) {
  std::vector<nghttp2_nv> list;
  for (auto& [name, value] : headers) {
    list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                    reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
  }
  return list;
}

}  // namespace

/// H2Hooks are nghttp2's callbacks.
struct H2Hooks {
  static H2Client& Of(void* user) { return *static_cast<H2Client*>(user); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
    Of(user).replies_[frame->hd.stream_id].headers.emplace_back(
        std::string(reinterpret_cast<const char*>(name), name_size),
        std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                    const std::uint8_t* data, std::size_t size, void* user) {
    H2Client& self = Of(user);
    self.replies_[id].data.append(reinterpret_cast<const char*>(data), size);
    if (!self.hold_windows_) {
      nghttp2_session_consume(session, id, size);
    }
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Client& self = Of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self.goaway_ = true;
      self.goaway_error_ = frame->goaway.error_code;
    } else if (frame->hd.type == NGHTTP2_PING) {
      ++self.pings_;
    } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      self.replies_[frame->hd.stream_id].ended = true;
    }
    return 0;
  }
  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    H2Reply& reply = Of(user).replies_[id];
    reply.closed = true;
    reply.error = error;
    return 0;
  }
  static ssize_t Read(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    H2Client::Upload& upload = Of(user).uploads_[id];
    const std::size_t n = std::min(size, upload.bytes.size());
    std::memcpy(buffer, upload.bytes.data(), n);
    upload.bytes.erase(0, n);
    if (upload.bytes.empty() && upload.end) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (n == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(n);
  }
};

std::string H2Reply::Header(const std::string& name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&name](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string() : found->second;
}

std::vector<std::string> H2Reply::Messages() const {
  std::vector<std::string> messages;
  std::size_t at = 0;
  while (at + 5 <= data.size()) {
    std::size_t size = 0;
    for (int i = 1; i < 5; ++i) {
      size = size << 8 | static_cast<std::uint8_t>(data[at + static_cast<std::size_t>(i)]);
    }
    if (at + 5 + size > data.size()) {
      break;
    }
    messages.push_back(data.substr(at + 5, size));
    at += 5 + size;
  }
  return messages;
}

std::string Framed(const std::string& message, char flag) {
  std::string out(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((message.size() >> shift) & 0xff));
  }
  return out + message;
}

std::unique_ptr<H2Client> H2Client::Unix(const std::string& path) {
  std::unique_ptr<H2Client> client(new H2Client);
  client->socket_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(client->fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return nullptr;
  }
  client->Init();
  return client;
}

std::unique_ptr<H2Client> H2Client::Tls(std::uint16_t port, const H2TlsOptions& options) {
  std::unique_ptr<H2Client> client(new H2Client);
  client->socket_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(client->fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return nullptr;
  }
  if (!client->StartTls(options)) {
    return nullptr;
  }
  client->Init();
  return client;
}

bool H2Client::StartTls(const H2TlsOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the server has closed
  ctx_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX* ctx = ctx_.get();
  if (options.max_version != 0) {
    SSL_CTX_set_security_level(ctx, 0);  // lets the client offer what the server must refuse
    SSL_CTX_set_min_proto_version(ctx, 0);
    SSL_CTX_set_max_proto_version(ctx, options.max_version);
  }
  if (!options.alpn.empty()) {
    const std::string wire = std::string(1, static_cast<char>(options.alpn.size())) + options.alpn;
    SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  if (!options.certificate.empty()) {
    SSL_CTX_use_certificate_ASN1(ctx, static_cast<int>(options.certificate.size()),
                                 options.certificate.data());
    const unsigned char* at = options.key.data();
    EVP_PKEY* key = d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(options.key.size()));
    SSL_CTX_use_PrivateKey(ctx, key);
    EVP_PKEY_free(key);
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(ctx, [](SSL* ssl, SSL_SESSION* session) {
    static_cast<H2Client*>(SSL_get_app_data(ssl))->got_session_ |=
        SSL_SESSION_is_resumable(session) == 1;
    return 0;
  });
  ssl_.reset(SSL_new(ctx), SSL_free);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_fd(ssl_.get(), fd());
  return SSL_connect(ssl_.get()) == 1;
}

H2Client::~H2Client() { nghttp2_session_del(session_); }

void H2Client::Init() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, H2Hooks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, H2Hooks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, H2Hooks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, H2Hooks::OnClose);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  WriteAll();
}

std::int32_t H2Client::Start(const std::string& method, const Headers& extra) {
  Headers headers{{":method", "POST"},
                  {":scheme", "http"},
                  {":path", method},
                  {":authority", "test"},
                  {"content-type", "application/grpc"},
                  {"te", "trailers"}};
  for (const auto& [name, value] : extra) {
    std::erase_if(headers, [&n = name](const auto& header) { return header.first == n; });
    if (!value.empty()) {
      const auto at = name.front() == ':' ? headers.begin() : headers.end();
      headers.insert(at, {name, value});
    }
  }
  return Open(std::move(headers));
}

std::int32_t H2Client::Open(Headers headers, bool end) {
  const std::vector<nghttp2_nv> list = View(headers);
  nghttp2_data_provider provider{};
  provider.read_callback = H2Hooks::Read;
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                                 end ? nullptr : &provider, nullptr);
  replies_[id];
  WriteAll();
  return id;
}

void H2Client::SendHeaders(std::int32_t id, Headers headers, bool end) {
  const std::vector<nghttp2_nv> list = View(headers);
  nghttp2_submit_headers(session_, end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, id, nullptr,
                         list.data(), list.size(), nullptr);
  WriteAll();
}

void H2Client::Send(std::int32_t id, const std::string& bytes, bool end) {
  uploads_[id].bytes += bytes;
  uploads_[id].end = end;
  nghttp2_session_resume_data(session_, id);
  WriteAll();
}

void H2Client::Reset(std::int32_t id, std::uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error);
  WriteAll();
}

void H2Client::HoldWindows() { hold_windows_ = true; }

bool H2Client::WriteAll() {
  const std::uint8_t* data = nullptr;
  ssize_t n = 0;
  while ((n = nghttp2_session_mem_send(session_, &data)) > 0) {
    unsent_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
  while (!unsent_.empty()) {
    const int size = static_cast<int>(std::min<std::size_t>(unsent_.size(), 16384));
    const ssize_t put = ssl_ ? SSL_write(ssl_.get(), unsent_.data(), size)
                             : ::send(fd(), unsent_.data(), static_cast<std::size_t>(size),
                                      MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put <= 0) {
      return false;
    }
    unsent_.erase(0, static_cast<std::size_t>(put));
  }
  return true;
}

bool H2Client::ReadOnce() {
  std::uint8_t buffer[16384];
  const ssize_t n =
      ssl_ ? SSL_read(ssl_.get(), buffer, sizeof buffer) : ::recv(fd(), buffer, sizeof buffer, 0);
  if (n <= 0 || nghttp2_session_mem_recv(session_, buffer, static_cast<std::size_t>(n)) < 0) {
    closed_ = true;
    return false;
  }
  return true;
}

bool H2Client::Pump(std::chrono::milliseconds wait) {
  WriteAll();
  pollfd item{fd(), static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  const bool pending = ssl_ && SSL_pending(ssl_.get()) > 0;
  if (!pending && ::poll(&item, 1, static_cast<int>(wait.count())) <= 0) {
    return !closed_;
  }
  if (pending || (item.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    return ReadOnce() && (WriteAll() || true);
  }
  return !closed_;
}

bool H2Client::Until(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !Pump(left)) {
      return condition();
    }
  }
  return true;
}

bool H2Client::UntilEnded(std::int32_t id) {
  return Until([this, id] { return replies_[id].ended || replies_[id].closed; });
}

bool H2Client::UntilClosed() {
  return Until([this] { return closed_; });
}

H2Reply H2Client::Call(const std::string& method, const std::string& message,
                       const Headers& extra) {
  const std::int32_t id = Start(method, extra);
  Send(id, Framed(message), true);
  UntilEnded(id);
  return replies_[id];
}

Bytes H2Client::server_certificate() const {
  X509* certificate = SSL_get1_peer_certificate(ssl_.get());
  Bytes der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)));
  unsigned char* out = der.data();
  i2d_X509(certificate, &out);
  X509_free(certificate);
  return der;
}

}  // namespace signet::test
