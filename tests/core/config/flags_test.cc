#include "core/config/flags.h"

#include "tests/support/result.h"

namespace signet::config {
namespace {

const std::vector<Flag> kFlags = {
    {.name = "spiffeID", .help = "The ID."},
    {.name = "ttl", .help = "Seconds.", .default_value = "600"},
    {.name = "selector", .help = "Selector.", .repeated = true},
    {.name = "admin", .help = "Admin.", .boolean = true},
};

TEST_CASE("flags take one dash or two, a space or an equals sign, and switches stand alone") {
  const auto values =
      ParseFlags(kFlags, {"-spiffeID", "spiffe://a/b", "--ttl=5", "-admin", "-selector",
                          "unix:uid:1", "--selector=unix:gid:2", "-selector", "-odd=value"});
  REQUIRE_OK(values);
  CHECK(values->Get("spiffeID") == "spiffe://a/b");
  CHECK(values->Get("ttl") == "5");
  CHECK(values->GetBool("admin"));
  CHECK(values->All("selector") ==
        std::vector<std::string>{"unix:uid:1", "unix:gid:2", "-odd=value"});
  CHECK_FALSE(values->GetBool("help"));
}

TEST_CASE("defaults hold where nothing was given, and the last of several wins") {
  const auto none = ParseFlags(kFlags, {});
  REQUIRE_OK(none);
  CHECK(none->Get("ttl") == "600");
  CHECK_FALSE(none->Given("ttl"));
  CHECK(none->Get("spiffeID").empty());
  CHECK_FALSE(none->GetBool("admin"));
  const auto twice = ParseFlags(kFlags, {"-ttl", "1", "-ttl=2", "-admin=true", "-admin=false"});
  REQUIRE_OK(twice);
  CHECK(twice->Get("ttl") == "2");
  CHECK_FALSE(twice->GetBool("admin"));
  CHECK(twice->Given("admin"));
}

TEST_CASE("a wrong command line is refused and says what was meant") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"-spifeID", "x"}, "unknown flag -spifeID; did you mean -spiffeID?"},
      {{"--SPIFFEID", "x"}, "did you mean -spiffeID?"},
      {{"-zzzzzzzz"}, "unknown flag -zzzzzzzz; see -help"},
      {{"-ttl"}, "-ttl needs a value"},
      {{"extra"}, "unexpected argument \"extra\""},
      {{"-"}, "unexpected argument \"-\""},
      {{"--"}, "unexpected argument \"--\""},
      {{"-=x"}, "unexpected argument \"-=x\""},
      {{""}, "unexpected argument \"\""},
      {{"-admin", "true"}, "write -admin=true or =false"},
      {{"-admin=maybe"}, "-admin is a switch"},
  };
  for (const auto& [arguments, want] : cases) {
    INFO(arguments.front());
    REQUIRE_ERROR(ParseFlags(kFlags, arguments), Code::kInvalidArgument, want);
  }
}

TEST_CASE("help is always known, in each spelling, and ends the line") {
  for (const std::string help : {"-h", "--h", "-help", "--help"}) {
    const auto values = ParseFlags(kFlags, {"-ttl", "3", help, "-nonsense"});
    REQUIRE_OK(values);
    CHECK(values->GetBool("help"));
  }
}

TEST_CASE("usage shows the command, its summary and each flag with its default") {
  CHECK(Usage("signet-server token generate", "Makes a join token.", kFlags) ==
        "Usage: signet-server token generate [flags]\n\nMakes a join token.\n\nFlags:\n"
        "  -spiffeID value\n      The ID.\n"
        "  -ttl value\n      Seconds. (default 600)\n"
        "  -selector value\n      Selector. (may be repeated)\n"
        "  -admin\n      Admin.\n");
}

}  // namespace
}  // namespace signet::config
