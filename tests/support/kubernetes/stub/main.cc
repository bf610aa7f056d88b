// kube_stub --pki DIR [--port N] [--state FILE]: an API server of Kubernetes for tests, without
// etcd. Prints `listening PORT`. SIGTERM writes its objects to the state file, from which it begins
// again.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "tests/support/kubernetes/stub/api_server.h"
#include "tests/support/kubernetes/stub/https_server.h"

namespace {

using signet::test::kube::ApiServer;
using signet::test::kube::HttpsServer;
using signet::test::kube::Json;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--port", "0"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    options[argv[i]] = argv[i + 1];
  }
  if (options["--pki"].empty()) {
    std::fputs("usage: kube_stub --pki DIR [--port N] [--state FILE]\n", stderr);
    return 2;
  }
  // Threads inherit the mask, so that the signals wait for sigwait below.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  HttpsServer server(options["--pki"], std::atoi(options["--port"].c_str()));
  ApiServer api(ReadFile(options["--pki"] + "/sa.key"),
                "https://127.0.0.1:" + std::to_string(server.port()));
  const std::string saved = ReadFile(options["--state"]);
  if (!saved.empty()) {
    api.Load(Json::parse(saved));
  }
  server.Start([&api](const signet::test::kube::Request& request) { return api.Handle(request); });
  std::printf("listening %d\n", server.port());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  if (!options["--state"].empty()) {
    std::ofstream(options["--state"]) << api.Dump().dump();
  }
  std::_Exit(0);  // connections are still open on threads of their own
}
