#pragma once

#include <string>

#include "ca/store/records.h"

namespace signet::store::test {

/// Records with every field set to something that is not its default, made different by `row`.
Entry SampleEntry(std::int64_t row);
Agent SampleAgent(std::int64_t row);
StoredBundle SampleBundle(std::int64_t row);
Journal SampleJournal();

spiffe::SpiffeId Id(const std::string& text);
spiffe::TrustDomain Domain(const std::string& name);

}  // namespace signet::store::test
