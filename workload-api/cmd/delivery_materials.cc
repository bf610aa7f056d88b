#include "workload-api/cmd/delivery_materials.h"

#include <algorithm>
#include <string>

namespace signet::agent_cmd {
namespace {

constexpr std::size_t kMaxListed = 10;

bool Fits(const IdentityChoice& choice, const spiffe::SpiffeId& id, const std::string& hint) {
  return (!choice.id || *choice.id == id) && (choice.hint.empty() || choice.hint == hint);
}

Error NoneFits(const IdentityChoice& choice, const std::vector<std::string>& present) {
  std::string text = "none of the identities granted is the one configured";
  text += choice.id ? ", spiffe_id " + choice.id->ToString() : "";
  text += choice.hint.empty() ? "" : ", hint \"" + choice.hint + "\"";
  text += "; granted:";
  for (std::size_t i = 0; i < present.size() && i < kMaxListed; ++i) {
    text += (i == 0 ? " " : ", ") + present[i];
  }
  return NotFound(text + (present.size() > kMaxListed ? ", …" : ""));
}

Result<std::vector<Bytes>> SplitCertificates(ByteView concatenated) {
  std::vector<Bytes> out;
  if (concatenated.empty()) {
    return out;
  }
  SIGNET_TRY_ASSIGN(auto certificates, crypto::ParseCertificateList(concatenated));
  for (crypto::Certificate& certificate : certificates) {
    out.push_back(std::move(certificate.der));
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const delivery::Material>> MaterialOf(const client::X509Context& context,
                                                             const IdentityChoice& choice,
                                                             const CrossCertificates& cross) {
  const bool any = !choice.id && choice.hint.empty();
  const auto found =
      any ? context.identities.begin() + static_cast<std::ptrdiff_t>(context.default_index)
          : std::ranges::find_if(context.identities, [&](const client::X509Identity& identity) {
              return Fits(choice, identity.id(), identity.hint);
            });
  if (found == context.identities.end()) {
    std::vector<std::string> present;
    for (const client::X509Identity& identity : context.identities) {
      present.push_back(identity.id().ToString());
    }
    return NoneFits(choice, present);
  }
  auto material = std::make_shared<delivery::Material>(
      delivery::Material{.id = found->id(),
                         .hint = found->hint,
                         .not_before = found->svid.leaf().not_before,
                         .not_after = found->svid.leaf().not_after,
                         .bundles = context.bundles,
                         .cross_certificates = cross});
  for (const crypto::Certificate& certificate : found->svid.chain) {
    material->chain.push_back(certificate.der);
  }
  SIGNET_TRY_ASSIGN(material->key, found->key->ToPkcs8());
  return std::shared_ptr<const delivery::Material>(std::move(material));
}

Result<std::shared_ptr<const delivery::Material>> MaterialOf(const svids::Holdings& holdings,
                                                             const IdentityChoice& choice) {
  const auto found = std::ranges::find_if(holdings.identities, [&](const auto& identity) {
    return Fits(choice, identity->entry.spiffe_id, identity->entry.hint);
  });
  if (found == holdings.identities.end()) {
    std::vector<std::string> present;
    for (const auto& identity : holdings.identities) {
      present.push_back(identity->entry.spiffe_id.ToString());
    }
    return NoneFits(choice, present);
  }
  const svids::WorkloadSvid& svid = *(*found)->svid;
  auto material =
      std::make_shared<delivery::Material>(delivery::Material{.id = (*found)->entry.spiffe_id,
                                                              .hint = (*found)->entry.hint,
                                                              .key = svid.key.Clone(),
                                                              .not_before = svid.times.not_before,
                                                              .not_after = svid.times.not_after});
  SIGNET_TRY_ASSIGN(material->chain, SplitCertificates(svid.chain));
  for (const auto& [trust_domain, certificates] : holdings.bundles) {
    SIGNET_TRY_ASSIGN(material->bundles[trust_domain], SplitCertificates(*certificates));
  }
  for (const auto& [trust_domain, certificates] : holdings.cross_certificates) {
    material->cross_certificates[trust_domain] = *certificates;
  }
  return std::shared_ptr<const delivery::Material>(std::move(material));
}

}  // namespace signet::agent_cmd
