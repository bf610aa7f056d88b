#include "attestor/workload/unix/unix_attestor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "attestor/workload/proc_file.h"
#include "core/base/check.h"

namespace signet::attestor {
namespace {

constexpr std::size_t kMaxStatBytes = 4 * 1024;
constexpr std::size_t kMaxStatusBytes = 1024 * 1024;  // 65,536 supplementary groups fit

void Add(std::vector<spiffe::Selector>& selectors, const std::string& kind,
         const std::string& value) {
  if (!value.empty()) {
    selectors.push_back({"unix", kind + ":" + value});
  }
}

void AddCredentials(std::vector<spiffe::Selector>& selectors, const ProcStatus& status,
                    const Names& names) {
  Add(selectors, "uid", std::to_string(status.effective_uid));
  Add(selectors, "user", names.User(status.effective_uid).value_or(""));
  Add(selectors, "gid", std::to_string(status.effective_gid));
  Add(selectors, "group", names.Group(status.effective_gid).value_or(""));
  for (const std::uint32_t gid : status.groups) {
    Add(selectors, "supplementary_gid", std::to_string(gid));
    Add(selectors, "supplementary_group", names.Group(gid).value_or(""));
  }
}

}  // namespace

UnixAttestor::UnixAttestor(UnixAttestorOptions options, const Names& names, const Clock& clock)
    : options_(std::move(options)), names_(names), hasher_(options_.max_binary_bytes, clock) {
  SIGNET_CHECK(options_.alive != nullptr, "UnixAttestorOptions::alive is required");
}

Result<AttestedWorkload> UnixAttestor::Attest(const rpc::PeerProcess& process) {
  if (process.pid <= 0) {
    return PermissionDenied(
        "the caller is in a PID namespace that the agent cannot see; in Kubernetes run the agent "
        "with hostPID, or give each pod a socket of its own");
  }
  SIGNET_TRY(CheckStartTime(process));
  const Program program = OpenProgram(process);
  SIGNET_TRY_ASSIGN(const ProcStatus status, ReadStatus(process));

  AttestedWorkload workload;
  AddCredentials(workload.selectors, status, names_);
  Add(workload.selectors, "path", program.path);
  if (program.fd) {
    if (const Result<std::string> hash = hasher_.Hash(program.fd.get()); hash.ok()) {
      Add(workload.selectors, "sha256", *hash);
    }
  }

  SIGNET_TRY(CheckSameProgram(process, program));
  SIGNET_TRY(CheckStartTime(process));
  if (!options_.alive(process)) {
    return PermissionDenied("the calling process ended before it was attested");
  }
  std::sort(workload.selectors.begin(), workload.selectors.end());
  workload.selectors.erase(std::unique(workload.selectors.begin(), workload.selectors.end()),
                           workload.selectors.end());
  workload.description = "pid " + std::to_string(process.pid) + " (" + status.name + ") uid " +
                         std::to_string(status.effective_uid);
  return workload;
}

std::string UnixAttestor::ProcFile(const rpc::PeerProcess& process, const char* name) const {
  return options_.proc_root + "/" + std::to_string(process.pid) + "/" + name;
}

Status UnixAttestor::CheckStartTime(const rpc::PeerProcess& process) const {
  SIGNET_TRY_ASSIGN(const std::string text, ReadProcFile(ProcFile(process, "stat"), kMaxStatBytes));
  SIGNET_TRY_ASSIGN(const std::uint64_t start_time, ParseStartTime(text));
  if (process.start_time == 0 || start_time == process.start_time) {
    return {};
  }
  return PermissionDenied("the pid of the calling process has come to mean another process");
}

Result<ProcStatus> UnixAttestor::ReadStatus(const rpc::PeerProcess& process) const {
  SIGNET_TRY_ASSIGN(const std::string text,
                    ReadProcFile(ProcFile(process, "status"), kMaxStatusBytes));
  SIGNET_TRY_ASSIGN(ProcStatus status, ParseProcStatus(text));
  if (status.effective_uid != process.uid) {
    return PermissionDenied("the calling process has changed its user since it connected");
  }
  return status;
}

UnixAttestor::Program UnixAttestor::OpenProgram(const rpc::PeerProcess& process) const {
  const std::string link = ProcFile(process, "exe");
  Program program;
  // Through the kernel's own link, never by the name it shows: the name may mean another file in
  // our mount namespace.
  program.fd.Reset(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, PATH_MAX> name;
  const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
  if (!program.fd || ::fstat(program.fd.get(), &program.file) != 0 || length <= 0 ||
      static_cast<std::size_t>(length) == name.size()) {
    return {};
  }
  program.path = PathOfExe({name.data(), static_cast<std::size_t>(length)}, program.file.st_nlink);
  return program;
}

Status UnixAttestor::CheckSameProgram(const rpc::PeerProcess& process,
                                      const Program& program) const {
  if (!program.fd) {
    return {};  // nothing was said of the program
  }
  struct stat now {};
  if (::stat(ProcFile(process, "exe").c_str(), &now) == 0 && now.st_dev == program.file.st_dev &&
      now.st_ino == program.file.st_ino) {
    return {};
  }
  return PermissionDenied("the calling process became another program while it was attested");
}

}  // namespace signet::attestor
