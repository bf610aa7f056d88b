#include "workload-api/delivery/layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/crypto/pkcs12.h"
#include "workload-api/delivery/accounts.h"

namespace signet::delivery {
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // NAME_MAX

constexpr std::array kContents = {
    std::pair{Content::kChain, std::string_view("chain")},
    std::pair{Content::kLeaf, std::string_view("leaf")},
    std::pair{Content::kIntermediates, std::string_view("intermediates")},
    std::pair{Content::kKey, std::string_view("key")},
    std::pair{Content::kKeyAndChain, std::string_view("key_and_chain")},
    std::pair{Content::kChainAndKey, std::string_view("chain_and_key")},
    std::pair{Content::kBundle, std::string_view("bundle")},
    std::pair{Content::kBundleAndIntermediates, std::string_view("bundle_and_intermediates")},
    std::pair{Content::kConstrainedBundles, std::string_view("constrained_bundles")},
    std::pair{Content::kUnconstrainedBundles, std::string_view("unconstrained_bundles")},
    std::pair{Content::kTrustDomainBundles, std::string_view("trust_domain_bundles")},
    std::pair{Content::kBundleMap, std::string_view("bundle_map")},
    std::pair{Content::kPkcs12, std::string_view("pkcs12")},
};

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// CheckName checks the name of a file as it is configured.
Status CheckName(const FileSpec& spec) {
  const std::size_t at = spec.name.find(kTrustDomainWord);
  if (spec.content != Content::kTrustDomainBundles) {
    if (at != std::string::npos) {
      return InvalidArgument(std::string(kTrustDomainWord) +
                             " is for names of trust_domain_bundles alone");
    }
    return CheckFileName(spec.name);
  }
  if (at == std::string::npos || spec.name.find(kTrustDomainWord, at + 1) != std::string::npos) {
    return InvalidArgument("trust_domain_bundles makes one file for each trust domain; put " +
                           std::string(kTrustDomainWord) + " once into the name");
  }
  return CheckFileName(ExpandName(spec.name, "a"));
}

Status CheckMode(const FileSpec& spec) {
  if ((spec.mode & ~mode_t{0777}) != 0) {
    return InvalidArgument("a mode is an octal number from 0001 to 0777");
  }
  if ((spec.mode & 022) != 0) {
    return InvalidArgument("the mode lets others write to the file; take 0644 or less");
  }
  if (!HoldsKey(spec.content)) {
    return {};
  }
  if ((spec.mode & 007) != 0) {
    return InvalidArgument(
        "the mode lets everybody read a private key; take 0600, or 0640 and a group");
  }
  if ((spec.mode & 070) != 0 && spec.group.empty()) {
    return InvalidArgument(
        "the mode lets a group read a private key; say which one with \"group\"");
  }
  return {};
}

Status CheckPassword(const FileSpec& spec) {
  if (spec.content == Content::kPkcs12) {
    return crypto::CheckPkcs12Password(spec.password);
  }
  return spec.password.empty() ? Status() : InvalidArgument("only pkcs12 files take a password");
}

Status CheckSpec(const FileSpec& spec) {
  SIGNET_TRY(CheckName(spec));
  SIGNET_TRY(CheckMode(spec));
  SIGNET_TRY(CheckPassword(spec));
  SIGNET_TRY(FindAccount(spec.owner, spec.group));
  return {};
}

}  // namespace

std::optional<Content> ContentOf(std::string_view name) {
  const auto* const found = std::find_if(kContents.begin(), kContents.end(),
                                         [name](const auto& each) { return each.second == name; });
  return found == kContents.end() ? std::nullopt : std::optional(found->first);
}

std::string_view ContentName(Content content) {
  const auto* const found =
      std::find_if(kContents.begin(), kContents.end(),
                   [content](const auto& each) { return each.first == content; });
  SIGNET_CHECK(found != kContents.end(), "a content without a name");
  return found->second;
}

bool HoldsKey(Content content) {
  return content == Content::kKey || content == Content::kKeyAndChain ||
         content == Content::kChainAndKey || content == Content::kPkcs12;
}

std::string ExpandName(std::string_view name, std::string_view trust_domain) {
  std::string out(name);
  if (const std::size_t at = out.find(kTrustDomainWord); at != std::string::npos) {
    out.replace(at, kTrustDomainWord.size(), trust_domain);
  }
  return out;
}

Status CheckFileName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return InvalidArgument("a file name has 1 to 255 bytes, this one " +
                           std::to_string(name.size()));
  }
  if (std::any_of(name.begin(), name.end(), IsControl)) {
    return InvalidArgument("a file name has no control bytes in it");
  }
  if (name.find('/') != std::string_view::npos) {
    return InvalidArgument("\"" + std::string(name) +
                           "\" has a '/' in it; all files of a target lie in its one folder");
  }
  if (name == "." || name.starts_with("..")) {
    return InvalidArgument("\"" + std::string(name) +
                           "\" is not for files; names that start with \"..\" are kept for the "
                           "folders of generations");
  }
  return {};
}

Status CheckFileSpecs(const std::vector<FileSpec>& specs) {
  if (specs.empty()) {
    return InvalidArgument("no files are named");
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    // A name that is not fit for a file is not fit for a log line either.
    const Status named = CheckName(specs[i]);
    const std::string where =
        "file " + (named.ok() ? "\"" + specs[i].name + "\"" : std::to_string(i + 1));
    SIGNET_TRY(CheckSpec(specs[i]).Context(where));
    if (!names.insert(specs[i].name).second) {
      return InvalidArgument(where + ": this name is there twice");
    }
  }
  return {};
}

}  // namespace signet::delivery
