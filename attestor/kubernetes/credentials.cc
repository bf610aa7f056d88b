#include "attestor/kubernetes/credentials.h"

#include <algorithm>
#include <utility>

#include "attestor/kubernetes/server_url.h"
#include "core/base/files.h"

namespace signet::kubernetes {
namespace {

constexpr Duration kReadAgainAfter = std::chrono::seconds(30);
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

Result<Secret> ReadMaterial(const Material& material) {
  if (material.file.empty()) {
    return material.data.Clone();
  }
  SIGNET_TRY_ASSIGN(Bytes bytes, ReadFile(material.file, kMaxFile));
  return Secret(std::move(bytes));
}

/// ReadPem wants a block of the given label, so that a mistaken path is told of here.
Result<Secret> ReadPem(const Material& material, std::string_view label, std::string_view what) {
  if (material.empty()) {
    return Secret();
  }
  SIGNET_TRY_ASSIGN(Secret secret, ReadMaterial(material).Context(what));
  const std::string_view text = AsText(secret.RevealSecret());
  const std::size_t begin = text.find("-----BEGIN ");
  if (begin == std::string_view::npos || text.find(label, begin) == std::string_view::npos) {
    return FailedPrecondition(std::string(what) + ": " +
                              (material.file.empty() ? "the kubeconfig's data" : material.file) +
                              " holds no PEM block of a " + std::string(label));
  }
  return secret;
}

/// ReadToken: the token stands in one line of printable characters (it becomes a header).
Result<std::shared_ptr<const Secret>> ReadToken(const Material& material) {
  if (material.empty()) {
    return std::shared_ptr<const Secret>();
  }
  SIGNET_TRY_ASSIGN(const Secret read, ReadMaterial(material).Context("token"));
  std::string_view text = AsText(read.RevealSecret());
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  text = begin == std::string_view::npos ? "" : text.substr(begin, end - begin + 1);
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return FailedPrecondition((material.file.empty() ? "the kubeconfig's token" : material.file) +
                              std::string(" holds no token in one line"));
  }
  return std::make_shared<const Secret>(ToBytes(text));
}

bool SameSecret(const Secret& a, const Secret& b) {
  return Equal(a.RevealSecret(), b.RevealSecret());
}

bool SameToken(const std::shared_ptr<const Secret>& a, const std::shared_ptr<const Secret>& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || SameSecret(*a, *b));
}

bool SameFiles(const HttpSetup& a, const HttpSetup& b) {
  return a.ca == b.ca && a.certificate == b.certificate && SameSecret(a.key, b.key);
}

}  // namespace

Credentials::Credentials(std::shared_ptr<const ApiConfig> config, const Clock& clock,
                         Logger& logger)
    : config_(std::move(config)), clock_(clock), logger_(logger) {}

Result<Credentials::Current> Credentials::Get() {
  const std::lock_guard lock(mutex_);
  if (current_.setup == nullptr || clock_.Mono() - read_at_ >= kReadAgainAfter) {
    SIGNET_TRY(Update());
  }
  return current_;
}

bool Credentials::Refresh(const Current& refused) {
  const std::lock_guard lock(mutex_);
  return Update().ok() &&
         (!SameToken(current_.token, refused.token) || !SameFiles(*current_.setup, *refused.setup));
}

Status Credentials::Update() {
  read_at_ = clock_.Mono();
  Result<Current> loaded = Load();
  if (!loaded.ok()) {
    Error error = std::move(loaded).error().Context(config_->origin);
    if (current_.setup == nullptr) {
      return Error{Code::kFailedPrecondition, std::move(error.message)};
    }
    if (!complained_) {
      logger_.Warn("kubernetes credential cannot be read again", {{"error", error}});
    }
    complained_ = true;
    return {};
  }
  complained_ = false;
  if (current_.setup != nullptr && SameFiles(*current_.setup, *loaded->setup)) {
    loaded->setup = current_.setup;  // connections stay
  }
  current_ = std::move(loaded).value();
  return {};
}

Result<Credentials::Current> Credentials::Load() const {
  SIGNET_TRY_ASSIGN(const ServerUrl url, ParseServerUrl(config_->server));
  auto setup = std::make_shared<HttpSetup>();
  const std::string& name = config_->tls_server_name;
  setup->base = "https://" + (name.empty() ? url.HostPort() : name + ":" + url.port) + url.base;
  setup->connect_to = name.empty() ? "" : url.HostPort();
  setup->proxy_url = config_->proxy_url;
  setup->any_name = config_->any_name;
  SIGNET_TRY_ASSIGN(const Secret ca, ReadPem(config_->ca, "CERTIFICATE", "certificate authority"));
  SIGNET_TRY_ASSIGN(const Secret certificate,
                    ReadPem(config_->certificate, "CERTIFICATE", "client certificate"));
  SIGNET_TRY_ASSIGN(setup->key, ReadPem(config_->key, "PRIVATE KEY", "client key"));
  setup->ca = AsText(ca.RevealSecret());
  setup->certificate = AsText(certificate.RevealSecret());
  if (setup->certificate.empty() != setup->key.empty()) {
    return FailedPrecondition("a client certificate needs its key, and the key its certificate");
  }
  Current current;
  SIGNET_TRY_ASSIGN(current.token, ReadToken(config_->token));
  current.setup = std::move(setup);
  return current;
}

}  // namespace signet::kubernetes
