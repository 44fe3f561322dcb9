// An authority's refusal in words that tell the administrator what to do.
#pragma once
#include <string>
#include <string_view>

#include "acme/reply.h"

namespace bz::acme {

// `name`, `challenge`: what was being proved, and how; empty: something else was refused.
std::string explain(const Problem& problem, std::string_view name = {}, std::string_view challenge = {});

}  // namespace bz::acme
