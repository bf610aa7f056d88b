// flood ATTACK|victim --unix PATH|--tls PORT --path /Service/Method [--streaming yes] [--uid N]
//       [--source 127.0.0.x] [--seconds N]
//
// One attacker or one victim, as a process of its own so that the server can tell them apart by uid
// or address. `victim` ends at SIGTERM. Talks to this machine only.
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <map>
#include <string>

#include "tests/e2e/flood/attacks.h"
#include "tests/e2e/flood/victim.h"

namespace signet::flood {
namespace {

std::atomic<bool> stop{false};

/// BecomeUser leaves root for good; a flood must not run with rights that an attacker lacks.
bool BecomeUser(unsigned uid) {
  return ::setgroups(0, nullptr) == 0 && ::setgid(uid) == 0 && ::setuid(uid) == 0;
}

void RaiseFileLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int Usage() {
  std::fprintf(stderr,
               "usage: flood ATTACK|victim --unix PATH|--tls PORT --path /Service/Method [--uid N] "
               "[--source 127.0.0.x] [--seconds N]\nattacks:");
  for (const auto& [name, attack] : Attacks()) {
    std::fprintf(stderr, " %s", name.c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}

int RunVictim(const Target& target) {
  std::signal(SIGTERM, [](int) { stop = true; });
  const Experience e = BeVictim(target, stop);
  std::printf("victim calls=%llu failed=%llu p50_ms=%.2f p99_ms=%.2f max_ms=%.2f why=%s\n",
              static_cast<unsigned long long>(e.calls), static_cast<unsigned long long>(e.failed),
              e.p50_ms, e.p99_ms, e.max_ms,
              e.first_failure.empty() ? "-" : e.first_failure.c_str());
  return 0;
}

int RunAttack(const Attack& attack, const Target& target, int seconds) {
  const Figures f =
      attack(target, std::chrono::steady_clock::now() + std::chrono::seconds(seconds));
  std::printf("attack sent=%llu connections=%llu refused=%llu cut=%llu\n",
              static_cast<unsigned long long>(f.sent),
              static_cast<unsigned long long>(f.connections),
              static_cast<unsigned long long>(f.refused), static_cast<unsigned long long>(f.cut));
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) {
    return Usage();
  }
  std::map<std::string, std::string> options = {{"--seconds", "6"}, {"--source", "127.0.0.1"}};
  for (int i = 2; i + 1 < argc; i += 2) {
    options[argv[i]] = argv[i + 1];
  }
  const Target target = {
      .unix_path = options["--unix"],
      .tls_port = static_cast<std::uint16_t>(std::atoi(options["--tls"].c_str())),
      .source_address = options["--source"],
      .path = options["--path"],
      .streaming = options["--streaming"] == "yes"};
  std::signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  if (options.count("--uid") != 0 &&
      !BecomeUser(static_cast<unsigned>(std::atoi(options["--uid"].c_str())))) {
    std::perror("flood: cannot change the user");
    return 1;
  }
  const std::string what = argv[1];
  if (what == "victim") {
    return RunVictim(target);
  }
  const auto attack = Attacks().find(what);
  return attack == Attacks().end()
             ? Usage()
             : RunAttack(attack->second, target, std::atoi(options["--seconds"].c_str()));
}

}  // namespace
}  // namespace signet::flood

int main(int argc, char** argv) { return signet::flood::Main(argc, argv); }
