// `buzon config doc`
#include "app/config.h"
#include "app/config_value.h"

namespace bz::app {
namespace {

template <class Target>
void doc_of(std::string& out, std::span<const Key<Target>> keys, std::string_view indent) {
  for (const auto& key : keys) {
    out += "# " + std::string(key.doc) + "\n#   " + allowed(key);
    if (key.needs_restart) out += "; takes effect at a restart";
    out += key.required ? "; required\n" : key.standard.empty() ? "; default: unset\n" : "\n";
    if (key.required || key.standard.empty()) out += "# ";
    out += std::string(indent) + std::string(key.name) + " = " + std::string(key.standard) + "\n\n";
  }
}

}  // namespace

std::string config_doc() {
  std::string out =
      "# Every setting of buzon with its default. Unknown keys are errors. A reload (buzon reload, SIGHUP, a changed "
      "file)\n"
      "# takes over all of them but those that say: takes effect at a restart.\n\n";
  doc_of(out, config_keys(), "");
  out += "# One table for each place where connections are taken.\n# [[listener]]\n\n";
  doc_of(out, listener_keys(), "");
  out +=
      "# One table for each directory of other accounts, asked in this order after the embedded one.\n# [[directory]]\n\n";
  doc_of(out, directory_keys(), "");
  out += "# One table for each further certificate, besides those of tls above.\n# [[certificate]]\n\n";
  doc_of(out, certificate_keys(), "");
  out += "# One table for each mail server of somebody else's that holds mailboxes of ours.\n# [[server]]\n\n";
  doc_of(out, server_keys(), "");
  out +=
      "# Whose mailbox is there: the first that fits counts, after what the directory says of the account.\n# "
      "[[route]]\n\n";
  doc_of(out, route_keys(), "");
  out += "# What an IMAP client that is known by its ID gets otherwise than the rest.\n# [[client]]\n\n";
  doc_of(out, client_keys(), "");
  return out;
}

}  // namespace bz::app
