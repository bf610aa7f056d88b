#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::service {

/// TemplateValues is what a template may name, each under its own name ("{{namespace}}" …).
struct TemplateValues {
  std::string_view trust_domain;
  std::string_view cluster;
  std::string_view namespace_name;  ///< {{namespace}}
  std::string_view service_account;
  std::string_view pod_name;
  std::string_view pod_uid;
  std::string_view node_name;
};

/// PodTemplate is text with variables, e.g. "{{service_account}}.{{namespace}}.svc". Spaces inside
/// the braces do not count. Value type: what exists has balanced braces and known variables only.
class PodTemplate {
 public:
  static constexpr std::size_t kMaxBytes = 2048;

  /// Parse: INVALID_ARGUMENT says what is wrong, and lists the variables if one is unknown.
  static Result<PodTemplate> Parse(std::string_view text);
  std::string Render(const TemplateValues& values) const;
  const std::string& text() const { return text_; }

 private:
  /// Piece is literal text and the variable that comes after it, if any.
  struct Piece {
    std::string literal;
    std::string_view TemplateValues::*variable = nullptr;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace signet::service
