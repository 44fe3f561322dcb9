#include "imap/client_rules.h"

#include <algorithm>

#include "base/text.h"

namespace bz::imap {
namespace {

bool fits(std::string_view wanted, std::string_view said) {
  if (!wanted.ends_with('*')) return base::iequals(wanted, said);
  wanted.remove_suffix(1);
  return base::istarts_with(said, wanted);
}

std::string_view field(const IdFields& id, std::string_view key) {
  for (const auto& [name, value] : id)
    if (base::iequals(name, key)) return value;
  return {};
}

bool names(std::span<const std::string> list, std::string_view capability) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& entry) {
    return base::iequals(entry, capability) || base::iequals(entry, capability.substr(0, capability.find('=')));
  });
}

}  // namespace

std::span<const ClientRule> our_client_rules() {
  static const std::vector<ClientRule> rules = {
      {"com.apple.email.maild",
       "",
       {"IMAP4rev2"},
       {},
       "iOS 18 and later: with another IMAP4rev2 server the Inbox stayed empty although SELECT said 90 (stalwart#3177, May "
       "2026); why is not known. What Mail uses it has by the extensions."},
      {"iPhone Mail",
       "",
       {"IMAP4rev2"},
       {},
       "the part of iOS that checks an account in Settings, and all of Mail up to iOS 17: as com.apple.email.maild"},
      {"iPad Mail", "", {"IMAP4rev2"}, {}, "as iPhone Mail"},
      {"Mac OS X Mail", "", {"IMAP4rev2"}, {}, "shares the sync code of com.apple.email.maild"},
  };
  return rules;
}

ClientRules::ClientRules(std::vector<ClientRule> own, bool with_ours) : rules_(std::move(own)) {
  if (with_ours) rules_.insert(rules_.end(), our_client_rules().begin(), our_client_rules().end());
}

std::vector<std::string> ClientRules::hidden_from(const IdFields& id) const {
  std::vector<std::string> hidden, decided;
  const std::string_view name = field(id, "name"), version = field(id, "version");
  if (name.empty()) return hidden;
  for (const ClientRule& rule : rules_) {
    if (!fits(rule.name, name) || (!rule.version.empty() && !fits(rule.version, version))) continue;
    for (const std::string& capability : rule.hide)
      if (!names(decided, capability)) hidden.push_back(capability);
    decided.insert(decided.end(), rule.hide.begin(), rule.hide.end());
    decided.insert(decided.end(), rule.show.begin(), rule.show.end());
  }
  return hidden;
}

bool is_hidden(std::string_view capability, std::span<const std::string> hidden) { return names(hidden, capability); }

std::string without(std::string_view capabilities, std::span<const std::string> hidden) {
  std::string out;
  for (std::string_view word : base::split(capabilities, ' '))
    if (!word.empty() && !names(hidden, word)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

}  // namespace bz::imap
