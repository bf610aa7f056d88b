// What a target's files may be called, and who may read them.
#include "workload-api/delivery/layout.h"

#include <functional>

#include "tests/support/result.h"

using namespace signet;
using namespace signet::delivery;

namespace {

Secret Password(const std::string& text) { return Secret(ToBytes(text)); }

Status Check(FileSpec spec) {
  std::vector<FileSpec> specs;
  specs.push_back(std::move(spec));
  return CheckFileSpecs(specs);
}

}  // namespace

TEST_CASE("every content has a word, and the word leads back to it") {
  const std::pair<const char*, bool> kWords[] = {{"chain", false},
                                                 {"leaf", false},
                                                 {"intermediates", false},
                                                 {"key", true},
                                                 {"key_and_chain", true},
                                                 {"chain_and_key", true},
                                                 {"bundle", false},
                                                 {"bundle_and_intermediates", false},
                                                 {"constrained_bundles", false},
                                                 {"unconstrained_bundles", false},
                                                 {"trust_domain_bundles", false},
                                                 {"bundle_map", false},
                                                 {"pkcs12", true}};
  for (const auto& [word, holds_key] : kWords) {
    INFO(word);
    const auto content = ContentOf(word);
    REQUIRE(content);
    CHECK(ContentName(*content) == word);
    CHECK(HoldsKey(*content) == holds_key);
  }
  for (const char* word : {"", "Chain", "chain ", "svid", "jks"}) {
    CHECK_FALSE(ContentOf(word));
  }
}

TEST_CASE("a file name is one component of a path") {
  for (const std::string& good :
       {std::string("svid.pem"), std::string(".hidden"), std::string("with space"),
        std::string("schl\xc3\xbcssel"), std::string("a..b"), std::string(255, 'a')}) {
    INFO(good);
    REQUIRE_OK(CheckFileName(good));
  }
  const std::pair<std::string, const char*> kBad[] = {
      {"", "1 to 255 bytes"},
      {std::string(256, 'a'), "1 to 255 bytes"},
      {".", "is not for files"},
      {"..", "is not for files"},
      {"..gen-x", "is not for files"},
      {"...", "is not for files"},
      {"a/b", "'/'"},
      {"../x", "'/'"},
      {"/etc/passwd", "'/'"},
      {std::string("a\0b", 3), "control bytes"},
      {"a\nb", "control bytes"},
      {"a\x1b[2J", "control bytes"},
      {"a\x7f", "control bytes"},
  };
  for (const auto& [name, text] : kBad) {
    INFO(name);
    REQUIRE_ERROR(CheckFileName(name), Code::kInvalidArgument, text);
  }
}

TEST_CASE("a key is for its owner, or for a group that is named") {
  const struct {
    Content content;
    mode_t mode;
    const char* group;
    const char* error;  ///< empty: fine
  } kCases[] = {
      {Content::kKey, 0, "", ""},
      {Content::kKey, 0600, "", ""},
      {Content::kKey, 0400, "", ""},
      {Content::kKey, 0640, "0", ""},
      {Content::kKey, 0440, "0", ""},
      {Content::kKey, 0640, "", "say which one"},
      {Content::kPkcs12, 0640, "", "say which one"},
      {Content::kKey, 0644, "0", "everybody"},
      {Content::kKeyAndChain, 0604, "0", "everybody"},
      {Content::kChainAndKey, 0601, "0", "everybody"},
      {Content::kKey, 0660, "0", "write"},
      {Content::kKey, 04600, "", "octal"},
      {Content::kBundle, 0644, "", ""},
      {Content::kBundle, 0444, "", ""},
      {Content::kBundle, 0664, "0", "write"},
      {Content::kBundle, 0646, "", "write"},
      {Content::kBundle, 010644, "", "octal"},
  };
  for (const auto& c : kCases) {
    INFO(ContentName(c.content) << " " << std::oct << c.mode);
    const Status status =
        Check({.name = "f",
               .content = c.content,
               .mode = c.mode,
               .group = c.group,
               .password = c.content == Content::kPkcs12 ? Password("p") : Secret()});
    if (*c.error == '\0') {
      REQUIRE_OK(status);
    } else {
      REQUIRE_ERROR(status, Code::kInvalidArgument, c.error);
      CHECK_THAT(status.error().message, Catch::StartsWith("file \"f\": "));
    }
  }
}

TEST_CASE("a user or group that does not exist is named") {
  REQUIRE_ERROR(Check({.name = "f", .owner = "no-such-user"}), Code::kInvalidArgument,
                "there is no user \"no-such-user\"");
  REQUIRE_ERROR(Check({.name = "f", .group = "no-such-group"}), Code::kInvalidArgument,
                "there is no group \"no-such-group\"");
  // Numbers need no name; 2^32 - 1 would mean "leave as it is" to the kernel.
  REQUIRE_OK(Check({.name = "f", .owner = "54321", .group = "4294967294"}));
  for (const char* bad : {"4294967295", "4294967296", "-1", "0x10", "1 ", ""}) {
    INFO(bad);
    const bool fine = *bad == '\0';
    CHECK(Check({.name = "f", .owner = bad}).ok() == fine);
    CHECK(Check({.name = "f", .group = bad}).ok() == fine);
  }
}

TEST_CASE("one file for each trust domain needs a place for its name, once") {
  const Content each = Content::kTrustDomainBundles;
  REQUIRE_OK(Check({.name = "{trust_domain}.pem", .content = each}));
  REQUIRE_ERROR(Check({.name = "ca.pem", .content = each}), Code::kInvalidArgument,
                "put {trust_domain} once");
  REQUIRE_ERROR(Check({.name = "{trust_domain}{trust_domain}", .content = each}),
                Code::kInvalidArgument, "put {trust_domain} once");
  REQUIRE_ERROR(Check({.name = "../{trust_domain}", .content = each}), Code::kInvalidArgument, "/");
  REQUIRE_ERROR(Check({.name = "{trust_domain}.pem", .content = Content::kBundle}),
                Code::kInvalidArgument, "trust_domain_bundles alone");
}

TEST_CASE("a password is for PKCS#12 and is printable") {
  REQUIRE_OK(Check({.name = "f", .content = Content::kPkcs12, .password = Password("a b~")}));
  for (const std::string& bad : {std::string(), std::string("a\n"), std::string("\xc3\xbc"),
                                 std::string("a\0", 2), std::string(129, 'a')}) {
    REQUIRE_ERROR(Check({.name = "f", .content = Content::kPkcs12, .password = Password(bad)}),
                  Code::kInvalidArgument, "needs a password of 1 to 128");
  }
  REQUIRE_ERROR(Check({.name = "f", .content = Content::kKey, .password = Password("secret")}),
                Code::kInvalidArgument, "only pkcs12");
}

TEST_CASE("files are checked together: none comes twice, and there is one at least") {
  REQUIRE_ERROR(CheckFileSpecs({}), Code::kInvalidArgument, "no files");
  std::vector<FileSpec> specs(2);
  specs[0].name = specs[1].name = "svid.pem";
  REQUIRE_ERROR(CheckFileSpecs(specs), Code::kInvalidArgument,
                "\"svid.pem\": this name is there twice");
  specs[1].name = "a\nb";  // is not put into a log line
  const Status status = CheckFileSpecs(specs);
  REQUIRE_ERROR(status, Code::kInvalidArgument, "file 2: ");
  CHECK(status.error().message.find('\n') == std::string::npos);
}
