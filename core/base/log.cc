#include "core/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>

#include "core/base/clock.h"

namespace signet {
namespace {

constexpr std::size_t kMaxValue = 256;

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// Appends text as the inside of a JSON string: control and non-ASCII bytes become \u00XX, so no input can break a
/// line, move a terminal's cursor or end the string.
void AppendEscaped(std::string& out, std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const bool cut = text.size() > kMaxValue;
  for (const char c : text.substr(0, kMaxValue)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\u00";
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 0x0f]);
    } else {
      out.push_back(c);
    }
  }
  if (cut) {
    out += "...";
  }
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || value.size() > kMaxValue || std::any_of(value.begin(), value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '=';
         });
}

void AppendTextFields(std::string& line, std::span<const LogField> fields) {
  for (const LogField& field : fields) {
    line.push_back(' ');
    line += field.key;
    line.push_back('=');
    if (NeedsQuotes(field.value)) {
      line.push_back('"');
      AppendEscaped(line, field.value);
      line.push_back('"');
    } else {
      line += field.value;
    }
  }
}

void AppendJsonMember(std::string& line, std::string_view key, std::string_view value) {
  line += line.size() > 1 ? ",\"" : "\"";
  AppendEscaped(line, key);
  line += "\":\"";
  AppendEscaped(line, value);
  line.push_back('"');
}

class SpdlogLogger final : public Logger {
 public:
  SpdlogLogger(std::shared_ptr<spdlog::logger> logger, bool json) : logger_(std::move(logger)), json_(json) {}

 private:
  void Write(LogLevel level, std::string_view message, std::span<const LogField> fields) override {
    if (!logger_->should_log(ToSpdlog(level))) {
      return;
    }
    const std::string now = FormatTime(std::chrono::system_clock::now());
    std::string line;
    if (json_) {
      line = "{";
      AppendJsonMember(line, "time", now);
      AppendJsonMember(line, "level", LevelName(level));
      AppendJsonMember(line, "msg", message);
      for (const LogField& field : fields) {
        AppendJsonMember(line, field.key, field.value);
      }
      line.push_back('}');
    } else {
      line = now + " " + std::string(LevelName(level)) + " ";
      AppendEscaped(line, message);
      AppendTextFields(line, fields);
    }
    logger_->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

  std::shared_ptr<spdlog::logger> logger_;
  bool json_;
};

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "warning") {
    return LogLevel::kWarn;
  }
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (lower == LevelName(level)) {
      return level;
    }
  }
  return InvalidArgument("unknown log level \"" + std::string(name) + "\"; use debug, info, warn or error");
}

Result<std::unique_ptr<Logger>> MakeLogger(const LogOptions& options) {
  try {
    spdlog::sink_ptr sink;
    if (options.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    }
    auto logger = std::make_shared<spdlog::logger>("signet", std::move(sink));
    logger->set_pattern("%v");
    logger->set_level(ToSpdlog(options.level));
    logger->flush_on(spdlog::level::debug);
    return std::unique_ptr<Logger>(std::make_unique<SpdlogLogger>(std::move(logger), options.json));
  } catch (const spdlog::spdlog_ex& e) {
    return FailedPrecondition("cannot open log file " + options.file + ": " + e.what());
  }
}

std::vector<std::string> MemoryLogger::Lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

bool MemoryLogger::Contains(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(lines_.begin(), lines_.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void MemoryLogger::Write(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line(LevelName(level));
  line.push_back(' ');
  line += message;
  AppendTextFields(line, fields);
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
}

}  // namespace signet
