#include "ca/service/bundles.h"

#include <algorithm>
#include <utility>

#include "core/crypto/bundle_codec.h"
#include "core/crypto/der.h"

namespace signet::service {
namespace {

using spiffe::TrustDomain;
using Writes = std::vector<store::Write>;

/// Bounds of one stored bundle: every agent that federates with it holds a copy.
constexpr std::size_t kMaxAuthorities = 256;

/// ValidatePublicKey checks that DER is shaped as a SubjectPublicKeyInfo. Foreign JWT keys may be
/// of types that Signet itself does not use.
Status ValidatePublicKey(ByteView der) {
  crypto::der::Reader outer(der);
  SIGNET_TRY_ASSIGN(crypto::der::Reader spki, outer.Enter(crypto::der::kSequence));
  SIGNET_TRY(outer.Finish());
  SIGNET_TRY_ASSIGN(crypto::der::Reader algorithm, spki.Enter(crypto::der::kSequence));
  SIGNET_TRY(algorithm.Expect(crypto::der::kOid));
  SIGNET_TRY_ASSIGN(const auto key, spki.Expect(crypto::der::kBitString));
  SIGNET_TRY(crypto::der::ReadBitString(key.content));
  return spki.Finish();
}

Result<std::vector<spiffe::X509Authority>> CheckX509(const std::vector<Bytes>& ders) {
  if (ders.size() > kMaxAuthorities) {
    return InvalidArgument("more than 256 X.509 authorities");
  }
  std::vector<spiffe::X509Authority> authorities;
  for (const Bytes& der : ders) {
    SIGNET_TRY(crypto::ValidateAuthority(der).Context("unable to parse X.509 authority"));
    const spiffe::X509Authority authority{der};
    if (std::find(authorities.begin(), authorities.end(), authority) == authorities.end()) {
      authorities.push_back(authority);
    }
  }
  return authorities;
}

Result<std::vector<spiffe::JwtAuthority>> CheckJwt(
    const std::vector<spiffe::JwtAuthority>& inputs) {
  if (inputs.size() > kMaxAuthorities) {
    return InvalidArgument("more than 256 JWT authorities");
  }
  std::vector<spiffe::JwtAuthority> authorities;
  for (const spiffe::JwtAuthority& input : inputs) {
    if (input.key_id.empty()) {
      return InvalidArgument("unable to parse JWT authority: missing key ID");
    }
    SIGNET_TRY(ValidatePublicKey(input.spki).Context("unable to parse JWT authority"));
    authorities.push_back({input.spki, input.key_id, input.expires_at, false});
  }
  return authorities;
}

/// Fill replaces the picked parts of a bundle by what the input says, checked.
Status Fill(spiffe::Bundle& bundle, const BundleInput& input, const BundleFields& fields) {
  if (fields.x509_authorities) {
    SIGNET_TRY_ASSIGN(bundle.x509_authorities, CheckX509(input.x509_authorities));
  }
  if (fields.jwt_authorities) {
    SIGNET_TRY_ASSIGN(bundle.jwt_authorities, CheckJwt(input.jwt_authorities));
  }
  if (fields.refresh_hint) {
    if (input.refresh_hint < 0) {
      return InvalidArgument("refresh hint is negative");
    }
    bundle.refresh_hint_seconds = input.refresh_hint;
  }
  if (fields.sequence_number) {
    bundle.sequence = input.sequence_number;
  }
  return {};
}

/// AddMissing appends what `have` lacks; true if that was anything.
template <class T, class Same>
bool AddMissing(std::vector<T>& have, const std::vector<T>& wanted, Same same) {
  bool added = false;
  for (const T& item : wanted) {
    const bool known =
        std::any_of(have.begin(), have.end(), [&](const T& other) { return same(other, item); });
    if (!known) {
      have.push_back(item);
      added = true;
    }
  }
  return added;
}

}  // namespace

std::int32_t Bundles::Count() const {
  return context_.registry.Read([](const RegistryTables& tables) {
    return static_cast<std::int32_t>(tables.bundles().size());
  });
}

Result<BundlePtr> Bundles::Own() const {
  BundlePtr bundle = context_.registry.FindBundle(context_.trust_domain);
  if (!bundle) {
    return NotFound("bundle not found");
  }
  return bundle;
}

Result<BundlePtr> Bundles::AppendOwn(const BundleInput& input) {
  if (input.x509_authorities.empty() && input.jwt_authorities.empty()) {
    return InvalidArgument("no authorities to append");
  }
  SIGNET_TRY_ASSIGN(const auto x509, CheckX509(input.x509_authorities));
  SIGNET_TRY_ASSIGN(const auto jwt, CheckJwt(input.jwt_authorities));
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<Writes> {
    SIGNET_TRY_ASSIGN(const BundlePtr own, Own());
    store::StoredBundle next = *own;
    bool changed = AddMissing(next.bundle.x509_authorities, x509,
                              [](const auto& a, const auto& b) { return a.der == b.der; });
    changed |= AddMissing(next.bundle.jwt_authorities, jwt, [](const auto& a, const auto& b) {
      return a.key_id == b.key_id && a.spki == b.spki && a.expires_at == b.expires_at;
    });
    if (!changed) {
      return Writes{};
    }
    next.bundle.sequence += 1;
    return Writes{store::PutBundle{std::move(next)}};
  }));
  return Own();
}

