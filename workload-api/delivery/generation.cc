#include "workload-api/delivery/generation.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/base/encoding.h"
#include "core/crypto/hash.h"

namespace signet::delivery {
namespace {

constexpr const char* kCurrent = "..current";
constexpr const char* kPrevious = "..previous";
constexpr const char* kLock = "..lock";
constexpr std::string_view kPrefix = "..gen-";
constexpr std::size_t kHashDigits = 32;
constexpr int kMaxAttempts = 100;
constexpr mode_t kGenerationMode = 0755;  // the files guard themselves

bool AllOf(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

/// IsGeneration: "..gen-", 32 hexadecimal digits, and "-2", "-3" … if the name was taken.
bool IsGeneration(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return false;
  }
  name.remove_prefix(kPrefix.size());
  const std::string_view rest = name.substr(std::min(name.size(), kHashDigits));
  return name.size() >= kHashDigits && AllOf(name.substr(0, kHashDigits), "0123456789abcdef") &&
         (rest.empty() || (rest[0] == '-' && AllOf(rest.substr(1), "0123456789")));
}

std::string VisibleTarget(const std::string& name) { return std::string(kCurrent) + "/" + name; }

FileShape ShapeOf(const RenderedFile& file) {
  return {.mode = file.mode, .uid = file.uid, .gid = file.gid};
}

/// BaseName is the name for a set of files: a hash of all that matters of them, in any order.
std::string BaseName(const std::vector<RenderedFile>& files) {
  std::set<std::string> lines;
  for (const RenderedFile& file : files) {
    lines.insert(file.name + '\n' + std::to_string(file.mode) + ' ' + std::to_string(file.uid) +
                 ' ' + std::to_string(file.gid) + ' ' +
                 HexEncode(crypto::Sha256(file.content.RevealSecret())) + '\n');
  }
  crypto::Sha256Stream hash;
  for (const std::string& line : lines) {
    hash.Update(AsBytes(line));
  }
  return std::string(kPrefix) + HexEncode(hash.Finish()).substr(0, kHashDigits);
}

Status CheckFiles(const std::vector<RenderedFile>& files) {
  std::set<std::string_view> names;
  for (const RenderedFile& file : files) {
    SIGNET_TRY(CheckFileName(file.name));
    if (!names.insert(file.name).second) {
      return InvalidArgument("two files have the name \"" + file.name + "\"");
    }
  }
  return files.empty() ? InvalidArgument("there are no files to publish") : Status();
}

}  // namespace

Result<GenerationDir> GenerationDir::Open(const std::string& path) {
  SIGNET_TRY_ASSIGN(Folder folder, Folder::Open(path));
  SIGNET_TRY(folder.CheckGuarded());
  SIGNET_TRY_ASSIGN(UniqueFd lock, folder.Lock(kLock));
  GenerationDir out(std::move(folder), std::move(lock));
  SIGNET_TRY(out.Target(kCurrent));
  out.Tidy();
  return out;
}

std::string GenerationDir::Current() const {
  const auto target = Target(kCurrent);
  return target.ok() ? *target : std::string();
}

/// Target reads one of our own links: a generation's name, or empty when there is no link.
Result<std::string> GenerationDir::Target(const std::string& link) const {
  SIGNET_TRY_ASSIGN(const Folder::Entry entry, folder_.Look(link));
  if (entry.kind == Folder::Kind::kNothing) {
    return std::string();
  }
  if (entry.kind != Folder::Kind::kLink || !IsGeneration(entry.target)) {
    return FailedPrecondition(path() + "/" + link +
                              " was changed by somebody and leads to no generation of files; "
                              "look at it and remove it");
  }
  return entry.target;
}

Result<GenerationDir::Published> GenerationDir::Publish(const std::vector<RenderedFile>& files) {
  SIGNET_TRY(CheckFiles(files));
  SIGNET_TRY(folder_.CheckGuarded());
  SIGNET_TRY_ASSIGN(const std::string before, Target(kCurrent));
  SIGNET_TRY(CheckVisible(files));
  const std::string base = BaseName(files);
  const bool same = before.starts_with(base) && Intact(before, files);
  if (same && AllVisible(files)) {
    return Published{.generation = before};
  }
  Tidy();
  const Result<std::string> written = same ? before : Write(base, files);
  const Status switched = written.ok() ? Switch(*written, files) : Status(written.error());
  Tidy();
  SIGNET_TRY(switched);
  return Published{.generation = *written, .changed = true};
}

/// CheckVisible refuses to take a name from somebody else's file.
Status GenerationDir::CheckVisible(const std::vector<RenderedFile>& files) const {
  for (const RenderedFile& file : files) {
    SIGNET_TRY_ASSIGN(const Folder::Entry entry, folder_.Look(file.name));
    const bool ours = entry.kind == Folder::Kind::kLink && entry.target == VisibleTarget(file.name);
    if (entry.kind != Folder::Kind::kNothing && !ours) {
      return FailedPrecondition(path() + "/" + file.name +
                                " is there already and is not ours; move it away");
    }
  }
  return {};
}

/// Intact: the folder holds these very files and nothing else.
bool GenerationDir::Intact(const std::string& generation,
                           const std::vector<RenderedFile>& files) const {
  const auto inside = folder_.Enter(generation);
  if (!inside.ok() || !inside->CheckGuarded().ok()) {
    return false;
  }
  const auto names = inside->Names();
  return names.ok() && names->size() == files.size() &&
         std::all_of(files.begin(), files.end(), [&inside](const RenderedFile& file) {
           return inside->Holds(file.name, file.content.RevealSecret(), ShapeOf(file));
         });
}

bool GenerationDir::AllVisible(const std::vector<RenderedFile>& files) const {
  return std::all_of(files.begin(), files.end(), [this](const RenderedFile& file) {
    const auto entry = folder_.Look(file.name);
    return entry.ok() && entry->kind == Folder::Kind::kLink;  // CheckVisible has seen the target
  });
}

/// Write writes a generation to a folder that nobody has read yet, and gives its name.
Result<std::string> GenerationDir::Write(const std::string& base,
                                         const std::vector<RenderedFile>& files) const {
  std::string name = base;
  Result<Folder> made = folder_.Make(name);
  for (int i = 2; i < kMaxAttempts && made.code() == Code::kAlreadyExists; ++i) {
    name = base + "-" + std::to_string(i);
    made = folder_.Make(name);
  }
  SIGNET_TRY_ASSIGN(const Folder inside, std::move(made));
  for (const RenderedFile& file : files) {
    SIGNET_TRY(inside.WriteNew(file.name, file.content.RevealSecret(), ShapeOf(file)));
  }
  SIGNET_TRY(inside.SetMode(kGenerationMode));
  SIGNET_TRY(inside.Sync());
  return name;
}

/// Switch makes a written generation the published one. All that can fail comes before the rename.
Status GenerationDir::Switch(const std::string& generation,
                             const std::vector<RenderedFile>& files) const {
  for (const RenderedFile& file : files) {
    SIGNET_TRY_ASSIGN(const Folder::Entry entry, folder_.Look(file.name));
    if (entry.kind == Folder::Kind::kNothing) {
      SIGNET_TRY(folder_.MakeLink(file.name, VisibleTarget(file.name)));
    }
  }
  if (const std::string before = Current(); !before.empty() && before != generation) {
    SIGNET_TRY(folder_.ReplaceLink(kPrevious, before));
  }
  SIGNET_TRY(folder_.Sync());
  SIGNET_TRY(folder_.ReplaceLink(kCurrent, generation));
  // If this fails and the machine does too, the set before is back, whole: it is kept.
  (void)folder_.Sync();
  return {};
}

/// Tidy removes what no link of ours leads to: generations, links that were on their way, visible
/// names without a file. It knows its own by their names and targets.
void GenerationDir::Tidy() const {
  const auto current = Target(kCurrent);
  const auto names = folder_.Names();
  if (!current.ok() || !names.ok()) {
    return;
  }
  const auto before = Target(kPrevious);
  const std::string previous = before.ok() ? *before : std::string();
  for (const std::string& name : *names) {
    const bool unused = IsGeneration(name) && name != *current && name != previous;
    const bool unfinished = name == "..current.new" || name == "..previous.new";
    if (unused || unfinished || IsStale(name, *current)) {
      folder_.Remove(name);
    }
  }
}

/// IsStale: a visible name of ours that the published generation has no file for.
bool GenerationDir::IsStale(const std::string& name, const std::string& current) const {
  const auto link = folder_.Look(name);
  if (!link.ok() || link->kind != Folder::Kind::kLink || link->target != VisibleTarget(name)) {
    return false;
  }
  if (current.empty()) {
    return true;
  }
  const auto inside = folder_.Enter(current);
  const Result<Folder::Entry> file = inside.ok() ? inside->Look(name) : inside.error();
  return file.ok() && file->kind == Folder::Kind::kNothing;
}

}  // namespace signet::delivery
