#include "workload-api/csi/pod_dirs.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/base/files.h"

namespace signet::csi {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRecordBytes = 64 * 1024;
constexpr std::size_t kMaxSocketPath = 107;
constexpr std::string_view kSuffix = ".json";

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// CheckOwner: a folder that another user could change would let them choose what pods see.
Status CheckOwner(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & 022) != 0) {
    return FailedPrecondition(path +
                              " must be a folder that belongs to the agent's user and that nobody "
                              "else may write to");
  }
  return {};
}

}  // namespace

std::string WritePodRecord(const PodRecord& record) {
  json targets = json::array();
  for (const auto& [path, target] : record.targets) {
    targets.push_back(path);
  }
  return json{{"uid", record.pod.uid},
              {"namespace", record.pod.namespace_name},
              {"name", record.pod.name},
              {"service_account", record.pod.service_account},
              {"targets", std::move(targets)}}
      .dump();
}

Result<PodRecord> ReadPodRecord(std::string_view text, std::string_view kubelet_dir) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains("targets") || !object["targets"].is_array()) {
    return InvalidArgument("the pod's record is malformed");
  }
  PodRecord record{.pod = {.uid = Text(object, "uid"),
                           .namespace_name = Text(object, "namespace"),
                           .name = Text(object, "name"),
                           .service_account = Text(object, "service_account")}};
  SIGNET_TRY(CheckPod(record.pod));
  for (const json& path : object["targets"]) {
    SIGNET_TRY_ASSIGN(
        TargetPath target,
        TargetPath::Parse(kubelet_dir, path.is_string() ? path.get_ref<const std::string&>()
                                                        : std::string_view()));
    if (target.pod_uid != record.pod.uid) {
      return InvalidArgument("the pod's record names another pod's target");
    }
    record.targets.emplace(target.path, std::move(target));
  }
  return record;
}

Result<PodDirs> PodDirs::Open(std::string root, std::string kubelet_dir) {
  PodDirs dirs(std::move(root), std::move(kubelet_dir));
  const std::size_t longest = dirs.socket("00000000-0000-0000-0000-000000000000").size();
  if (longest > kMaxSocketPath) {
    return InvalidArgument("csi.pods_dir is too long: a socket below it would have a path of " +
                           std::to_string(longest) + " bytes, 107 are possible");
  }
  SIGNET_TRY(MakeDirectory(dirs.root_, 0700).Context("csi.pods_dir"));
  SIGNET_TRY(CheckOwner(dirs.root_).Context("csi.pods_dir"));
  return dirs;
}

Status PodDirs::Make(const std::string& pod_uid) const {
  const std::string path = folder(pod_uid);
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return Internal("cannot make the pod's folder " + path + ": " + ErrnoText(errno));
  }
  SIGNET_TRY(CheckOwner(path));
  if (::chmod(path.c_str(), 0755) != 0) {  // whatever the umask
    return Internal("cannot set the mode of " + path + ": " + ErrnoText(errno));
  }
  return {};
}

Status PodDirs::Save(const PodRecord& pod) const {
  return WriteFileAtomic(record(pod.pod.uid), AsBytes(WritePodRecord(pod)));
}

Status PodDirs::Remove(const std::string& pod_uid) const {
  const std::string path = folder(pod_uid);
  (void)::unlink(socket(pod_uid).c_str());  // gone with its listener, but after a crash
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return Internal("cannot remove the pod's folder " + path + ": " + ErrnoText(errno));
  }
  if (::unlink(record(pod_uid).c_str()) != 0 && errno != ENOENT) {
    return Internal("cannot remove " + record(pod_uid) + ": " + ErrnoText(errno));
  }
  return {};
}

Result<PodDirs::Found> PodDirs::Load() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(root_.c_str()), ::closedir);
  if (listing == nullptr) {
    return Internal("cannot read " + root_ + ": " + ErrnoText(errno));
  }
  Found found;
  std::set<std::string> uids;
  while (const dirent* const item = ::readdir(listing.get())) {
    std::string_view name = item->d_name;
    if (name.ends_with(kSuffix)) {
      name.remove_suffix(kSuffix.size());
    }
    if (IsPodUid(name)) {
      uids.emplace(name);
    }
  }
  for (const std::string& uid : uids) {
    const Result<Bytes> text = ReadFile(record(uid), kMaxRecordBytes);
    Result<PodRecord> pod =
        text.ok() ? ReadPodRecord(AsText(*text), kubelet_dir_) : Result<PodRecord>(text.error());
    if (pod.ok() && pod->pod.uid == uid) {
      found.records.push_back(*std::move(pod));
    } else {
      found.orphans.insert(uid);
    }
  }
  return found;
}

}  // namespace signet::csi
