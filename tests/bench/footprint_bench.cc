// Resident memory of the real server and agent, idle: attested, one identity served, then left
// alone. One line:
//
//   footprint: server_mb=… agent_mb=…
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "tests/bench/deployment.h"

int main() {
  const signet::bench::Deployment deployment;
  deployment.CreateEntry("/web", "unix:uid:" + std::to_string(::geteuid()));
  std::this_thread::sleep_for(std::chrono::seconds(8));
  std::printf("footprint: server_mb=%.1f agent_mb=%.1f\n",
              static_cast<double>(signet::bench::RssKb(deployment.server())) / 1024.0,
              static_cast<double>(signet::bench::RssKb(deployment.agent())) / 1024.0);
  return 0;
}
