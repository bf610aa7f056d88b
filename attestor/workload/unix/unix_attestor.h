#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>

#include "attestor/workload/attestor.h"
#include "attestor/workload/unix/binary_hash.h"
#include "attestor/workload/unix/names.h"
#include "attestor/workload/unix/procfs.h"
#include "core/base/clock.h"
#include "core/base/unique_fd.h"

namespace signet::attestor {

struct UnixAttestorOptions {
  std::string proc_root = "/proc";
  std::uint64_t max_binary_bytes = 128 * 1024 * 1024;  ///< larger programs get no sha256 selector
  /// alive tells whether the pinned process still runs; asked after the last read. Required:
  /// PeerProcess::Alive, but in tests.
  std::function<bool(const rpc::PeerProcess&)> alive = {};
};

/// UnixAttestor gives SPIRE's selectors of type "unix": uid, user, gid, group, supplementary_gid,
/// supplementary_group, path and sha256 (of the binary). Ids are the effective ones; the uid must
/// still be the one that connected.
///
/// A pid can come to mean another process between two reads, and a process can become another
/// program: the start time, the program's inode and at last the pidfd are compared after everything
/// has been read.
///
/// What cannot be told (no account of that number, a program that may not be read) is left out: an
/// entry that asks for it then does not match.
class UnixAttestor final : public WorkloadAttestor {
 public:
  /// names and clock must outlive the attestor.
  UnixAttestor(UnixAttestorOptions options, const Names& names, const Clock& clock);

  Result<AttestedWorkload> Attest(const rpc::PeerProcess& process) override;

 private:
  struct Program {
    UniqueFd fd;  ///< empty when the program may not be read
    struct stat file {};
    std::string path = {};
  };

  std::string ProcFile(const rpc::PeerProcess& process, const char* name) const;
  Status CheckStartTime(const rpc::PeerProcess& process) const;
  Result<ProcStatus> ReadStatus(const rpc::PeerProcess& process) const;
  Program OpenProgram(const rpc::PeerProcess& process) const;
  Status CheckSameProgram(const rpc::PeerProcess& process, const Program& program) const;

  const UnixAttestorOptions options_;
  const Names& names_;
  BinaryHasher hasher_;
};

}  // namespace signet::attestor
