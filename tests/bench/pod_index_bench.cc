// What a CA pays for knowing a cluster of 10,000 pods on 100 nodes: a child process serves them as
// an API server would, several kB of JSON each, and this process lists them over TLS into its
// index.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "attestor/kubernetes/object_codec.h"
#include "attestor/kubernetes/watcher.h"
#include "core/base/check.h"
#include "tests/attestor/kubernetes/odd_server.h"
#include "tests/attestor/kubernetes/pod_json.h"

namespace signet::kubernetes {
namespace {

using namespace std::chrono_literals;

constexpr int kPods = 10'000;
constexpr int kNodes = 100;

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

/// RealisticPod has what pods of a mesh look like: managed fields, environment, mounts, conditions.
std::string RealisticPod(int number) {
  char uid[64];
  std::snprintf(uid, sizeof uid, "%08x-1f2e-4d3c-8b4a-%012d",
                static_cast<unsigned>(number) * 2654435761U, number);
  const std::string app = "service-" + std::to_string(number % 400);
  test::PodJson pod{
      .uid = uid,
      .namespace_name = "team-" + std::to_string(number % 60) + "-production",
      .name = app + "-7d4b9c6f5d-" + std::to_string(number),
      .service_account = app,
      .node = "ip-10-20-" + std::to_string(number % kNodes) + "-7.eu-central-1.compute.internal",
      .resource_version = std::to_string(1'000'000 + number)};
  pod.metadata =
      R"(,"annotations":{"prometheus.io/scrape":"true","checksum/config":"6f1ed002ab5595859014ebf0951522d9"},)"
      R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":")" +
      app + R"(","uid":"0c9d7c1e-7a51-4b57-9a4e-2d1b7c9c0f11","controller":true}])" +
      R"(,"generateName":")" + app + R"(-7d4b9c6f5d-")";
  pod.spec = R"(,"volumes":[)" +
             Repeat(R"({"name":"config","configMap":{"name":"config","defaultMode":420}},)", 6) +
             R"({"name":"tmp","emptyDir":{}}],"tolerations":[)" +
             Repeat(R"({"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":)"
                    R"("NoExecute","tolerationSeconds":300},)",
                    4) +
             R"({"operator":"Exists"}],"initContainers":[{"name":"init","image":"init:1","env":[)" +
             Repeat(R"({"name":"SOME_VARIABLE","value":"some value of a usual length"},)", 20) +
             R"({"name":"X","value":"y"}]}])";
  pod.status =
      R"(,"conditions":[)" +
      Repeat(R"({"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":)"
             R"("2026-11-22T02:00:00Z"},)",
             5) +
      R"({"type":"Initialized","status":"True"}],"podIP":"10.20.3.4","qosClass":"Burstable",)" +
      R"("containerStatuses":[{"name":"web","ready":true,"containerID":)" +
      R"("containerd://6f1ed002ab5595859014ebf0951522d96f1ed002ab5595859014ebf0951522d9",)" +
      R"("image":"registry.example/web:1.2","imageID":"registry.example/web@sha256:6f1ed002"}])";
  return pod.Write();
}

/// ListPage answers limit and continue as an API server does.
std::string ListPage(const std::string& head) {
  const auto number = [&head](const char* name) {
    const std::size_t at = head.find(name);
    return at == std::string::npos ? 0 : std::atoi(head.c_str() + at + std::string(name).size());
  };
  const int from = number("continue=");
  const int to = std::min(kPods, from + number("limit="));
  std::string items;
  for (int i = from; i < to; ++i) {
    items += (i == from ? "" : ",") + RealisticPod(i);
  }
  return test::PodListJson(items, "5000000", to < kPods ? std::to_string(to) : "");
}

/// ServePods is the child: it tells its port and its CA, and serves until its parent is gone.
[[noreturn]] void ServePods(int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const test::OddServer server([](const test::OddRequest& request) {
    if (request.head.find("watch=1") != std::string::npos) {
      return std::vector<test::Piece>{{test::kChunkedHead}, {test::kLastChunk, 600s}};
    }
    return test::HttpReply(200, ListPage(request.head));
  });
  const std::string text = server.url() + "\n" + server.ca_pem();
  SIGNET_CHECK(::write(out, text.data(), text.size()) > 0, "cannot tell the parent");
  ::close(out);
  for (;;) {
    ::pause();
  }
}

std::string ReadAll(int fd) {
  std::string text;
  char block[4096];
  for (ssize_t n = 0; (n = ::read(fd, block, sizeof block)) > 0;) {
    text.append(block, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

double ResidentMb() {
  std::ifstream in("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  in >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// MicrosecondsAnEvent: one line of a watch, read and applied.
double MicrosecondsAnEvent(PodIndex& index) {
  const RealClock clock;
  Duration spent{};
  for (int i = 0; i < kPods; ++i) {
    const std::string line = R"({"type":"MODIFIED","object":)" + RealisticPod(i) + "}";
    const MonoTime start = clock.Mono();
    auto event = ParsePodEvent(line, PodDetail::kIdentity);
    SIGNET_CHECK(event.ok(), "an event is not understood");
    event->object.labels.clear();
    index.Put(std::move(event->object));
    spent += clock.Mono() - start;
  }
  return Seconds(spent) / kPods * 1e6;
}

int Measure(const std::string& from_child) {
  const std::size_t line = from_child.find('\n');
  auto config = std::make_shared<ApiConfig>(
      ApiConfig{.origin = "bench", .server = from_child.substr(0, line)});
  config->ca.data = Secret(ToBytes(from_child.substr(line + 1)));
  const RealClock clock;
  SystemRandom random;
  MemoryLogger log;
  PodIndex index;

  const double before = ResidentMb();
  const MonoTime start = clock.Mono();
  const auto api = *OpenApi(config, clock, log);
  auto watch = StartPodWatch(
      {.api = *api, .clock = clock, .random = random, .logger = log, .cluster = "bench"}, {},
      index);
  while (!watch->health().watching && clock.Mono() - start < 120s) {
    std::this_thread::sleep_for(10ms);
  }
  const double list_s = Seconds(clock.Mono() - start);
  const double rss_mb = ResidentMb() - before;
  const bool right =
      index.size() == kPods &&
      index.OnNode("ip-10-20-7-7.eu-central-1.compute.internal").size() == kPods / kNodes;
  watch.reset();

  const double event_us = MicrosecondsAnEvent(index);
  std::printf(
      "pod_index: pods=%zu nodes=%d pod_kb=%.1f rss_mb=%.1f bar_mb=40 list_s=%.2f event_us=%.0f\n",
      index.size(), kNodes, static_cast<double>(RealisticPod(1).size()) / 1000, rss_mb, list_s,
      event_us);
  for (const std::string& text : log.Lines()) {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  return right && rss_mb <= 40 ? 0 : 1;
}

int Main() {
  int ends[2];
  SIGNET_CHECK(::pipe(ends) == 0, "no pipe");
  const pid_t child = ::fork();
  SIGNET_CHECK(child >= 0, "cannot fork");
  if (child == 0) {
    ::close(ends[0]);
    ServePods(ends[1]);
  }
  ::close(ends[1]);
  const int result = Measure(ReadAll(ends[0]));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return result;
}

}  // namespace
}  // namespace signet::kubernetes

int main() { return signet::kubernetes::Main(); }
