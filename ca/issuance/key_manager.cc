#include "ca/issuance/key_manager.h"

#include <map>
#include <mutex>

#include "ca/issuance/key_file.h"
#include "core/base/files.h"

namespace signet::issuance {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 1024 * 1024;

using Keys = std::map<std::string, std::shared_ptr<const crypto::PrivateKey>>;

Result<std::shared_ptr<const crypto::Signer>> Find(const Keys& keys, const std::string& key_id) {
  const auto found = keys.find(key_id);
  if (found == keys.end()) {
    return NotFound("the key manager has no key " + key_id);
  }
  return std::shared_ptr<const crypto::Signer>(found->second);
}

class MemoryKeyManager final : public KeyManager {
 public:
  Result<std::shared_ptr<const crypto::Signer>> GenerateKey(const std::string& key_id,
                                                            crypto::KeyType type) override {
    SIGNET_TRY(CheckKeyId(key_id));
    SIGNET_TRY_ASSIGN(auto key, crypto::PrivateKey::Generate(type));
    const std::lock_guard lock(mutex_);
    keys_[key_id] = key;
    return std::shared_ptr<const crypto::Signer>(std::move(key));
  }

  Result<std::shared_ptr<const crypto::Signer>> GetKey(const std::string& key_id) override {
    const std::lock_guard lock(mutex_);
    return Find(keys_, key_id);
  }

 private:
  std::mutex mutex_;
  Keys keys_;
};

class DiskKeyManager final : public KeyManager {
 public:
  DiskKeyManager(std::string path, Keys keys) : path_(std::move(path)), keys_(std::move(keys)) {}

  Result<std::shared_ptr<const crypto::Signer>> GenerateKey(const std::string& key_id,
                                                            crypto::KeyType type) override {
    SIGNET_TRY(CheckKeyId(key_id));
    SIGNET_TRY_ASSIGN(auto key, crypto::PrivateKey::Generate(type));
    const std::lock_guard lock(mutex_);
    Keys next = keys_;
    next[key_id] = key;
    SIGNET_TRY(Save(path_, next));
    keys_ = std::move(next);  // only now: what is on disk is what GetKey gives
    return std::shared_ptr<const crypto::Signer>(std::move(key));
  }

  Result<std::shared_ptr<const crypto::Signer>> GetKey(const std::string& key_id) override {
    const std::lock_guard lock(mutex_);
    return Find(keys_, key_id);
  }

  static Status Save(const std::string& path, const Keys& keys) {
    StoredKeys stored;
    for (const auto& [key_id, key] : keys) {
      SIGNET_TRY_ASSIGN(Secret pkcs8, key->ToPkcs8());
      stored.emplace(key_id, std::move(pkcs8));
    }
    return WriteFileAtomic(path, WriteKeyFile(stored).RevealSecret(), 0600).Context("saving keys");
  }

  static Result<Keys> Load(ByteView text) {
    SIGNET_TRY_ASSIGN(const StoredKeys stored, ParseKeyFile(text));
    Keys keys;
    for (const auto& [key_id, pkcs8] : stored) {
      SIGNET_TRY_ASSIGN(keys[key_id],
                        crypto::PrivateKey::FromPkcs8(pkcs8).Context("key " + key_id));
    }
    return keys;
  }

 private:
  const std::string path_;
  std::mutex mutex_;
  Keys keys_;
};

}  // namespace

std::unique_ptr<KeyManager> NewMemoryKeyManager() { return std::make_unique<MemoryKeyManager>(); }

Result<std::unique_ptr<KeyManager>> NewDiskKeyManager(const std::string& path) {
  Keys keys;
  auto read = ReadSecretFile(path, kMaxKeyFileBytes);
  if (read.code() == Code::kNotFound) {
    // Now rather than at the first key, so that a folder that cannot be written shows at start.
    SIGNET_TRY(DiskKeyManager::Save(path, keys));
  } else {
    SIGNET_TRY_ASSIGN(Bytes bytes, std::move(read));
    const Secret text(std::move(bytes));
    SIGNET_TRY_ASSIGN(keys, DiskKeyManager::Load(text.RevealSecret())
                                .Context("key file " + path +
                                         " cannot be used (restore it from a backup, or move it "
                                         "away to start with new keys)"));
  }
  return std::unique_ptr<KeyManager>(std::make_unique<DiskKeyManager>(path, std::move(keys)));
}

}  // namespace signet::issuance
