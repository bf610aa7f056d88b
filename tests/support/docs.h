#pragma once

#include <string>

namespace signet::test {

/// CheckDoc fails the test if docs/<name> is not the given text. With SIGNET_WRITE_DOCS=1 in the
/// environment it writes the page instead.
void CheckDoc(const std::string& name, const std::string& text);

/// CheckDocSection is CheckDoc for the lines between "<!-- begin <section> -->" and
/// "<!-- end <section> -->".
void CheckDocSection(const std::string& name, const std::string& section, const std::string& text);

}  // namespace signet::test
