#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "workload-api/delivery/layout.h"

/// What the tests of generations look at folders with.
namespace signet::delivery {

using Texts = std::vector<std::pair<std::string, std::string>>;  ///< names and contents

/// MakeFiles makes a set of files that belong to whoever runs the test.
inline std::vector<RenderedFile> MakeFiles(const Texts& texts, mode_t mode = 0640) {
  std::vector<RenderedFile> files;
  for (const auto& [name, content] : texts) {
    files.push_back({.name = name,
                     .content = Secret(ToBytes(content)),
                     .mode = mode,
                     .uid = ::geteuid(),
                     .gid = ::getegid()});
  }
  return files;
}

inline std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return in.is_open() ? std::string(std::istreambuf_iterator<char>(in), {}) : "(not there)";
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::set<std::string> NamesIn(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

/// Snapshot is everything in a folder that a test can compare: names, kinds, targets, modes, bytes.
inline std::set<std::string> Snapshot(const std::string& folder) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat info {};
    ::lstat(entry.path().c_str(), &info);
    const std::string what = entry.is_symlink()
                                 ? "-> " + std::filesystem::read_symlink(entry.path()).string()
                                 : (entry.is_regular_file() ? ReadText(entry.path()) : "folder");
    out.insert(entry.path().string() + " " + std::to_string(info.st_mode) + " " +
               std::to_string(info.st_uid) + " " + what);
  }
  return out;
}

}  // namespace signet::delivery
