#include "core/config/hcl_scanner.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

#include "core/config/utf8.h"

namespace signet::config {
namespace {

using Kind = HclToken::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::optional<Kind> Punctuation(char c) {
  switch (c) {
    case '=':
      return Kind::kAssign;
    case ',':
      return Kind::kComma;
    case '{':
      return Kind::kOpenBrace;
    case '}':
      return Kind::kCloseBrace;
    case '[':
      return Kind::kOpenBracket;
    case ']':
      return Kind::kCloseBracket;
    default:
      return std::nullopt;
  }
}

std::size_t DigitsAt(std::string_view text, std::size_t at) {
  std::size_t n = 0;
  while (at + n < text.size() && IsDigit(text[at + n])) {
    ++n;
  }
  return n;
}

/// Unindent takes the end mark's indentation from each line, if all lines have it. `mark` is what
/// stands before the mark on its line.
std::string Unindent(std::string_view body, std::string_view mark) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = body; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    lines.push_back(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  const bool all =
      std::ranges::all_of(lines, [&](std::string_view line) { return line.starts_with(mark); });
  std::string out;
  for (const std::string_view line : lines) {
    out += all ? line.substr(mark.size()) : line;
  }
  return out;
}

}  // namespace

void HclScanner::Advance() {
  line_ += Peek() == '\n' ? 1 : 0;
  ++at_;
}

bool HclScanner::Fail(std::string why) {
  problem_ = std::move(why);
  return false;
}

std::optional<HclToken> HclScanner::Next() {
  if (!problem_.empty() || !SkipBlanks()) {
    return std::nullopt;
  }
  HclToken token{.kind = Kind::kEnd, .line = line_};
  if (AtEnd()) {
    return token;
  }
  const char c = Peek();
  bool good = true;
  if (const auto punctuation = Punctuation(c)) {
    token.kind = *punctuation;
    Advance();
  } else if (IsLetter(c)) {
    good = Word(token);
  } else if (IsDigit(c) || ((c == '-' || c == '.') && IsDigit(Peek(1)))) {
    good = Number(token);
  } else if (c == '"') {
    good = String(token);
  } else if (c == '<' && Peek(1) == '<') {
    good = Heredoc(token);
  } else {
    good = Fail("a character that has no meaning here; is text in quotes?");
  }
  return good ? std::optional(std::move(token)) : std::nullopt;
}

bool HclScanner::SkipBlanks() {
  while (!AtEnd()) {
    if (IsBlank(Peek())) {
      Advance();
    } else if (Peek() == '#' || Peek() == '/') {
      if (!SkipComment()) {
        return false;
      }
    } else {
      return true;
    }
  }
  return true;
}

bool HclScanner::SkipComment() {
  if (Peek() == '#' || Peek(1) == '/') {
    at_ = std::min(text_.find('\n', at_), text_.size());
    return true;
  }
  if (Peek(1) != '*') {
    return Fail("a comment begins with #, // or /*");
  }
  const std::size_t end = text_.find("*/", at_ + 2);
  if (end == std::string_view::npos) {
    return Fail("this comment is never closed with */");
  }
  while (at_ < end + 2) {
    Advance();
  }
  return true;
}

bool HclScanner::Word(HclToken& token) {
  const std::size_t start = at_;
  while (IsLetter(Peek()) || IsDigit(Peek()) || Peek() == '-' || Peek() == '.') {
    Advance();
  }
  token.text = text_.substr(start, at_ - start);
  token.kind = token.text == "true" || token.text == "false" ? Kind::kBool : Kind::kIdentifier;
  return true;
}

bool HclScanner::Number(HclToken& token) {
  const std::size_t start = at_;
  at_ += Peek() == '-' ? 1 : 0;
  if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
    at_ += 2;
    while (IsHex(Peek())) {
      ++at_;
    }
    return Integer(token, text_.substr(start, at_ - start));
  }
  at_ += DigitsAt(text_, at_);
  bool fraction = false;
  if (Peek() == '.') {
    fraction = true;
    ++at_;
    at_ += DigitsAt(text_, at_);
  }
  if (Peek() == 'e' || Peek() == 'E') {
    fraction = true;
    at_ += Peek(1) == '-' || Peek(1) == '+' ? 2 : 1;
    if (!IsDigit(Peek())) {
      return Fail("a number's exponent has no digits");
    }
    at_ += DigitsAt(text_, at_);
  }
  const std::string_view digits = text_.substr(start, at_ - start);
  if (!fraction) {
    return Integer(token, digits);
  }
  token.kind = Kind::kFraction;
  token.text = digits;
  return true;
}

