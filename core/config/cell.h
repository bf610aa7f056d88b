#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/json_reader.h"
#include "core/config/schema.h"

namespace signet::config {

/// EmptyCell is the value of an option that nobody has set.
Values::Cell EmptyCell(Type type);

/// ParseCell reads an option's value from text (of a list: items joined by commas) and checks it.
/// The error is what is wrong with it.
Result<Values::Cell> ParseCell(const Option& option, const std::string& text,
                               const std::string& place);
Result<Values::Cell> ParseListCell(const Option& option, const std::vector<std::string>& list,
                                   const std::string& place);

/// KindProblem says what an option of this type expects if the file has something else, or "".
std::string KindProblem(Type type, JsonItem::Kind kind);

}  // namespace signet::config
