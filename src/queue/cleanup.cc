#include "queue/cleanup.h"

#include <algorithm>

#include "base/text.h"
#include "intl/idna.h"
#include "mime/address.h"
#include "mime/header.h"

namespace bz::queue {
namespace {

constexpr size_t kMaxFrom = 20;

// Where the header ends in `text`, looking from `from` on: behind the first empty line.
size_t header_end(std::string_view text, size_t from) {
  if (text.starts_with("\r\n")) return 2;
  const size_t empty = text.find("\r\n\r\n", from < 3 ? 0 : from - 3);
  return empty == std::string_view::npos ? empty : empty + 4;
}

bool has_eight_bit(std::string_view text) { return !base::is_ascii(text); }

std::string first_message_id(std::string_view value) {
  const size_t begin = value.find('<');
  const size_t end = value.find('>', begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos || end - begin > 900) return {};
  return std::string(value.substr(begin, end - begin + 1));
}

void collect_addresses(std::string_view value, std::vector<std::string>& out) {
  for (const auto& address : mime::parse_address_list(mime::unfold(value), kMaxFrom)) {
    if (address.kind != mime::Address::Kind::Mailbox || out.size() == kMaxFrom) continue;
    out.push_back(mime::format_addr_spec(address.mailbox, address.host));
  }
}

// A host, or an address with its domain, in A-labels: the message may have to leave without SMTPUTF8, and our trace must
// not be what keeps it (RFC 6531 section 3.7.3).
std::string with_a_labels(std::string_view name) {
  if (base::is_ascii(name)) return std::string(name);
  const size_t domain = name.rfind('@') + 1;  // npos + 1: all of it
  const auto ascii = intl::to_a_labels(name.substr(domain));
  return ascii ? std::string(name.substr(0, domain)) + *ascii : std::string(name);
}

}  // namespace

Result<void> Cleanup::add(std::string_view chunk, std::string& out) {
  eight_bit_ = eight_bit_ || has_eight_bit(chunk);
  if (in_body_) {
    out += chunk;
    return {};
  }
  const size_t before = header_.size();
  header_ += chunk;
  const size_t end = header_end(header_, before);
  if (end == std::string::npos) {
    // Without an empty line it may also be a message that has no header at all.
    if (header_.size() <= kMaxHeader) return {};
    return rewrite(false, out);
  }
  return rewrite(true, out);
}

Result<void> Cleanup::finish(std::string& out) { return in_body_ ? Result<void>() : rewrite(false, out); }

Result<void> Cleanup::rewrite(bool complete, std::string& out) {
  const mime::HeaderLimits limits{.bytes = kMaxHeader, .fields = 5000};
  BZ_TRY(const auto index, mime::scan_header_strict(header_, limits));
  if (!complete && index.size > 0 && header_.size() > kMaxHeader) return fail(Errc::TooLarge, "header without end");
  const std::string_view block = std::string_view(header_).substr(0, index.size);

  const size_t start = out.size();
  out += rules_.trace;
  eight_bit_ = eight_bit_ || has_eight_bit(rules_.trace);
  const bool date = index.find("Date", block) != nullptr;
  const auto id = index.value("Message-ID", block);
  message_id_ = id ? first_message_id(*id) : "";
  if (rules_.submission && !date) out += "Date: " + rules_.date + "\r\n";
  if (rules_.submission && !id) {
    out += "Message-ID: " + rules_.message_id + "\r\n";
    message_id_ = rules_.message_id;
  }
  size_t hops = 0, last = 0;
  for (const auto& field : index.fields) {
    const auto name = mime::HeaderIndex::name(field, block);
    out += block.substr(last, field.at - last);  // what is no field stays where it is
    last = field.end;
    if (base::iequals(name, "Return-Path")) continue;
    if (base::iequals(name, "Received")) ++hops;
    if (base::iequals(name, "From") || base::iequals(name, "Sender")) {
      collect_addresses(mime::HeaderIndex::raw_value(field, block), from_);
    }
    const auto bytes = block.substr(field.at, field.end - field.at);
    if (rules_.submission && (base::iequals(name, "Bcc") || base::iequals(name, "Resent-Bcc"))) {
      if (bcc_.size() == 1000) return fail(Errc::Limit, "too many Bcc fields");
      bcc_.push_back({out.size() - start, bytes.size()});
    }
    out += bytes;
  }
  out += block.substr(last);
  if (hops > rules_.max_hops) return fail(Errc::Limit, "too many Received fields");
  // The header may lack its empty line: no header at all, or the message ends within it.
  const auto written = std::string_view(out).substr(start);
  if (index.size == 0 || (!block.ends_with("\r\n\r\n") && block != "\r\n")) {
    if (!written.empty() && !written.ends_with("\r\n")) out += "\r\n";
    out += "\r\n";
  }
  header_size_ = out.size() - start;
  out += std::string_view(header_).substr(index.size);
  header_ = {};
  in_body_ = true;
  return {};
}

std::string received_field(const ReceivedFacts& f) {
  const bool tls = !f.tls_version.empty();
  std::string with = f.smtputf8 ? "UTF8SMTP" : f.esmtp ? "ESMTP" : "SMTP";
  if (f.esmtp || f.smtputf8) {
    if (tls) with += 'S';
    if (f.authenticated) with += 'A';
  }
  std::string out = "Received: from " + (f.hello.empty() ? std::string("unknown") : with_a_labels(f.hello));
  if (!f.peer_address.empty()) {
    const bool v6 = f.peer_address.find(':') != std::string::npos;
    out += std::string(" ([") + (v6 ? "IPv6:" : "") + f.peer_address + "])";
  }
  out += "\r\n\tby " + f.hostname + " (buzon) with " + with;
  if (tls) out += "\r\n\t(" + f.tls_version + " " + f.tls_cipher + ")";
  out += "\r\n\tid " + f.id;
  if (!f.recipient.empty()) out += "\r\n\tfor <" + with_a_labels(f.recipient) + ">";
  return out + ";\r\n\t" + f.date + "\r\n";
}

}  // namespace bz::queue