// "0x1f" is hexadecimal and "0755" octal, as in Go.
bool HclScanner::Integer(HclToken& token, std::string_view digits) {
  const bool negative = digits.starts_with('-');
  digits.remove_prefix(negative ? 1 : 0);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.starts_with('0')) {
    base = 8;
  }
  const std::string signed_digits = (negative ? "-" : "") + std::string(digits);
  std::int64_t value = 0;
  const char* const end = signed_digits.data() + signed_digits.size();
  const auto [stop, error] = std::from_chars(signed_digits.data(), end, value, base);
  if (error != std::errc() || stop != end) {
    return Fail("not a whole number of 64 bits");
  }
  token.kind = Kind::kInteger;
  token.text = std::to_string(value);
  return true;
}

// Inside "${…}" quotes and line ends are ordinary, and nothing is replaced.
bool HclScanner::String(HclToken& token) {
  token.kind = Kind::kString;
  int braces = 0;
  for (Advance(); !AtEnd();) {
    const char c = Peek();
    if (braces == 0 && c == '"') {
      Advance();
      return IsUtf8(token.text) || Fail("this string is not valid UTF-8");
    }
    if (braces == 0 && c == '\n') {
      break;
    }
    if (braces == 0 && c == '$' && Peek(1) == '{') {
      token.text += "${";
      at_ += 2;
      braces = 1;
      continue;
    }
    if (c == '\\') {
      const std::size_t start = at_;
      std::string resolved;
      if (!Escape(resolved)) {
        return false;
      }
      token.text += braces > 0 ? text_.substr(start, at_ - start) : std::string_view(resolved);
      continue;
    }
    if (braces > 0) {
      braces += c == '{' ? 1 : c == '}' ? -1 : 0;
    }
    token.text += c;
    Advance();
  }
  return Fail("this string is never closed with \"");
}

bool HclScanner::Escape(std::string& out) {
  const std::string_view names = "abfnrtv\\\"";
  const std::string_view meant = "\a\b\f\n\r\t\v\\\"";
  const char c = Peek(1);
  if (const std::size_t i = names.find(c); c != '\0' && i != std::string_view::npos) {
    out += meant[i];
    at_ += 2;
    return true;
  }
  if (c >= '0' && c <= '7') {
    return Octal(out);
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    return CodePoint(c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
  }
  return Fail("a string's \\ must be followed by \\ \" a b f n r t v x u U or three octal digits");
}

bool HclScanner::Octal(std::string& out) {
  unsigned value = 0;
  const std::string_view digits = text_.substr(at_ + 1, 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (digits.size() != 3 || end != digits.data() + 3 || error != std::errc() || value > 0xff) {
    return Fail("an octal escape has three digits, up to \\377");
  }
  out += static_cast<char>(value);
  at_ += 4;
  return true;
}

// \x41 is a byte, \u and \U are characters.
bool HclScanner::CodePoint(std::size_t digits, std::string& out) {
  std::uint32_t value = 0;
  const std::string_view hex = text_.substr(std::min(at_ + 2, text_.size()), digits);
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (hex.size() != digits || end != hex.data() + digits || error != std::errc()) {
    return Fail("a \\" + std::string(1, Peek(1)) + " escape has " + std::to_string(digits) +
                " hexadecimal digits");
  }
  if (digits == 2) {
    out += static_cast<char>(value);
  } else if (!AppendUtf8(value, out)) {
    return Fail("an escape that is no character");
  }
  at_ += 2 + digits;
  return true;
}

bool HclScanner::Heredoc(HclToken& token) {
  at_ += 2;
  const bool indented = Peek() == '-';
  at_ += indented ? 1 : 0;
  const std::size_t start = at_;
  while (IsLetter(Peek()) || IsDigit(Peek())) {
    ++at_;
  }
  const std::string_view mark = text_.substr(start, at_ - start);
  at_ += Peek() == '\r' ? 1 : 0;
  if (mark.empty() || Peek() != '\n') {
    return Fail("expects << and a word of letters and digits that ends the line");
  }
  Advance();
  const std::size_t body = at_;
  while (!AtEnd()) {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) {
      break;
    }
    std::string_view line = text_.substr(at_, end - at_);
    const std::size_t indent = std::min(line.find_first_not_of(" \t\r\f\v"), line.size());
    line.remove_prefix(indent);
    while (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line == mark) {
      token.kind = Kind::kHeredoc;
      token.text = indented ? Unindent(text_.substr(body, at_ - body), text_.substr(at_, indent))
                            : std::string(text_.substr(body, at_ + indent - body));
      at_ = end;
      Advance();
      return IsUtf8(token.text) || Fail("this text is not valid UTF-8");
    }
    at_ = end;
    Advance();
  }
  return Fail("this text is never ended by a line that is " + std::string(mark.substr(0, 64)));
}

}  // namespace signet::config
