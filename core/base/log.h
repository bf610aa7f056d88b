#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

/// ParseLogLevel takes debug, info, warn or error in either case.
Result<LogLevel> ParseLogLevel(std::string_view name);

/// LogField is one key and its value. Values over 256 bytes are cut, control characters escaped: one record stays
/// one line whatever a peer sends.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, const Error& e) : key(k), value(e.message) {}

  std::string_view key;
  std::string value;
};

/// Logger writes records of fields, not prose. Safe for several threads. Libraries return errors; services log once.
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;
  virtual ~Logger() = default;

  void Debug(std::string_view message, Fields fields = {}) { Log(LogLevel::kDebug, message, fields); }
  void Info(std::string_view message, Fields fields = {}) { Log(LogLevel::kInfo, message, fields); }
  void Warn(std::string_view message, Fields fields = {}) { Log(LogLevel::kWarn, message, fields); }
  void Error(std::string_view message, Fields fields = {}) { Log(LogLevel::kError, message, fields); }

 private:
  void Log(LogLevel level, std::string_view message, Fields fields) {
    Write(level, message, std::span<const LogField>(fields.begin(), fields.size()));
  }
  virtual void Write(LogLevel level, std::string_view message, std::span<const LogField> fields) = 0;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool json = false;      ///< one JSON object a line, else logfmt-like text
  std::string file = {};  ///< empty: standard error
};

/// MakeLogger opens the sink; an unwritable file is an error that names it.
Result<std::unique_ptr<Logger>> MakeLogger(const LogOptions& options);

/// NullLogger drops everything.
class NullLogger final : public Logger {
 private:
  void Write(LogLevel, std::string_view, std::span<const LogField>) override {}
};

/// MemoryLogger keeps "level message key=value …" lines for tests.
class MemoryLogger final : public Logger {
 public:
  std::vector<std::string> Lines() const;
  bool Contains(std::string_view text) const;

 private:
  void Write(LogLevel level, std::string_view message, std::span<const LogField> fields) override;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace signet
