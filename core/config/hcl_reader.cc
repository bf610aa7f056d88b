#include "core/config/hcl_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/config/hcl_scanner.h"
#include "core/config/option_path.h"
#include "core/config/utf8.h"

namespace signet::config {
namespace {

using Token = HclToken::Kind;
using Kind = JsonItem::Kind;

constexpr std::size_t kMaxDepth = 16;

std::string_view TokenName(Token kind) {
  switch (kind) {
    case Token::kEnd:
      return "the end of the file";
    case Token::kIdentifier:
      return "a word without quotes";
    case Token::kString:
    case Token::kHeredoc:
      return "a string";
    case Token::kInteger:
    case Token::kFraction:
      return "a number";
    case Token::kBool:
      return "true or false";
    case Token::kAssign:
      return "\"=\"";
    case Token::kComma:
      return "\",\"";
    case Token::kOpenBrace:
      return "\"{\"";
    case Token::kCloseBrace:
      return "\"}\"";
    case Token::kOpenBracket:
      return "\"[\"";
    case Token::kCloseBracket:
      return "\"]\"";
  }
  return "";
}

/// Reader goes through the tokens by recursive descent. Its functions return false after the first
/// error of syntax, which is a problem of the document.
class Reader {
 public:
  Reader(std::string_view text, JsonDocument& out) : scanner_(text), out_(out) {}

  void ReadFile() {
    out_.items.push_back({.path = "", .kind = Kind::kObject, .line = 1});
    if (Advance()) {
      Entries(Token::kEnd, "", 1);
    }
  }

 private:
  bool Advance() {
    auto token = scanner_.Next();
    if (!token) {
      Problem(scanner_.line(), "not valid HCL: " + scanner_.problem());
      return false;
    }
    token_ = std::move(*token);
    return true;
  }

  bool Expected(const std::string& what) {
    Problem(token_.line,
            "not valid HCL: expects " + what + ", found " + std::string(TokenName(token_.kind)));
    return false;
  }
  void Problem(int line, std::string text) { out_.problems.push_back({line, std::move(text)}); }

  /// Entries reads "key …" until `end`, which stays the current token.
  bool Entries(Token end, const std::string& path, std::size_t depth) {
    while (token_.kind != end) {
      if (!Entry(path, depth)) {
        return false;
      }
      if (token_.kind == Token::kComma && !Advance()) {
        return false;
      }
    }
    return true;
  }

  /// Entry reads "key = value" or "key "label" … { … }".
  bool Entry(const std::string& path, std::size_t depth) {
    std::vector<std::string> keys;
    while (token_.kind == Token::kIdentifier || token_.kind == Token::kString) {
      keys.push_back(KeyOf(token_.text));
      if (HasControls(token_.text)) {
        Problem(token_.line, path + ": control characters have no meaning in a key");
      }
      if (!Advance()) {
        return false;
      }
    }
    if (keys.empty()) {
      return Expected("a key");
    }
    const bool block = token_.kind == Token::kOpenBrace;
    if (!block && (keys.size() > 1 || token_.kind != Token::kAssign)) {
      return Expected(keys.size() > 1 ? "{ after a block's labels" : "= or { after a key");
    }
    std::string place = path;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      place = JoinPath(place, keys[i]);
      if (i + 1 < keys.size()) {
        if (++depth > kMaxDepth) {
          return TooDeep();
        }
        out_.items.push_back({.path = place, .kind = Kind::kObject, .line = token_.line});
      }
    }
    return block ? Block(place, depth) : Advance() && Value(place, depth);
  }

  bool TooDeep() {
    Problem(token_.line, "nested more than " + std::to_string(kMaxDepth) + " levels deep");
    return false;
  }

  bool Block(const std::string& path, std::size_t depth) {
    if (depth >= kMaxDepth) {
      return TooDeep();
    }
    out_.items.push_back({.path = path, .kind = Kind::kObject, .line = token_.line});
    return Advance() && Entries(Token::kCloseBrace, path, depth + 1) && Advance();
  }

  static std::optional<Kind> ScalarKind(Token kind) {
    switch (kind) {
      case Token::kString:
      case Token::kHeredoc:
        return Kind::kString;
      case Token::kInteger:
        return Kind::kInteger;
      case Token::kFraction:
        return Kind::kFraction;
      case Token::kBool:
        return Kind::kBool;
      default:
        return std::nullopt;
    }
  }

  bool Value(const std::string& path, std::size_t depth) {
    if (token_.kind == Token::kOpenBrace) {
      return Block(path, depth);
    }
    if (token_.kind == Token::kOpenBracket) {
      return List(path, depth);
    }
    const auto kind = ScalarKind(token_.kind);
    if (!kind) {
      return Expected("a value; text goes in quotes");
    }
    CheckText(path);
    out_.items.push_back(
        {.path = path, .kind = *kind, .text = std::move(token_.text), .line = token_.line});
    return Advance();
  }

  bool List(const std::string& path, std::size_t depth) {
    if (depth >= kMaxDepth) {
      return TooDeep();
    }
    JsonItem list{.path = path, .kind = Kind::kStringList, .line = token_.line};
    bool blocks = false;
    bool comma = true;
    if (!Advance()) {
      return false;
    }
    while (token_.kind != Token::kCloseBracket) {
      if (token_.kind == Token::kComma) {
        comma = true;
        if (!Advance()) {
          return false;
        }
        continue;
      }
      if (!std::exchange(comma, false)) {
        return Expected("\",\" or \"]\"");
      }
      blocks = blocks || token_.kind == Token::kOpenBrace;
      if (!Member(list, depth)) {
        return false;
      }
    }
    if (blocks && !list.list.empty()) {
      Problem(list.line, path + ": a list holds strings or objects, not both");
    }
    if (!blocks) {
      out_.items.push_back(std::move(list));
    }
    return Advance();
  }

  bool Member(JsonItem& list, std::size_t depth) {
    if (token_.kind == Token::kOpenBrace) {
      return Block(list.path, depth + 1);
    }
    if (token_.kind == Token::kOpenBracket) {
      Problem(token_.line, list.path + ": a list in a list has no meaning here");
      return List(list.path, depth + 1);
    }
    const auto kind = ScalarKind(token_.kind);
    if (!kind) {
      return Expected("a string or an object in this list");
    }
    if (*kind != Kind::kString) {
      Problem(token_.line,
              list.path + ": a list holds strings, found " + std::string(JsonKindName(*kind)));
    }
    CheckText(list.path);
    list.list.push_back(std::move(token_.text));
    return Advance();
  }

  static bool HasControls(std::string_view text) {
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  }

  // Text over several lines is what a heredoc is for.
  void CheckText(const std::string& path) {
    std::string text = token_.text;
    if (token_.kind == Token::kHeredoc) {
      std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; });
    }
    if (HasControls(text)) {
      Problem(token_.line, path + ": control characters have no meaning here");
    }
  }

  HclScanner scanner_;
  JsonDocument& out_;
  HclToken token_;
};

/// UnixLines turns each "\r\n" into "\n".
std::string UnixLines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) != "\r\n") {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

JsonDocument ReadHcl(std::string_view text) {
  JsonDocument document;
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    document.problems.push_back({1, "not valid HCL: the file is not UTF-8 text"});
    return document;
  }
  const std::string unix_lines = UnixLines(text);
  Reader(unix_lines, document).ReadFile();
  return document;
}

}  // namespace signet::config
