#include "attestor/workload/unix/binary_hash.h"

#include <fcntl.h>

#include "core/base/files.h"
#include "core/base/unique_fd.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

// printf 'hello signet' | sha256sum
constexpr char kHelloHash[] = "1934c8f7be7d13463bd811939329ee488cadd1076effea8c5f356314ec3f266a";

struct File {
  explicit File(const std::string& content) {
    REQUIRE_OK(WriteFileAtomic(path, AsBytes(content)));
    fd.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(fd);
  }
  signet::test::TempDir dir;
  std::string path = dir.File("program");
  UniqueFd fd;
};

/// LaterClock is an hour ahead, so that files made now are old enough to be remembered.
SystemTime LaterNow() { return RealClock().Now() + std::chrono::hours(1); }

TEST_CASE("the hash is the one sha256sum gives, and a settled file is read once") {
  const File file("hello signet");
  const FakeClock clock(LaterNow());
  BinaryHasher hasher(1024, clock);
  for (int round = 0; round < 3; ++round) {
    const auto hash = hasher.Hash(file.fd.get());
    REQUIRE_OK(hash);
    CHECK(*hash == kHelloHash);
  }
  CHECK(hasher.readings() == 1);
}

TEST_CASE(
    "a file that was written this very moment is read again, since its times cannot tell two "
    "writes apart") {
  const File file("hello signet");
  const RealClock clock;
  BinaryHasher hasher(1024, clock);
  REQUIRE_OK(hasher.Hash(file.fd.get()));
  REQUIRE_OK(hasher.Hash(file.fd.get()));
  CHECK(hasher.readings() == 2);
}

TEST_CASE("a changed file has another hash") {
  const File file("hello signet");
  const FakeClock clock(LaterNow());
  BinaryHasher hasher(1024, clock);
  REQUIRE_OK(hasher.Hash(file.fd.get()));
  const UniqueFd writer(::open(file.path.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::pwrite(writer.get(), "J", 1, 0) == 1);
  const auto hash = hasher.Hash(file.fd.get());
  REQUIRE_OK(hash);
  CHECK(*hash != kHelloHash);
}

TEST_CASE("a file over the limit and one that is no regular file are refused unread") {
  const File file("hello signet");
  const RealClock clock;
  BinaryHasher hasher(11, clock);
  REQUIRE_ERROR(hasher.Hash(file.fd.get()), Code::kResourceExhausted, "11 bytes");
  const UniqueFd folder(::open(file.dir.path().c_str(), O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(hasher.Hash(folder.get()).ok());
  CHECK(hasher.readings() == 0);
}

}  // namespace
}  // namespace signet::attestor
