#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "workload-api/delivery/material.h"

namespace signet::delivery {

/// Content is what one file holds. Everything is PEM unless it says otherwise.
enum class Content {
  kChain,          ///< "chain": leaf, then intermediates
  kLeaf,           ///< "leaf"
  kIntermediates,  ///< "intermediates"; may be empty
  kKey,            ///< "key": PKCS#8, not encrypted
  kKeyAndChain,  ///< "key_and_chain": key first, then leaf and intermediates (spiffe/spiffe PR 376)
  kChainAndKey,  ///< "chain_and_key": for servers that want the certificate first
  kBundle,       ///< "bundle": the roots of the own trust domain alone
  kBundleAndIntermediates,  ///< "bundle_and_intermediates": for servers that send or read only the
                            ///< leaf
  /// "constrained_bundles": own roots, and each foreign root as a cross-certificate that our CA has
  /// issued under name constraints. A foreign root without one is left out.
  kConstrainedBundles,
  /// "unconstrained_bundles": all roots as they are. Every trust domain in it can then vouch for
  /// the IDs of all others.
  kUnconstrainedBundles,
  kTrustDomainBundles,  ///< "trust_domain_bundles": one file for each trust domain; the name has
                        ///< "{trust_domain}" in it
  kBundleMap,  ///< "bundle_map": JSON, the SPIFFE bundles of all trust domains, X.509 only, one
               ///< certificate in each x5c
  kPkcs12,     ///< "pkcs12": key, chain and roots of the own trust domain under a password; DER
};

/// ContentOf reads the configuration's word; ContentName is its inverse.
std::optional<Content> ContentOf(std::string_view name);
std::string_view ContentName(Content content);
bool HoldsKey(Content content);

/// FileSpec is one file that a target wants.
struct FileSpec {
  std::string name = {};  ///< a plain file name, see CheckFileName
  Content content = Content::kChain;
  mode_t mode = 0;         ///< 0: 0600 for what holds a key, else 0644
  std::string owner = {};  ///< user name or number; empty: whoever runs us
  std::string group = {};  ///< group name or number; empty: the owner's, or ours
  Secret password = {};    ///< kPkcs12 only
};

/// kTrustDomainWord stands for a trust domain's name in the name of a kTrustDomainBundles file.
inline constexpr std::string_view kTrustDomainWord = "{trust_domain}";

/// ExpandName puts a trust domain's name where kTrustDomainWord is.
std::string ExpandName(std::string_view name, std::string_view trust_domain);

/// CheckFileName takes what is one component of a path: no '/', no NUL or control bytes, not "." or
/// "..", not starting with ".." (those names are ours), at most 255 bytes.
Status CheckFileName(std::string_view name);

/// CheckFileSpecs judges what can be judged before there is an identity: names (and that none comes
/// twice), modes (a file that group or others may write to is refused, and a key that others may
/// read; one that the group may read needs `group` to be set), "{trust_domain}" where it belongs, a
/// password where one is needed. Users and groups must exist. INVALID_ARGUMENT names the file and
/// the cure.
Status CheckFileSpecs(const std::vector<FileSpec>& specs);

/// RenderedFile is a file as it is to be on disk.
struct RenderedFile {
  std::string name;
  Secret content;
  mode_t mode = 0600;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Render makes all files of a target. The same material gives the same bytes, PKCS#12 included.
/// `left_out` gets one line for each foreign root or trust domain that a file cannot hold, and why.
/// What is foreign never makes it fail.
Result<std::vector<RenderedFile>> Render(const Material& material,
                                         const std::vector<FileSpec>& specs,
                                         std::vector<std::string>& left_out);

}  // namespace signet::delivery
