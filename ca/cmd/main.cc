#include <iostream>

#include "ca/cmd/program.h"

int main(int argc, char** argv) {
  signet::config::Io io{std::cin, std::cout, std::cerr};
  return signet::config::RunProgram(signet::ca_cmd::ServerProgram(), {argv + 1, argv + argc}, io);
}
