#include <iostream>

#include "workload-api/cmd/program.h"

int main(int argc, char** argv) {
  const signet::RealClock clock;
  signet::config::Io io{std::cin, std::cout, std::cerr};
  return signet::config::RunProgram(signet::agent_cmd::AgentProgram(clock), {argv + 1, argv + argc},
                                    io);
}
