// Names of domains and hosts, as the administrator may write them.
#pragma once
#include <string>
#include <string_view>

namespace bz::app {

bool is_host_name(std::string_view name);
// Domains may be written with U-labels; inside there are A-labels only. What converts to none stays, for the check that
// follows.
void to_a_labels(std::string& name);
bool is_mail_host(const std::string& host);  // a name or a numeric address

}  // namespace bz::app
