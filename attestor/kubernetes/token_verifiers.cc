#include <utility>

#include "attestor/kubernetes/issuer_keys.h"
#include "attestor/kubernetes/token_claims.h"
#include "attestor/kubernetes/token_review.h"
#include "attestor/kubernetes/tokens.h"
#include "core/base/check.h"

namespace signet::kubernetes {
namespace {

class ReviewVerifier final : public TokenVerifier {
 public:
  ReviewVerifier(Api& api, TokenRules rules, const Clock& clock, Logger& logger)
      : api_(api),
        rules_(std::move(rules)),
        clock_(clock),
        keys_(api, {.issuer = {}, .jwks_path = {}, .keep = rules_.max_life}, clock, logger) {
    SIGNET_CHECK(!rules_.audience.empty(), "a token review without an audience");
  }

  Result<ServiceAccountToken> Verify(std::string_view text) override {
    SIGNET_TRY_ASSIGN(const UnverifiedToken token, ReadToken(text, rules_, clock_.Now()));
    const Status filtered = keys_.Check(token.jws, token.claims.issuer);
    if (filtered.code() == Code::kPermissionDenied) {
      return filtered.error();
    }
    SIGNET_TRY_ASSIGN(const ServiceAccountToken reviewed, Review(text));
    SIGNET_TRY(CompareReview(token.claims.token, reviewed));
    return token.claims.token;
  }

 private:
  Result<ServiceAccountToken> Review(std::string_view text) {
    const auto answer = api_.Do({.method = "POST",
                                 .path = std::string(kTokenReviewPath),
                                 .body = WriteReview(text, rules_.audience),
                                 .max_body = kMaxReviewBytes});
    if (!answer.ok()) {
      return Unavailable("cannot have the token reviewed: " + answer.error().message);
    }
    return ReadReview(*answer, rules_.audience);
  }

  Api& api_;
  const TokenRules rules_;
  const Clock& clock_;
  IssuerKeys keys_;
};

class KeySetVerifier final : public TokenVerifier {
 public:
  KeySetVerifier(Api& api, KeySetOptions options, const Clock& clock, Logger& logger)
      : rules_(std::move(options.rules)),
        clock_(clock),
        keys_(api,
              {.issuer = std::move(options.issuer),
               .jwks_path = std::move(options.jwks_path),
               .keep = rules_.max_age + 2 * kClockSkew},
              clock, logger) {
    SIGNET_CHECK(!rules_.audience.empty() && rules_.max_age > Duration::zero(),
                 "tokens judged by keys alone need an audience and a greatest age");
  }

  Result<ServiceAccountToken> Verify(std::string_view text) override {
    SIGNET_TRY_ASSIGN(UnverifiedToken token, ReadToken(text, rules_, clock_.Now()));
    SIGNET_TRY(keys_.Check(token.jws, token.claims.issuer));
    return std::move(token.claims.token);
  }

 private:
  const TokenRules rules_;
  const Clock& clock_;
  IssuerKeys keys_;
};

}  // namespace

std::unique_ptr<TokenVerifier> NewReviewVerifier(Api& api, TokenRules rules, const Clock& clock,
                                                 Logger& logger) {
  return std::make_unique<ReviewVerifier>(api, std::move(rules), clock, logger);
}

std::unique_ptr<TokenVerifier> NewKeySetVerifier(Api& api, KeySetOptions options,
                                                 const Clock& clock, Logger& logger) {
  return std::make_unique<KeySetVerifier>(api, std::move(options), clock, logger);
}

}  // namespace signet::kubernetes
