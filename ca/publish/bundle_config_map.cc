#include "ca/publish/bundle_config_map.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/crypto/pem.h"

namespace signet::publish {
namespace {

using Json = nlohmann::json;
using kubernetes::ApiRequest;
using kubernetes::ApiResponse;

constexpr Duration kRecheck = std::chrono::minutes(10);
constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr Duration kLastBackoff = std::chrono::minutes(1);
/// kRounds bounds how often one Publish gives way to others who write the same ConfigMap.
constexpr int kRounds = 5;

/// StringAt gives the string at a JSON pointer, or nullopt.
std::optional<std::string> StringAt(const Json& object, const Json::json_pointer& pointer) {
  if (!object.contains(pointer) || !object.at(pointer).is_string()) {
    return std::nullopt;
  }
  return object.at(pointer).get<std::string>();
}

std::string What(const char* verb, const ConfigMapRef& ref) {
  return std::string(verb) + " configmap \"" + ref.namespace_name + "/" + ref.name + "\"";
}

}  // namespace

std::string PemOf(const spiffe::Bundle& bundle) {
  std::string pem;
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    pem += crypto::PemEncode("CERTIFICATE", authority.der);
  }
  return pem;
}

BundleConfigMap::BundleConfigMap(ConfigMapRef ref, std::unique_ptr<kubernetes::Api> api, Source pem,
                                 Logger& logger)
    : ref_(std::move(ref)), api_(std::move(api)), pem_(std::move(pem)), logger_(logger) {}

void BundleConfigMap::Start() {
  ticker_ = std::make_unique<Ticker>([this] { return Step(); });
}

void BundleConfigMap::Changed() {
  if (ticker_) {
    ticker_->Wake();
  }
}

Duration BundleConfigMap::Step() {
  const Result<bool> published = Publish();
  if (!published.ok()) {
    if (backoff_ == Duration::zero()) {
      logger_.Error(
          "bundle was not published; it is tried again",
          {{"config_map", ref_.namespace_name + "/" + ref_.name}, {"error", published.error()}});
    }
    backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kLastBackoff);
    return backoff_;
  }
  if (*published || backoff_ != Duration::zero()) {
    logger_.Info("bundle is published",
                 {{"config_map", ref_.namespace_name + "/" + ref_.name}, {"key", ref_.key}});
  }
  backoff_ = Duration::zero();
  return kRecheck;
}

Result<bool> BundleConfigMap::Publish() {
  for (int round = 0; round < kRounds; ++round) {
    // Read anew each round: what lost against another writer may be an old bundle by now.
    SIGNET_TRY_ASSIGN(const Outcome outcome, Try(pem_()));
    if (outcome != Outcome::kRaced) {
      return outcome == Outcome::kChanged;
    }
  }
  return Unavailable(What("update", ref_) + ": somebody else changes it all the time");
}

std::string BundleConfigMap::Path() const {
  return "/api/v1/namespaces/" + ref_.namespace_name + "/configmaps/" + ref_.name;
}

Result<BundleConfigMap::Outcome> BundleConfigMap::Try(const std::string& pem) {
  SIGNET_TRY_ASSIGN(const ApiResponse got, api_->Do({.path = Path()}));
  if (got.status == 404) {
    return Create(pem);
  }
  if (got.status != 200) {
    return kubernetes::ExplainStatus(What("get", ref_), got);
  }
  const Json object = Json::parse(got.body, nullptr, false);
  const auto version = StringAt(object, Json::json_pointer("/metadata/resourceVersion"));
  if (!version) {
    return Unavailable(What("get", ref_) + ": the answer is no ConfigMap");
  }
  const auto data = object.find("data");
  const bool has_key = data != object.end() && data->is_object() && data->contains(ref_.key);
  if (has_key && data->at(ref_.key) == pem) {
    return Outcome::kSame;
  }
  return Replace(pem, *version);
}

Result<BundleConfigMap::Outcome> BundleConfigMap::Replace(const std::string& pem,
                                                          const std::string& version) {
  // With the version a write that came in between is seen (409) and not overwritten.
  const Json patch = {{"metadata", {{"resourceVersion", version}}}, {"data", {{ref_.key, pem}}}};
  SIGNET_TRY_ASSIGN(const ApiResponse patched,
                    api_->Do({.method = "PATCH",
                              .path = Path(),
                              .body = patch.dump(),
                              .content_type = "application/merge-patch+json"}));
  if (patched.status == 200) {
    return Outcome::kChanged;
  }
  if (patched.status == 409 || patched.status == 404) {
    return Outcome::kRaced;
  }
  return kubernetes::ExplainStatus(What("patch", ref_), patched);
}

Result<BundleConfigMap::Outcome> BundleConfigMap::Create(const std::string& pem) {
  const Json object = {{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"metadata", {{"name", ref_.name}, {"namespace", ref_.namespace_name}}},
                       {"data", {{ref_.key, pem}}}};
  SIGNET_TRY_ASSIGN(const ApiResponse created,
                    api_->Do({.method = "POST",
                              .path = "/api/v1/namespaces/" + ref_.namespace_name + "/configmaps",
                              .body = object.dump()}));
  if (created.status == 201) {
    return Outcome::kChanged;
  }
  if (created.status == 409) {
    return Outcome::kRaced;
  }
  Error error = kubernetes::ExplainStatus(What("create", ref_), created);
  if (created.status == 403) {
    error.message += "; it is not there yet: create an empty one, or allow \"create configmaps\"";
  }
  return error;
}

}  // namespace signet::publish
