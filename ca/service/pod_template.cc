#include "ca/service/pod_template.h"

#include <array>
#include <utility>

namespace signet::service {
namespace {

using Member = std::string_view TemplateValues::*;

constexpr std::array<std::pair<std::string_view, Member>, 7> kVariables = {{
    {"trust_domain", &TemplateValues::trust_domain},
    {"cluster", &TemplateValues::cluster},
    {"namespace", &TemplateValues::namespace_name},
    {"service_account", &TemplateValues::service_account},
    {"pod_name", &TemplateValues::pod_name},
    {"pod_uid", &TemplateValues::pod_uid},
    {"node_name", &TemplateValues::node_name},
}};

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  while (text.ends_with(' ')) {
    text.remove_suffix(1);
  }
  return text;
}

Result<Member> FindVariable(std::string_view name) {
  std::string known;
  for (const auto& [variable, member] : kVariables) {
    if (variable == name) {
      return member;
    }
    known += (known.empty() ? "" : ", ") + std::string(variable);
  }
  return InvalidArgument("unknown variable \"" + std::string(name.substr(0, 64)) +
                         "\"; there are " + known);
}

}  // namespace

Result<PodTemplate> PodTemplate::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return InvalidArgument("a template is at most 2048 bytes long");
  }
  PodTemplate parsed;
  parsed.text_ = text;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    const std::string_view literal = text.substr(0, open);
    if (literal.find("}}") != std::string_view::npos) {
      return InvalidArgument("\"}}\" without \"{{\" before it");
    }
    Piece piece{.literal = std::string(literal)};
    text.remove_prefix(literal.size());
    if (open != std::string_view::npos) {
      const std::size_t close = text.find("}}");
      if (close == std::string_view::npos) {
        return InvalidArgument("\"{{\" without \"}}\" after it");
      }
      SIGNET_TRY_ASSIGN(piece.variable, FindVariable(Trimmed(text.substr(2, close - 2))));
      text.remove_prefix(close + 2);
    }
    parsed.pieces_.push_back(std::move(piece));
  }
  return parsed;
}

std::string PodTemplate::Render(const TemplateValues& values) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    if (piece.variable != nullptr) {
      out += values.*piece.variable;
    }
  }
  return out;
}

}  // namespace signet::service
