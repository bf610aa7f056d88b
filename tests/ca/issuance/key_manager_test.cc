#include "ca/issuance/key_manager.h"

#include <sys/stat.h>

#include "ca/issuance/key_file.h"
#include "core/base/files.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::issuance {
namespace {

using crypto::KeyType;

bool SignsFor(const crypto::Signer& signer, const crypto::PublicKey& key) {
  const auto signature = signer.Sign(AsBytes("message")).value();
  const auto algorithm = crypto::DefaultSignatureAlgorithm(key.type());
  return key.Verify(algorithm, AsBytes("message"), signature).ok();
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

}  // namespace

TEST_CASE("key manager: a generated key is found under its id and replaces an older one") {
  const signet::test::TempDir dir;
  const bool disk = GENERATE(false, true);
  const auto keys = disk ? NewDiskKeyManager(dir.File("keys")).value() : NewMemoryKeyManager();
  REQUIRE_ERROR(keys->GetKey("x509-CA-A"), Code::kNotFound, "x509-CA-A");

  const auto first = keys->GenerateKey("x509-CA-A", KeyType::kEcP256).value();
  const auto other = keys->GenerateKey("x509-CA-B", KeyType::kEcP384).value();
  CHECK(SignsFor(*keys->GetKey("x509-CA-A").value(), first->public_key()));
  CHECK(SignsFor(*keys->GetKey("x509-CA-B").value(), other->public_key()));

  const auto second = keys->GenerateKey("x509-CA-A", KeyType::kEcP256).value();
  CHECK_FALSE(second->public_key() == first->public_key());
  CHECK(keys->GetKey("x509-CA-A").value()->public_key() == second->public_key());
  CHECK(keys->GetKey("x509-CA-B").value()->public_key() == other->public_key());
  CHECK(SignsFor(*first, first->public_key()));  // whoever holds the old one can finish
  for (const char* id : {"", "with space", "new\nline"}) {
    REQUIRE_ERROR(keys->GenerateKey(id, KeyType::kEcP256), Code::kInvalidArgument, "key id");
  }
}

TEST_CASE("disk key manager: keys of every type survive a restart, in a file of mode 0600") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("keys");
  const auto type = GENERATE(KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048);
  const auto key = NewDiskKeyManager(path).value()->GenerateKey("x509-CA-A", type).value();
  CHECK(ModeOf(path) == 0600);
  const auto again = NewDiskKeyManager(path).value()->GetKey("x509-CA-A").value();
  CHECK(again->public_key() == key->public_key());
  CHECK(SignsFor(*again, key->public_key()));
}

TEST_CASE("disk key manager: a key file that others may read is refused and left as it is") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("keys");
  REQUIRE_OK(NewDiskKeyManager(path));
  const mode_t mode = GENERATE(mode_t{0640}, mode_t{0604}, mode_t{0620});
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  REQUIRE_ERROR(NewDiskKeyManager(path), Code::kFailedPrecondition, "chmod 600 " + path);
  CHECK(ModeOf(path) == mode);
}

TEST_CASE(
    "disk key manager: a key file that does not parse is named, never shown, never replaced") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("keys");
  const std::string text =
      GENERATE("", "signet-keys 2\n", "signet-keys 1\nx509-CA-A c2VjcmV0\n",
               "signet-keys 1\nx509-CA-A c2VjcmV0", "signet-keys 1\nx509-CA-A c2Vj*mV0\n");
  REQUIRE_OK(WriteFileAtomic(path, AsBytes(text)));
  const auto opened = NewDiskKeyManager(path);
  REQUIRE_ERROR(opened, Code::kInvalidArgument, path);
  CHECK_THAT(opened.error().message, !Catch::Contains("c2V"));
  CHECK(ToString(ReadFile(path, 1000).value()) == text);
}

TEST_CASE("disk key manager: a folder that is missing shows at start") {
  const signet::test::TempDir dir;
  REQUIRE_ERROR(NewDiskKeyManager(dir.File("no/keys")), Code::kNotFound, dir.File("no/keys"));
}

TEST_CASE("disk key manager: when the file cannot be written the old keys stay in use") {
  const signet::test::TempDir dir;
  REQUIRE_OK(MakeDirectory(dir.File("data")));
  const auto keys = NewDiskKeyManager(dir.File("data/keys")).value();
  const auto first = keys->GenerateKey("x509-CA-A", KeyType::kEcP256).value();
  REQUIRE(::rename(dir.File("data").c_str(), dir.File("away").c_str()) == 0);
  const auto failed = keys->GenerateKey("x509-CA-A", KeyType::kEcP256);
  REQUIRE_FALSE(failed.ok());
  CHECK_THAT(failed.error().message, Catch::Contains("saving keys"));
  CHECK(keys->GetKey("x509-CA-A").value()->public_key() == first->public_key());
  const auto restarted = NewDiskKeyManager(dir.File("away/keys")).value();
  CHECK(restarted->GetKey("x509-CA-A").value()->public_key() == first->public_key());
}

TEST_CASE("key file: what is written parses back, in rising order of ids") {
  StoredKeys keys;
  keys.emplace("b", Secret(Bytes{1, 2, 3}));
  keys.emplace("a-1", Secret(Bytes{0xff}));
  const Secret text = WriteKeyFile(keys);
  CHECK(AsText(text.RevealSecret()) == "signet-keys 1\na-1 /w==\nb AQID\n");
  const auto parsed = ParseKeyFile(text.RevealSecret()).value();
  REQUIRE(parsed.size() == 2);
  CHECK(Equal(parsed.at("b").RevealSecret(), Bytes{1, 2, 3}));
}

TEST_CASE("key file: anything else than what is written is refused with its line") {
  struct Case {
    const char* text;
    const char* error;
  };
  const auto c = GENERATE(
      Case{"", "line 1"}, Case{"signet-keys 1", "line 1"}, Case{"signet-keys 1\r\n", "line 1"},
      Case{"signet-keys 1\na AQ==", "line 2: cut off"}, Case{"signet-keys 1\n\n", "line 2"},
      Case{"signet-keys 1\na AQ==\na AQ==\n", "line 3: key ids are not in rising order"},
      Case{"signet-keys 1\nb AQ==\na AQ==\n", "line 3"}, Case{"signet-keys 1\na \n", "not base64"},
      Case{"signet-keys 1\na  AQ==\n", "not base64"}, Case{"signet-keys 1\na AQ\n", "not base64"},
      Case{"signet-keys 1\n AQ==\n", "key id"}, Case{"signet-keys 1\na_b AQ==\n", "key id"});
  REQUIRE_ERROR(ParseKeyFile(AsBytes(c.text)), Code::kInvalidArgument, c.error);
}

}  // namespace signet::issuance
