#include "core/config/command_line.h"

#include <sstream>

#include "tests/support/result.h"

namespace signet::config {
namespace {

Program TestProgram() {
  return {
      "tool",
      "1.2",
      {{.name = "entry create",
        .summary = "Makes an entry.",
        .flags = {{.name = "id", .help = "Its | id."}},
        .run = [](const FlagValues& flags, Io& io) -> Status {
          io.out << "created " << flags.Get("id") << "\n";
          return {};
        }},
       {.name = "entry show", .summary = "Shows.", .flags = {}, .run = [](const FlagValues&, Io&) {
          return Status(NotFound("no such entry"));
        }}}};
}

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Run(const std::vector<std::string>& arguments) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Io io{in, out, err};
  const int code = RunProgram(TestProgram(), arguments, io);
  return {code, out.str(), err.str()};
}

TEST_CASE("the words before the flags pick the command") {
  const Outcome done = Run({"entry", "create", "-id", "7"});
  CHECK(done.code == kExitOk);
  CHECK(done.out == "created 7\n");
  CHECK(done.err.empty());
}

TEST_CASE("a failing command prints its error and ends with 1") {
  const Outcome done = Run({"entry", "show"});
  CHECK(done.code == kExitFailed);
  CHECK(done.err == "Error: no such entry\n");
}

TEST_CASE("a wrong command line ends with 2 and says what was meant") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"entry", "craete"}, "did you mean \"entry create\"?"},
      {{"zzz"}, "unknown command \"zzz\""},
      {{"entry", "create", "extra"}, "unexpected argument"},
      {{"entry", "create", "-ids", "7"}, "did you mean -id?"},
      {{}, "Usage: tool <command>"},
      {{"entry"}, "Usage: tool entry <command>"},
  };
  for (const auto& [arguments, want] : cases) {
    const Outcome done = Run(arguments);
    CHECK(done.code == kExitUsage);
    CHECK_THAT(done.err, Catch::Contains(want));
    CHECK(done.out.empty());
  }
}

TEST_CASE("help and version answer on every level") {
  for (const std::string help : {"-h", "-help", "--help", "help"}) {
    CHECK_THAT(Run({help}).out, Catch::Contains("entry create"));
    CHECK(Run({"entry", help}).code == kExitOk);
  }
  CHECK_THAT(Run({"entry", "create", "--help"}).out, Catch::Contains("-id value"));
  CHECK(Run({"--version"}).out == "tool 1.2\n");
}

TEST_CASE("the command reference lists every command and flag") {
  const std::string page = CommandReference(TestProgram());
  CHECK_THAT(page, Catch::Contains("### tool entry create\n\nMakes an entry.\n"));
  CHECK_THAT(page, Catch::Contains("| `-id` |  | Its \\| id. |"));
}

}  // namespace
}  // namespace signet::config
