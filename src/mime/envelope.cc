#include "mime/envelope.h"

#include "base/text.h"
#include "mime/address.h"

namespace bz::mime {
namespace {

// An empty name is NIL; mailbox and host of a real address never are, because NIL there means a group (RFC 3501
// section 7.4.2).
void write_address(ImapText& out, const Address& address) {
  auto or_nil = [&](std::string_view text) { text.empty() ? out.raw("NIL") : out.string(text); };
  out.raw("(");
  switch (address.kind) {
    case Address::Kind::GroupStart:
      out.raw("NIL NIL ");
      out.string(address.name);
      out.raw(" NIL");
      break;
    case Address::Kind::GroupEnd:
      out.raw("NIL NIL NIL NIL");
      break;
    case Address::Kind::Mailbox:
      if (!out.utf8() && !(base::is_ascii(address.mailbox) && base::is_ascii(address.host))) {
        // RFC 6858 section 2.1: an address that belongs to nobody, and a name that says what it was.
        out.string(address.name.empty() ? address.mailbox + "@" + address.host : address.name);
        out.raw(" NIL \"invalid\" \"internationalized-address.invalid\"");
        break;
      }
      or_nil(address.name);
      out.raw(" ");
      or_nil(address.route);
      out.raw(" ");
      out.string(address.mailbox);
      out.raw(" ");
      out.string(address.host);
  }
  out.raw(")");
}

void write_list(ImapText& out, const std::vector<Address>& list) {
  if (list.empty()) return out.raw("NIL");
  out.raw("(");
  for (const Address& address : list) write_address(out, address);
  out.raw(")");
}

// A field that wrongly stands more than once counts as one list.
std::vector<Address> addresses(std::string_view name, std::string_view header, const HeaderIndex& index) {
  std::vector<Address> all;
  for (const HeaderField& field : index.fields) {
    if (!base::iequals(HeaderIndex::name(field, header), name) || all.size() >= kMaxAddresses) continue;
    auto list = parse_address_list(HeaderIndex::raw_value(field, header), kMaxAddresses - all.size());
    all.insert(all.end(), std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
  }
  return all;
}

}  // namespace

void write_envelope(ImapText& out, std::string_view header, const HeaderIndex& index) {
  auto value = [&](std::string_view name) {
    out.nstring(index.value(name, header));
    out.raw(" ");
  };
  auto list = [&](std::string_view name) { return addresses(name, header, index); };
  auto put = [&](const std::vector<Address>& addresses) {
    write_list(out, addresses);
    out.raw(" ");
  };
  out.raw("(");
  value("Date");
  value("Subject");
  auto from = list("From"), sender = list("Sender"), reply_to = list("Reply-To");
  put(from);
  put(sender.empty() ? from : sender);
  put(reply_to.empty() ? from : reply_to);
  put(list("To"));
  put(list("Cc"));
  put(list("Bcc"));
  value("In-Reply-To");
  out.nstring(index.value("Message-ID", header));
  out.raw(")");
}

}  // namespace bz::mime
