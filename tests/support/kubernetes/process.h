#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace signet::test {

/// Child is a process of ours whose output goes to a file. It ends when this object does, and when
/// the thread that started it ends, however that happens.
class Child {
 public:
  Child(const std::vector<std::string>& command, const std::string& log_file);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }  ///< -1 once it has been waited for
  bool running();
  void Signal(int signal) const;
  /// Pause stops all its threads, and returns when they have stopped; Signal(SIGCONT) ends it.
  void Pause() const;
  /// End sends the signal and waits; after 10 s it kills.
  void End(int signal);

 private:
  bool Reap(bool wait);
  pid_t pid_ = -1;
};

/// A port of 127.0.0.1 that nobody uses now.
int FreePort();
std::string ReadWholeFile(const std::string& path);  ///< empty if there is none
void WriteWholeFile(const std::string& path, const std::string& text);
/// Output of a command, or nothing if it fails; `error` then has its last line.
std::string RunAndRead(const std::string& command, std::string& error);

}  // namespace signet::test
