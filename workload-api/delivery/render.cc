#include <set>
#include <string_view>

#include "core/crypto/bundle_codec.h"
#include "core/crypto/pem.h"
#include "core/crypto/pkcs12.h"
#include "workload-api/delivery/accounts.h"
#include "workload-api/delivery/layout.h"
#include "workload-api/delivery/trust.h"

namespace signet::delivery {
namespace {

constexpr mode_t kKeyMode = 0600;
constexpr mode_t kPublicMode = 0644;

struct Block {
  std::string_view label;
  ByteView der;
};
using Blocks = std::vector<Block>;

void AddCertificates(Blocks& blocks, const std::vector<Bytes>& certificates, std::size_t from = 0) {
  for (std::size_t i = from; i < certificates.size(); ++i) {
    blocks.push_back({"CERTIFICATE", certificates[i]});
  }
}

void AddRoots(Blocks& blocks, const spiffe::Bundle& bundle) {
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    blocks.push_back({"CERTIFICATE", authority.der});
  }
}

/// WritePem leaves no copy of a key behind: nothing here grows while it holds one.
Secret WritePem(const Blocks& blocks) {
  std::vector<std::string> texts;
  std::size_t size = 0;
  for (const Block& block : blocks) {
    texts.push_back(crypto::PemEncode(block.label, block.der));
    size += texts.back().size();
  }
  Bytes out;
  out.reserve(size);
  for (std::string& text : texts) {
    Append(out, AsBytes(text));
    WipeBytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  }
  return Secret(std::move(out));
}

/// Renderer makes the files of one target.
class Renderer {
 public:
  Renderer(const Material& material, const Trust& trust, std::vector<std::string>& left_out)
      : material_(material), trust_(trust), left_out_(left_out) {}

  /// Fixed names come first, so that no trust domain can take one of them with its own name.
  Result<std::vector<RenderedFile>> All(const std::vector<FileSpec>& specs) {
    for (const FileSpec& spec : specs) {
      if (spec.content != Content::kTrustDomainBundles) {
        const std::string where = "file \"" + spec.name + "\"";
        SIGNET_TRY_ASSIGN(Secret content, Make(spec).Context(where));
        SIGNET_TRY(Add(spec, spec.name, std::move(content)).Context(where));
      }
    }
    for (const FileSpec& spec : specs) {
      if (spec.content == Content::kTrustDomainBundles) {
        SIGNET_TRY(AddBundle(spec, trust_.own).Context("file \"" + spec.name + "\""));
        for (const spiffe::Bundle& bundle : trust_.foreign) {
          if (const Status added = AddBundle(spec, bundle); !added.ok()) {
            left_out_.push_back("the bundle of " + bundle.trust_domain.name() +
                                " is left out: " + added.error().message);
          }
        }
      }
    }
    return std::move(files_);
  }

 private:
  Status Add(const FileSpec& spec, std::string name, Secret content) {
    SIGNET_TRY(CheckFileName(name));
    if (names_.contains(name)) {
      return InvalidArgument("another file has the name \"" + name + "\"");
    }
    SIGNET_TRY_ASSIGN(const Account account, FindAccount(spec.owner, spec.group));
    names_.insert(name);
    const mode_t usual = HoldsKey(spec.content) ? kKeyMode : kPublicMode;
    files_.push_back({.name = std::move(name),
                      .content = std::move(content),
                      .mode = spec.mode != 0 ? spec.mode : usual,
                      .uid = account.uid,
                      .gid = account.gid});
    return {};
  }

  Status AddBundle(const FileSpec& spec, const spiffe::Bundle& bundle) {
    Blocks blocks;
    AddRoots(blocks, bundle);
    return Add(spec, ExpandName(spec.name, bundle.trust_domain.name()), WritePem(blocks));
  }

  Result<Secret> Make(const FileSpec& spec) {
    Blocks blocks;
    switch (spec.content) {
      case Content::kPkcs12:
        return MakePkcs12(spec);
      case Content::kBundleMap:
        return MakeMap(spec);
      case Content::kConstrainedBundles: {
        const auto crosses = ConstrainedRoots(trust_, material_, spec.name, left_out_);
        AddRoots(blocks, trust_.own);
        AddCertificates(blocks, crosses);
        return WritePem(blocks);  // while `crosses` lives
      }
      case Content::kBundleAndIntermediates:
        AddRoots(blocks, trust_.own);
        AddCertificates(blocks, material_.chain, 1);
        return WritePem(blocks);
      case Content::kUnconstrainedBundles:
        AddRoots(blocks, trust_.own);
        for (const spiffe::Bundle& bundle : trust_.foreign) {
          AddRoots(blocks, bundle);
        }
        return WritePem(blocks);
      case Content::kBundle:
        AddRoots(blocks, trust_.own);
        return WritePem(blocks);
      default:
        return MakeIdentity(spec.content);
    }
  }

  /// MakeIdentity makes the files that hold the leaf, its intermediates or its key.
  Secret MakeIdentity(Content content) const {
    Blocks blocks;
    if (content == Content::kKey || content == Content::kKeyAndChain) {
      blocks.push_back({"PRIVATE KEY", material_.key.RevealSecret()});
    }
    if (content == Content::kLeaf) {
      blocks.push_back({"CERTIFICATE", material_.chain.front()});
    } else if (content != Content::kKey) {
      AddCertificates(blocks, material_.chain, content == Content::kIntermediates ? 1 : 0);
    }
    if (content == Content::kChainAndKey) {
      blocks.push_back({"PRIVATE KEY", material_.key.RevealSecret()});
    }
    return WritePem(blocks);
  }

  Result<Secret> MakeMap(const FileSpec& spec) {
    SIGNET_TRY_ASSIGN(const std::string json,
                      crypto::WriteBundleMapJson(MappableBundles(trust_, spec.name, left_out_)));
    return Secret(ToBytes(json));
  }

  Result<Secret> MakePkcs12(const FileSpec& spec) {
    const std::string name = material_.id.ToString();
    std::vector<Bytes> roots;
    for (const spiffe::X509Authority& authority : trust_.own.x509_authorities) {
      roots.push_back(authority.der);
    }
    SIGNET_TRY_ASSIGN(
        Bytes der,
        crypto::WritePkcs12(
            {.friendly_name = name, .key = material_.key, .chain = material_.chain, .roots = roots},
            spec.password));
    return Secret(std::move(der));
  }

  const Material& material_;
  const Trust& trust_;
  std::vector<std::string>& left_out_;
  std::vector<RenderedFile> files_;
  std::set<std::string> names_;
};

}  // namespace

Result<std::vector<RenderedFile>> Render(const Material& material,
                                         const std::vector<FileSpec>& specs,
                                         std::vector<std::string>& left_out) {
  if (material.chain.empty() || material.key.empty()) {
    return FailedPrecondition("the identity " + material.id.ToString() +
                              " has no certificate or no key");
  }
  SIGNET_TRY_ASSIGN(const Trust trust, CheckTrust(material, left_out));
  return Renderer(material, trust, left_out).All(specs);
}

}  // namespace signet::delivery