Result<TrustDomain> Bundles::ParseFederated(const std::string& name) const {
  SIGNET_TRY_ASSIGN(TrustDomain trust_domain,
                    TrustDomain::ParseNameOrId(name).Context("trust domain argument is not valid"));
  if (trust_domain == context_.trust_domain) {
    return InvalidArgument("\"" + trust_domain.name() +
                           "\" is this server's own trust domain, not a federated one");
  }
  return trust_domain;
}

Result<BundlePtr> Bundles::Federated(const std::string& name) const {
  SIGNET_TRY_ASSIGN(const TrustDomain trust_domain, ParseFederated(name));
  BundlePtr bundle = context_.registry.FindBundle(trust_domain);
  if (!bundle) {
    return NotFound("bundle not found");
  }
  return bundle;
}

Result<Page<BundlePtr>> Bundles::ListFederated(const PageRequest& page) const {
  return CollectPage<BundlePtr>(
      page,
      [&](std::int64_t row, std::size_t limit) {
        return context_.registry.BundlesAfter(row, limit);
      },
      [&](const store::StoredBundle& stored) {
        return stored.bundle.trust_domain != context_.trust_domain;
      });
}

BundleResult Bundles::Write(const BundleInput& input, const BundleFields& fields, bool create,
                            bool update) {
  Result<TrustDomain> trust_domain = ParseFederated(input.trust_domain);
  if (!trust_domain.ok()) {
    return {std::move(trust_domain).error()};
  }
  const Status done = context_.registry.Transact([&]() -> Result<Writes> {
    const BundlePtr known = context_.registry.FindBundle(*trust_domain);
    if (known && !update) {
      return AlreadyExists("bundle already exists");
    }
    if (!known && !create) {
      return NotFound("bundle not found");
    }
    store::StoredBundle next{0, spiffe::Bundle{.trust_domain = *trust_domain}};
    if (known) {
      next = *known;
    }
    SIGNET_TRY(Fill(next.bundle, input, fields));
    next.row = known ? known->row : context_.registry.NewRow();
    return Writes{store::PutBundle{std::move(next)}};
  });
  if (!done.ok()) {
    return {done};
  }
  return {{}, context_.registry.FindBundle(*trust_domain)};
}

BundleResult Bundles::Create(const BundleInput& input) { return Write(input, {}, true, false); }

BundleResult Bundles::Update(const BundleInput& input, const BundleFields& fields) {
  return Write(input, fields, false, true);
}

BundleResult Bundles::Set(const BundleInput& input) { return Write(input, {}, true, true); }

std::vector<EntryPtr> Bundles::EntriesFederatingWith(const TrustDomain& trust_domain) const {
  std::vector<EntryPtr> found;
  std::int64_t row = 0;
  for (;;) {
    const std::vector<EntryPtr> entries = context_.registry.EntriesAfter(row, 4096);
    if (entries.empty()) {
      return found;
    }
    row = entries.back()->row;
    std::copy_if(entries.begin(), entries.end(), std::back_inserter(found), [&](const auto& e) {
      return std::find(e->federates_with.begin(), e->federates_with.end(), trust_domain) !=
             e->federates_with.end();
    });
  }
}

Status Bundles::Delete(const std::string& name, DeleteBundleMode mode) {
  SIGNET_TRY_ASSIGN(const TrustDomain trust_domain, ParseFederated(name));
  return context_.registry.Transact([&]() -> Result<Writes> {
    if (!context_.registry.FindBundle(trust_domain)) {
      return NotFound("bundle not found");
    }
    Writes writes;
    const std::vector<EntryPtr> entries = EntriesFederatingWith(trust_domain);
    if (!entries.empty() && mode == DeleteBundleMode::kRestrict) {
      return FailedPrecondition("cannot delete bundle; federated with " +
                                std::to_string(entries.size()) + " registration entries");
    }
    for (const EntryPtr& entry : entries) {
      if (mode == DeleteBundleMode::kDelete) {
        writes.push_back(store::DeleteEntry{entry->id});
        continue;
      }
      store::Entry dissociated = *entry;
      std::erase(dissociated.federates_with, trust_domain);
      dissociated.revision_number += 1;
      writes.push_back(store::PutEntry{std::move(dissociated)});
    }
    writes.push_back(store::DeleteBundle{trust_domain});
    return writes;
  });
}

}  // namespace signet::service
