#include "smtp/dsn.h"

#include <algorithm>

#include "base/text.h"

namespace bz::smtp {
namespace {

constexpr size_t kMaxDiagnostic = 800;  // keeps the line below 998 bytes (RFC 5322 2.1.1)

std::string_view word(DsnAction action) {
  switch (action) {
    case DsnAction::Failed:
      return "failed";
    case DsnAction::Delayed:
      return "delayed";
    case DsnAction::Delivered:
      return "delivered";
    case DsnAction::Relayed:
      return "relayed";
  }
  return "failed";
}

// The worst news names the message.
DsnAction overall(const std::vector<DsnRecipient>& recipients) {
  DsnAction worst = DsnAction::Relayed;
  for (const auto& r : recipients) worst = std::min(worst, r.action);
  return worst;
}

std::string_view subject(DsnAction action) {
  switch (action) {
    case DsnAction::Failed:
      return "Undelivered mail returned to sender";
    case DsnAction::Delayed:
      return "Delayed mail, still being tried";
    case DsnAction::Delivered:
    case DsnAction::Relayed:
      return "Successful mail delivery report";
  }
  return "";
}

std::string_view explanation(DsnAction action) {
  switch (action) {
    case DsnAction::Failed:
      return "Your message could not be delivered to the recipients below.\r\n"
             "It will not be tried again.\r\n";
    case DsnAction::Delayed:
      return "Your message has not been delivered to the recipients below yet.\r\n"
             "You need not send it again: it is still being tried.\r\n";
    case DsnAction::Delivered:
    case DsnAction::Relayed:
      return "Your message was delivered, or passed on to a server that sends no such reports.\r\n";
  }
  return "";
}

std::string clip(std::string text) {
  if (text.size() > kMaxDiagnostic) {
    size_t end = kMaxDiagnostic;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
    text.resize(end);
  }
  if (!base::is_utf8(text)) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return text;
}

// RFC 3464 2.3.4; a code of its class when the server gave none.
std::string status_of(const DsnRecipient& r) {
  if (!r.reply.status.empty()) return r.reply.status;
  if (r.action == DsnAction::Failed) return "5.0.0";
  return r.action == DsnAction::Delayed ? "4.0.0" : "2.0.0";
}

std::string address_type(const Address& address) { return address.needs_smtputf8() ? "utf-8; " : "rfc822; "; }

std::string human_part(const DsnInput& in, DsnAction action) {
  std::string out = "This is the mail system at " + in.reporting_mta + ".\r\n\r\n";
  out += explanation(action);
  for (const auto& r : in.recipients) {
    out += "\r\n" + r.rcpt.recipient.to_path() + ":\r\n    ";
    if (!r.remote_mta.empty()) out += r.remote_mta + " said: ";
    out += clip(r.reply.to_string()) + "\r\n";
  }
  return out;
}

std::string status_part(const DsnInput& in) {
  std::string out = "Reporting-MTA: dns; " + in.reporting_mta + "\r\n";
  if (!in.envid.empty()) out += "Original-Envelope-Id: " + in.envid + "\r\n";
  if (!in.queue_id.empty()) out += "X-Buzon-Queue-Id: " + in.queue_id + "\r\n";
  if (!in.arrival_date.empty()) out += "Arrival-Date: " + in.arrival_date + "\r\n";
  for (const auto& r : in.recipients) {
    out += "\r\n";
    if (const size_t semicolon = r.rcpt.orcpt.find(';'); semicolon != std::string::npos) {
      out +=
          "Original-Recipient: " + r.rcpt.orcpt.substr(0, semicolon) + "; " + r.rcpt.orcpt.substr(semicolon + 1) + "\r\n";
    }
    out += "Final-Recipient: " + address_type(r.rcpt.recipient) + r.rcpt.recipient.to_string() + "\r\n";
    out += "Action: " + std::string(word(r.action)) + "\r\n";
    out += "Status: " + status_of(r) + "\r\n";
    if (!r.remote_mta.empty()) out += "Remote-MTA: dns; " + r.remote_mta + "\r\n";
    if (r.reply.code != 0) out += "Diagnostic-Code: smtp; " + clip(r.reply.to_string()) + "\r\n";
    if (!r.last_attempt.empty()) out += "Last-Attempt-Date: " + r.last_attempt + "\r\n";
  }
  return out;
}

std::string part(const std::string& boundary, std::string_view type, std::string_view description,
                 const std::string& body) {
  std::string out = "--" + boundary + "\r\nContent-Description: " + std::string(description) + "\r\nContent-Type: ";
  out += type;
  out += "\r\n";
  if (!base::is_ascii(body)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\n" + body;
  if (!body.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace

std::string make_dsn(const DsnInput& in) {
  const DsnAction action = overall(in.recipients);
  const auto human = human_part(in, action);
  const auto status = status_part(in);
  const bool global = !base::is_ascii(status);  // RFC 6533 4
  const bool eight_bit = global || !base::is_ascii(human) || !base::is_ascii(in.original);

  std::string out;
  out += "From: Mail Delivery System <MAILER-DAEMON@" + in.reporting_mta + ">\r\n";
  out += "To: " + in.to.to_path() + "\r\n";
  out += "Subject: " + std::string(subject(action)) + "\r\n";
  out += "Date: " + in.date + "\r\n";
  out += "Message-ID: " + in.message_id + "\r\n";
  out += "Auto-Submitted: auto-replied\r\n";
  out += "MIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=" + std::string(global ? "global-" : "") + "delivery-status;\r\n";
  out += " boundary=\"" + in.boundary + "\"\r\n";
  if (eight_bit) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\nThis is a MIME-encapsulated message.\r\n\r\n";
  out += part(in.boundary, "text/plain; charset=utf-8", "Notification", human);
  out += "\r\n" + part(in.boundary, global ? "message/global-delivery-status" : "message/delivery-status",
                       "Delivery report", status);
  if (in.full) {
    out += "\r\n" + part(in.boundary, global ? "message/global" : "message/rfc822", "Undelivered message", in.original);
  } else {
    out += "\r\n" +
           part(in.boundary, global ? "message/global-headers" : "text/rfc822-headers", "Message headers", in.original);
  }
  out += "\r\n--" + in.boundary + "--\r\n";
  return out;
}

}  // namespace bz::smtp
