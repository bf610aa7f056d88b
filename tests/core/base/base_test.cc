#include <sys/stat.h>

#include <atomic>

#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/worker_pool.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

using namespace signet;

TEST_CASE("base64 gives RFC 4648's vectors and refuses what is not strict") {
  CHECK(Base64Encode(AsBytes("foobar")) == "Zm9vYmFy");
  CHECK(Base64Encode(AsBytes("fooba")) == "Zm9vYmE=");
  CHECK(Base64Encode(AsBytes("foob")) == "Zm9vYg==");
  CHECK(Base64UrlEncode(AsBytes("foob")) == "Zm9vYg");
  CHECK(ToString(*Base64Decode("Zm9vYg==")) == "foob");
  for (const char* bad : {"Zm9vYg", "Zm9vYh==", "Zm9v Yg=", "Zm9vY===", "Zm-vYmE="}) {
    CHECK_FALSE(Base64Decode(bad).ok());
  }
  CHECK_FALSE(Base64UrlDecode("Zm9vYg==").ok());
}

TEST_CASE("hexadecimal round-trips and refuses odd text") {
  CHECK(HexEncode(AsBytes("\x01\xfe")) == "01fe");
  CHECK(ToString(*HexDecode("01Fe")) == "\x01\xfe");
  CHECK_FALSE(HexDecode("012").ok());
  CHECK_FALSE(HexDecode("0g").ok());
}

TEST_CASE("a file is replaced whole, with the mode that was asked for, whatever the umask") {
  const test::TempDir dir;
  const mode_t old = ::umask(0);
  REQUIRE_OK(WriteFileAtomic(dir.File("keys"), AsBytes("one"), 0600));
  REQUIRE_OK(WriteFileAtomic(dir.File("keys"), AsBytes("two"), 0600));
  ::umask(old);
  CHECK(ToString(*ReadSecretFile(dir.File("keys"), 100)) == "two");
  struct stat info {};
  REQUIRE(::stat(dir.File("keys").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a key file that others may read is refused with the command that mends it") {
  const test::TempDir dir;
  REQUIRE_OK(WriteFileAtomic(dir.File("keys"), AsBytes("x"), 0600));
  REQUIRE(::chmod(dir.File("keys").c_str(), 0640) == 0);
  REQUIRE_ERROR(ReadSecretFile(dir.File("keys"), 100), Code::kFailedPrecondition, "chmod 600");
}

TEST_CASE("reading a file is bounded and names the file") {
  const test::TempDir dir;
  REQUIRE_OK(WriteFileAtomic(dir.File("big"), Bytes(101, 'x'), 0600));
  REQUIRE_ERROR(ReadFile(dir.File("big"), 100), Code::kInvalidArgument, "larger than 100 bytes");
  REQUIRE_ERROR(ReadFile(dir.File("none"), 100), Code::kNotFound, dir.File("none"));
}

TEST_CASE("a log record stays one line whatever a peer sends") {
  MemoryLogger log;
  log.Info("seen", {{"id", "a\nb\x1b[31m\"c"}, {"n", 7}});
  REQUIRE(log.Lines().size() == 1);
  CHECK(log.Lines()[0] == R"(info seen id="a\u000ab\u001b[31m\"c" n=7)");
}

TEST_CASE("UUIDs are version 4 and differ") {
  SystemRandom random;
  const std::string one = NewUuid(random);
  CHECK(one.size() == 36);
  CHECK(one[14] == '4');
  CHECK(one != NewUuid(random));
}

TEST_CASE("ParallelFor covers every index once, also from inside a worker") {
  WorkerPool pool(2, 64);
  std::vector<std::atomic<int>> hits(1000);
  std::atomic<bool> inner_done{false};
  pool.ParallelFor(1000, [&](std::size_t i) { ++hits[i]; });
  REQUIRE(pool.Submit([&] {
    pool.ParallelFor(1000, [&](std::size_t i) { ++hits[i]; });
    inner_done = true;
    inner_done.notify_all();
  }));
  inner_done.wait(false);
  for (const auto& hit : hits) {
    REQUIRE(hit == 2);
  }
}
