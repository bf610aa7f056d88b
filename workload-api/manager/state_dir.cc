#include "workload-api/manager/state_dir.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "core/base/files.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/pem.h"
#include "core/crypto/x509_svid.h"

namespace signet::manager {
namespace {

constexpr std::size_t kMaxIdentityBytes = 256 * 1024;
constexpr std::size_t kMaxBundleBytes = 1024 * 1024;
constexpr std::string_view kKeyLabel = "PRIVATE KEY";
constexpr std::string_view kCertificateLabel = "CERTIFICATE";
// Holds "<Unix seconds of arrival> <1 if reattestable, else 0>"; what the certificate itself does
// not say.
constexpr std::string_view kNotesLabel = "SIGNET AGENT NOTES";

std::string NotesOf(const AgentIdentity& identity) {
  return std::to_string(UnixSeconds(identity.times.received_wall)) +
         (identity.reattestable ? " 1" : " 0");
}

Status ReadNotes(std::string_view text, AgentIdentity& identity) {
  std::int64_t received = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), received);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc() || (rest != " 0" && rest != " 1")) {
    return InvalidArgument("its notes are not readable");
  }
  identity.times.received_wall = FromUnixSeconds(received);
  identity.reattestable = rest == " 1";
  return {};
}

struct Blocks {
  Secret key;
  std::vector<Bytes> chain;
  std::string notes;
};

Result<Blocks> ReadBlocks(ByteView file) {
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> pem, crypto::PemDecode(AsText(file)));
  Blocks blocks;
  for (crypto::PemBlock& block : pem) {
    if (block.label == kKeyLabel) {
      blocks.key = Secret(std::move(block.content));
    } else if (block.label == kCertificateLabel) {
      blocks.chain.push_back(std::move(block.content));
    } else if (block.label == kNotesLabel) {
      blocks.notes = AsText(block.content);
    } else {
      return InvalidArgument("it has an unknown part");
    }
  }
  return blocks;
}

Result<AgentIdentity> ParseIdentity(ByteView file) {
  SIGNET_TRY_ASSIGN(Blocks blocks, ReadBlocks(file));
  SIGNET_TRY_ASSIGN(auto key, crypto::PrivateKey::FromPkcs8(blocks.key));
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid, crypto::X509Svid::FromChain(blocks.chain));
  if (svid.leaf().spki != key->public_key().spki()) {
    return InvalidArgument("its key and certificate do not belong together");
  }
  AgentIdentity identity{
      .id = svid.id,
      .chain = std::move(blocks.chain),
      .key = std::move(key),
      .times = {.not_before = svid.leaf().not_before, .not_after = svid.leaf().not_after}};
  SIGNET_TRY(ReadNotes(blocks.notes, identity));
  return identity;
}

}  // namespace

Result<StateDir> StateDir::Open(std::string path, spiffe::TrustDomain trust_domain) {
  SIGNET_TRY(MakeDirectory(path, 0700).Context("data directory"));
  SIGNET_TRY(CheckWritableDirectory(path).Context("data directory"));
  return StateDir(std::move(path), std::move(trust_domain));
}

Result<std::optional<AgentIdentity>> StateDir::LoadIdentity() const {
  Result<Bytes> file = ReadSecretFile(identity_path(), kMaxIdentityBytes);
  if (file.code() == Code::kNotFound) {
    return std::optional<AgentIdentity>();
  }
  SIGNET_TRY(file);
  Result<AgentIdentity> identity = ParseIdentity(*file);
  WipeBytes(*file);
  if (!identity.ok()) {
    return FailedPrecondition("the agent's identity in " + identity_path() +
                              " cannot be used: " + identity.error().message +
                              "; remove the file and start with a new join token");
  }
  if (identity->id.trust_domain() != trust_domain_) {
    return FailedPrecondition("the agent's identity in " + identity_path() + " is " +
                              identity->id.ToString() + ", but the configured trust domain is " +
                              trust_domain_.name() + "; use another data directory");
  }
  return std::optional<AgentIdentity>(std::move(*identity));
}

Status StateDir::SaveIdentity(const AgentIdentity& identity) const {
  SIGNET_TRY_ASSIGN(const Secret key, identity.key->ToPkcs8());
  std::string text = crypto::PemEncode(kNotesLabel, AsBytes(NotesOf(identity)));
  for (const Bytes& certificate : identity.chain) {
    text += crypto::PemEncode(kCertificateLabel, certificate);
  }
  std::string key_text = crypto::PemEncode(kKeyLabel, key.RevealSecret());
  text += key_text;
  Status written = WriteFileAtomic(identity_path(), AsBytes(text), 0600);
  for (std::string* wiped : {&text, &key_text}) {
    WipeBytes({reinterpret_cast<std::uint8_t*>(wiped->data()), wiped->size()});
  }
  return written;
}

Status StateDir::DeleteIdentity() const {
  if (::unlink(identity_path().c_str()) != 0 && errno != ENOENT) {
    return Unavailable("cannot remove " + identity_path() + ": " + ErrnoText(errno));
  }
  return {};
}

Result<std::optional<spiffe::Bundle>> StateDir::LoadBundle() const {
  const Result<Bytes> file = ReadFile(bundle_path(), kMaxBundleBytes);
  if (file.code() == Code::kNotFound) {
    return std::optional<spiffe::Bundle>();
  }
  SIGNET_TRY(file);
  Result<spiffe::Bundle> bundle = crypto::ParseBundleJson(trust_domain_, AsText(*file));
  if (!bundle.ok()) {
    return FailedPrecondition("the trust bundle in " + bundle_path() +
                              " cannot be used: " + bundle.error().message +
                              "; remove the file and configure trust_bundle_path");
  }
  return std::optional<spiffe::Bundle>(std::move(*bundle));
}

Status StateDir::SaveBundle(const spiffe::Bundle& bundle) const {
  SIGNET_TRY_ASSIGN(const std::string json, crypto::WriteBundleJson(bundle));
  return WriteFileAtomic(bundle_path(), AsBytes(json), 0600);
}

}  // namespace signet::manager
