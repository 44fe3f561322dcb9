#include "app/config_names.h"

#include "base/text.h"
#include "intl/idna.h"
#include "net/stream.h"

namespace bz::app {

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (std::string_view label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (!base::is_alpha(c) && !base::is_digit(c) && c != '-') return false;
    }
  }
  return true;
}

void to_a_labels(std::string& name) {
  auto ascii = intl::to_a_labels(name);
  if (ascii) name = std::move(*ascii);
}

bool is_mail_host(const std::string& host) { return is_host_name(host) || net::is_numeric(host); }

}  // namespace bz::app
