#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace signet::config {

/// HclToken is one word of an HCL1 file.
struct HclToken {
  enum class Kind {
    kEnd,
    kIdentifier,
    kString,   ///< quoted; `text` without quotes, escapes resolved, "${…}" as it stands
    kHeredoc,  ///< `text` is its content
    kInteger,  ///< `text` is decimal
    kFraction,
    kBool,
    kAssign,
    kComma,
    kOpenBrace,
    kCloseBrace,
    kOpenBracket,
    kCloseBracket,
  };
  Kind kind = Kind::kEnd;
  std::string text = {};
  int line = 1;  ///< where it begins
};

/// HclScanner cuts a file into tokens; comments vanish. The text must outlive it.
class HclScanner {
 public:
  explicit HclScanner(std::string_view text) : text_(text) {}

  /// Next gives the next token, or nothing once something was wrong: see `problem` and `line`.
  std::optional<HclToken> Next();
  const std::string& problem() const { return problem_; }
  int line() const { return line_; }

 private:
  bool SkipBlanks();
  bool SkipComment();
  bool Word(HclToken& token);
  bool Number(HclToken& token);
  bool Integer(HclToken& token, std::string_view digits);
  bool String(HclToken& token);
  bool Escape(std::string& out);
  bool CodePoint(std::size_t digits, std::string& out);
  bool Octal(std::string& out);
  bool Heredoc(HclToken& token);
  bool Fail(std::string why);

  /// Peek is the byte so far ahead, or 0 past the end.
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool AtEnd() const { return at_ >= text_.size(); }
  void Advance();

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string problem_;
};

}  // namespace signet::config
