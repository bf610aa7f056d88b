#include "workload-api/svids/view.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <set>

#include "core/base/check.h"
#include "core/base/secret.h"
#include "workload.pb.h"

namespace signet::svids {
namespace {

using Identities = std::vector<std::shared_ptr<const Identity>>;

std::span<std::uint8_t> Writable(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

/// Serialize gives the same bytes for the same content (maps sorted), in a buffer that is wiped at
/// its end: it may hold private keys.
std::shared_ptr<const std::string> Serialize(const google::protobuf::MessageLite& message) {
  std::shared_ptr<std::string> bytes(new std::string(message.ByteSizeLong(), '\0'),
                                     [](std::string* wiped) {
                                       WipeBytes(Writable(*wiped));
                                       delete wiped;
                                     });
  google::protobuf::io::ArrayOutputStream array(bytes->data(), static_cast<int>(bytes->size()));
  google::protobuf::io::CodedOutputStream out(&array);
  out.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&out);
  SIGNET_CHECK(!out.HadError(), "a message did not fit the size that it told");
  return bytes;
}

/// Servable keeps identities with a living SVID, and of those with one hint the oldest (WL-18).
Identities Servable(const Identities& matching, SystemTime now) {
  Identities servable;
  std::set<std::string_view> hints;
  for (const auto& identity : matching) {
    const std::string& hint = identity->entry.hint;
    if (!hint.empty() && !hints.insert(hint).second) {
      continue;
    }
    if (identity->svid != nullptr && identity->svid->times.not_after > now) {
      servable.push_back(identity);
    }
  }
  return servable;
}

std::set<spiffe::TrustDomain> FederatedWith(const Identities& matching) {
  std::set<spiffe::TrustDomain> federated;
  for (const auto& identity : matching) {
    federated.insert(identity->entry.federates_with.begin(), identity->entry.federates_with.end());
  }
  return federated;
}

const Bytes* FindBundle(const Snapshot& snapshot, const spiffe::TrustDomain& trust_domain) {
  const auto found = snapshot.bundles.find(trust_domain);
  return found == snapshot.bundles.end() ? nullptr : found->second.get();
}

/// AddFederated leaves out a trust domain without X.509 authorities: nobody of it is trusted either
/// way, and libraries drop a whole message for a list of certificates that is empty (WL-16).
template <class Map>
void AddFederated(Map& map, const Snapshot& snapshot,
                  const std::set<spiffe::TrustDomain>& federated) {
  for (const spiffe::TrustDomain& trust_domain : federated) {
    const Bytes* const bundle = FindBundle(snapshot, trust_domain);
    const bool usable = bundle != nullptr && !bundle->empty();
    if (usable && trust_domain != snapshot.trust_domain) {
      map[trust_domain.id()] = AsText(*bundle);
    }
  }
}

std::shared_ptr<const std::string> SvidsResponse(const Snapshot& snapshot,
                                                 const Identities& servable,
                                                 const Bytes& own_bundle) {
  X509SVIDResponse response;
  for (const auto& identity : servable) {
    X509SVID& svid = *response.add_svids();
    svid.set_spiffe_id(identity->entry.spiffe_id.ToString());
    svid.set_x509_svid(std::string(AsText(identity->svid->chain)));
    svid.set_x509_svid_key(std::string(AsText(identity->svid->key.RevealSecret())));
    svid.set_bundle(std::string(AsText(own_bundle)));
    svid.set_hint(identity->entry.hint);
  }
  AddFederated(*response.mutable_federated_bundles(), snapshot, FederatedWith(servable));
  auto bytes = Serialize(response);
  for (X509SVID& svid : *response.mutable_svids()) {
    WipeBytes(Writable(*svid.mutable_x509_svid_key()));
  }
  return bytes;
}

std::shared_ptr<const Holdings> HoldingsOf(const Snapshot& snapshot, const Identities& matching) {
  auto holdings = std::make_shared<Holdings>(Holdings{
      .trust_domain = snapshot.trust_domain, .identities = Servable(matching, snapshot.taken_at)});
  std::set<spiffe::TrustDomain> trust_domains = FederatedWith(matching);
  trust_domains.insert(snapshot.trust_domain);
  for (const spiffe::TrustDomain& trust_domain : trust_domains) {
    if (const auto found = snapshot.bundles.find(trust_domain); found != snapshot.bundles.end()) {
      holdings->bundles.insert(*found);
    }
    const auto cross = snapshot.cross_certificates.find(trust_domain);
    if (cross != snapshot.cross_certificates.end()) {
      holdings->cross_certificates.insert(*cross);
    }
  }
  return holdings;
}

}  // namespace

View MakeView(const Snapshot& snapshot, const std::vector<spiffe::Selector>& selectors) {
  const Identities matching = Matching(snapshot, selectors);
  if (matching.empty()) {
    return {.status = PermissionDenied("no identity issued")};
  }
  const Bytes* const own_bundle = FindBundle(snapshot, snapshot.trust_domain);
  if (own_bundle == nullptr || own_bundle->empty()) {
    return {.status = Unavailable("the trust bundle has not arrived yet")};
  }
  X509BundlesResponse bundles;
  (*bundles.mutable_bundles())[snapshot.trust_domain.id()] = AsText(*own_bundle);
  AddFederated(*bundles.mutable_bundles(), snapshot, FederatedWith(matching));
  View view{.bundles = Serialize(bundles), .holdings = HoldingsOf(snapshot, matching)};

  const Identities& servable = view.holdings->identities;
  if (servable.empty()) {
    view.status = Unavailable(
        "identity " + matching.front()->entry.spiffe_id.ToString() +
        " has no valid X509-SVID at this moment; the agent is asking the server for one");
    return view;
  }
  view.svids = SvidsResponse(snapshot, servable, *own_bundle);
  return view;
}

}  // namespace signet::svids
