#include "attestor/kubernetes/issuer_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/crypto/json_check.h"

namespace signet::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDiscoveryPath = "/.well-known/openid-configuration";
/// The document's jwks_uri is not followed: it is a URL of the cluster's choice, and the API server
/// serves the same keys itself.
constexpr std::string_view kJwksPath = "/openid/v1/jwks";
constexpr std::size_t kMaxDiscoveryBytes = 64 * 1024;
constexpr std::size_t kMaxIssuerBytes = 2048;
constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxKeys = 2 * crypto::kMaxJwksKeys;
/// The API server gives keys as nothing else (406), other servers as plain JSON.
constexpr const char* kAccept = "application/jwk-set+json, application/json";
constexpr std::size_t kMaxBytes = 1024 * 1024;
constexpr Duration kTimeout = std::chrono::seconds(5);
constexpr Duration kFresh = std::chrono::hours(1);  // as Cache-Control of the API server says
constexpr Duration kAskAgain = std::chrono::seconds(10);
constexpr Duration kAskAgainIfForbidden = std::chrono::minutes(5);

Result<std::string> ReadIssuer(std::string_view document) {
  if (document.size() > kMaxDiscoveryBytes) {
    return Unavailable("the discovery document is longer than 64 KiB");
  }
  if (const Status json = crypto::CheckJson(document, kMaxDepth); !json.ok()) {
    return Unavailable("the discovery document is malformed: " + json.error().message);
  }
  const Json root = Json::parse(document, nullptr, /*allow_exceptions=*/false);
  const auto issuer = root.is_object() ? root.find("issuer") : root.end();
  if (!root.is_object() || issuer == root.end() || !issuer->is_string() ||
      issuer->get_ref<const std::string&>().empty() ||
      issuer->get_ref<const std::string&>().size() > kMaxIssuerBytes) {
    return Unavailable("the discovery document names no issuer");
  }
  return issuer->get<std::string>();
}

}  // namespace

Status IssuerKeys::Check(const crypto::Jws& jws, std::string_view issuer) {
  if (MustAsk(jws.key_id)) {
    const std::lock_guard asking(asking_);
    if (MustAsk(jws.key_id)) {  // another thread may have asked by now
      Ask();
    }
  }
  const auto candidates = Candidates(jws.key_id);
  {
    const std::lock_guard lock(mutex_);
    if (keys_.empty() || (candidates.empty() && !problem_.empty())) {
      return Unavailable("the keys of the cluster's issuer are not known: " + problem_);
    }
    if (issuer != issuer_) {
      return PermissionDenied("token is of another issuer than this cluster's, which is \"" +
                              issuer_ + "\"");
    }
  }
  if (candidates.empty()) {
    return PermissionDenied("token is signed with a key that the cluster does not publish");
  }
  Status last;
  for (const crypto::JwsKey& key : candidates) {
    last = key.Verify(jws);
    if (last.ok()) {
      return last;
    }
  }
  return std::move(last).Context("token");
}

bool IssuerKeys::MustAsk(std::string_view key_id) const {
  const MonoTime now = clock_.Mono();
  const bool unknown = Candidates(key_id).empty();
  const std::lock_guard lock(mutex_);
  if (ask_after_ && now < *ask_after_) {
    return false;
  }
  return unknown || !fetched_ || now - *fetched_ >= kFresh;
}

std::vector<crypto::JwsKey> IssuerKeys::Candidates(std::string_view key_id) const {
  const MonoTime now = clock_.Mono();
  const std::lock_guard lock(mutex_);
  std::vector<crypto::JwsKey> out;
  for (const Key& known : keys_) {
    const bool kept = !known.gone_since || now - *known.gone_since < options_.keep;
    if (kept && known.key.id() == key_id) {
      out.push_back(known.key);
    }
  }
  return out;
}

void IssuerKeys::Ask() {
  auto published = Fetch();
  if (published.ok()) {
    Take(*std::move(published));
  } else {
    NoteFailure(std::move(published).error());
  }
}

Result<IssuerKeys::Published> IssuerKeys::Fetch() const {
  Published out{.issuer = options_.issuer, .keys = {}};
  if (out.issuer.empty()) {
    SIGNET_TRY_ASSIGN(const std::string document,
                      Get(std::string(kDiscoveryPath), "get the issuer's discovery document"));
    SIGNET_TRY_ASSIGN(out.issuer, ReadIssuer(document));
  }
  SIGNET_TRY_ASSIGN(const std::string document,
                    Get(options_.jwks_path.empty() ? std::string(kJwksPath) : options_.jwks_path,
                        "get the issuer's keys"));
  auto keys = crypto::ParseJwks(document);
  if (!keys.ok()) {
    return Unavailable("the issuer's keys: " + keys.error().message);
  }
  if (keys->empty()) {
    return Unavailable("the issuer publishes no key that can be used");
  }
  out.keys = *std::move(keys);
  return out;
}

Result<std::string> IssuerKeys::Get(const std::string& path, std::string_view what) const {
  SIGNET_TRY_ASSIGN(
      ApiResponse answer,
      api_.Do({.path = path, .timeout = kTimeout, .accept = kAccept, .max_body = kMaxBytes}));
  if (answer.status != 200) {
    return ExplainStatus(what, answer);
  }
  return std::move(answer.body);
}

void IssuerKeys::Take(Published published) {
  const MonoTime now = clock_.Mono();
  const std::lock_guard lock(mutex_);
  std::vector<Key> next;
  for (crypto::JwsKey& key : published.keys) {
    next.push_back({std::move(key)});
  }
  for (Key& old : keys_) {
    const bool again = std::ranges::find(next, old.key, &Key::key) != next.end();
    const MonoTime gone = old.gone_since.value_or(now);
    if (!again && now - gone < options_.keep && next.size() < kMaxKeys) {
      next.push_back({std::move(old.key), gone});
    }
  }
  keys_ = std::move(next);
  issuer_ = std::move(published.issuer);
  fetched_ = now;
  ask_after_ = now + kAskAgain;
  problem_.clear();
}

void IssuerKeys::NoteFailure(Error error) {
  // A right that we lack does not come back in seconds; an API server does.
  const bool away = error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
  const std::lock_guard lock(mutex_);
  ask_after_ = clock_.Mono() + (away ? kAskAgain : kAskAgainIfForbidden);
  if (problem_ != error.message) {
    logger_.Warn("the keys that the cluster signs tokens with cannot be read", {{"error", error}});
  }
  problem_ = std::move(error.message);
}

}  // namespace signet::kubernetes
