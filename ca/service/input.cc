#include "ca/service/input.h"

#include <charconv>

namespace signet::service {

using spiffe::Selector;
using spiffe::SpiffeId;
using spiffe::TrustDomain;

Result<SpiffeId> ParseId(const std::optional<IdText>& text) {
  if (!text) {
    return InvalidArgument("SPIFFE ID is missing");
  }
  if (text->trust_domain.empty()) {
    return InvalidArgument("trust domain is missing");
  }
  SIGNET_TRY_ASSIGN(const TrustDomain trust_domain, TrustDomain::ParseNameOrId(text->trust_domain));
  return SpiffeId::FromParts(trust_domain, text->path);
}

Result<SpiffeId> ParseMemberId(const std::optional<IdText>& text, const TrustDomain& trust_domain) {
  SIGNET_TRY_ASSIGN(SpiffeId id, ParseId(text));
  if (id.trust_domain() != trust_domain) {
    return InvalidArgument("\"" + id.ToString() + "\" is not a member of trust domain \"" +
                           trust_domain.name() + "\"");
  }
  if (!id.has_path()) {
    return InvalidArgument("\"" + id.ToString() + "\" has no path; add one, e.g. \"/workload\"");
  }
  return id;
}

Status CheckWorkloadId(const SpiffeId& id, const TrustDomain& trust_domain) {
  if (id.trust_domain() != trust_domain) {
    return InvalidArgument("\"" + id.ToString() + "\" is not a member of trust domain \"" +
                           trust_domain.name() + "\"");
  }
  if (!id.has_path()) {
    return InvalidArgument("\"" + id.ToString() + "\" has no path; add one, e.g. \"/workload\"");
  }
  if (id.is_reserved()) {
    return InvalidArgument("\"" + id.ToString() +
                           "\" is not a workload's ID: the path /spire and all below it are "
                           "reserved for servers and agents");
  }
  return {};
}

Result<SpiffeId> ParseWorkloadId(const std::optional<IdText>& text,
                                 const TrustDomain& trust_domain) {
  SIGNET_TRY_ASSIGN(SpiffeId id, ParseId(text));
  SIGNET_TRY(CheckWorkloadId(id, trust_domain));
  return id;
}

Result<SpiffeId> ParseAgentId(const std::optional<IdText>& text, const TrustDomain& trust_domain) {
  SIGNET_TRY_ASSIGN(SpiffeId id, ParseMemberId(text, trust_domain).Context("invalid agent ID"));
  if (!id.is_agent()) {
    return InvalidArgument("invalid agent ID: \"" + id.ToString() +
                           "\" is not an agent in trust domain \"" + trust_domain.name() +
                           "\"; agents live below /spire/agent/");
  }
  return id;
}

Result<std::vector<Selector>> ParseSelectors(const std::vector<SelectorText>& texts) {
  std::vector<Selector> selectors;
  selectors.reserve(texts.size());
  for (const SelectorText& text : texts) {
    SIGNET_TRY_ASSIGN(Selector selector, Selector::Create(text.type, text.value));
    selectors.push_back(std::move(selector));
  }
  return selectors;
}

Result<std::int64_t> ParsePageToken(const PageRequest& page) {
  if (page.size <= 0 || page.token.empty()) {
    return std::int64_t{0};
  }
  std::int64_t row = 0;
  const char* end = page.token.data() + page.token.size();
  const auto [at, error] = std::from_chars(page.token.data(), end, row);
  if (error != std::errc() || at != end || row < 0) {
    return Internal("page token is not one that this server gave out");
  }
  return row;
}

}  // namespace signet::service
